"""Whether anything moves near the lines. Most roads are empty most of the time, and an empty one needs no network.

The luma is averaged into small cells, and the cells near the lines are compared with those of the last picture that the
network saw: so what moves slowly is looked at as soon as it has moved, and nothing stays unseen for long. If anything
differs, a light that changes everywhere and a camera that sways are taken out first: brightness and shift of the whole
are fitted by least squares, as in Lucas and Kanade (1981), from coarse to fine. What is left counts where it is more
than the noise of its cell. The noise is learnt in bounded steps, as in the sigma-delta background of Manzanera and
Richefeu (2004), so that traffic does not become part of it.

A road where something moves nearly always has little to save and much to lose: there, every picture passes that could
show motion. So does every picture in which what moves is faint, as against the sun: a detector finds it now and then,
and needs all its chances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import msgspec
import numpy as np

from stream.scene import Line, Scene

Crop = tuple[int, int, int, int]

MARGIN = 0.1  # of the longer side of the picture, on both sides of a line: tracks settle there before and after it
CELLS, LEAST_CELL = 3200, 4  # about so many cells, of so many pixels or more: 8 in 640x360. Smaller ones show noise
CLUSTER = 3  # cells of 3x3 that differ: less is noise

NOISE_STEP = 2.0  # grey levels a second
NOISE_LEVELS = (0.5, 5.0)  # the noise of a cell is never taken for less or more
SIGMAS, LEAST_LEVELS = 4.0, 5.0  # a difference counts above so many times the noise, and above this

COARSE = 4  # cells: a sway is first sought so coarsely
OUTLIER = 12.0  # grey levels: what differs by more moves by itself
RIDGE = 50 * np.eye(3, dtype=np.float32)  # no sway is seen where nothing has contrast
MOST_SWAY = 6.0  # cells
MISFIT, MISFIT_OF_SWAY, MOST_MISFIT = 0.3, 0.6, 0.8  # cells to which two pictures fit: at rest, of the sway, at most

LOOK_S = 1.0  # a pass at least so often, to stay honest
REST_S = 0.06  # between two passes, where the road is not busy and what moves is not faint
FAINT = 40.0  # grey levels: what changes no cluster by so much stands out little
STIR_S = 0.25  # something counts as moving for so long
BUSY, BUSY_MEMORY_S = 0.75, 6.0  # the share of about so many seconds in which something moves on a busy road


class _State(msgspec.Struct, frozen=True, array_like=True):
    """For the fields see MotionGate; arrays as bytes, f32 (rows, columns)."""

    last: bytes
    noise: bytes
    busy: float
    seen_s: float
    moved_s: float
    passed_s: float


class MotionGate:
    """Looks at every picture of one camera that stands still.

    lines: motion matters around them; without lines, everywhere. crop_xyxy: what the network sees of the picture.
    """

    def __init__(self, lines: Sequence[Line], size_wh: tuple[int, int], crop_xyxy: Crop) -> None:
        x1, y1, x2, y2 = crop_xyxy
        cell = max(LEAST_CELL, round(math.sqrt((x2 - x1) * (y2 - y1) / CELLS)))
        columns, rows = max(1, (x2 - x1) // cell), max(1, (y2 - y1) // cell)
        self._part = np.s_[y1 : min(y2, y1 + rows * cell), x1 : min(x2, x1 + columns * cell)]
        self._wh = columns, rows
        x, y = np.meshgrid(x1 + cell * (np.arange(columns) + 0.5), y1 + cell * (np.arange(rows) + 0.5))
        near = [_distance(line, x, y) <= MARGIN * max(size_wh) for line in lines]
        self._near = np.any(near or [x >= 0], axis=0).view(np.uint8)
        self._last = np.zeros((rows, columns), np.float32)  # the cells of the picture of the last pass
        self._noise = np.full((rows, columns), NOISE_LEVELS[0], np.float32)
        self._busy = BUSY / 2
        self._seen_s = self._moved_s = self._passed_s = -math.inf

    @classmethod
    def of(cls, scene: Scene, crop_xyxy: Crop) -> MotionGate:
        """For what is counted in a scene: a movement or a visit is followed through the whole picture, not at lines."""
        lines = () if scene.zones or scene.movements else scene.lines
        return cls(lines, (scene.width, scene.height), crop_xyxy)

    def passes(self, luma: np.ndarray, pts_s: float) -> bool:
        """Whether the network must look at the picture with this luma, u8 (height, width)."""
        cells = cv2.resize(luma[self._part], self._wh, interpolation=cv2.INTER_AREA).astype(np.float32)
        dt_s, self._seen_s = pts_s - self._seen_s, pts_s
        needed = not 0 <= dt_s <= LOOK_S  # the first picture, or time has jumped
        if not needed:
            sure = self._busy > BUSY and pts_s - self._moved_s < STIR_S / 2  # every picture passes: comparing is idle
            needed = self._is_needed(0.0 if sure else self._change(cells, dt_s), dt_s)
        if needed:
            self._last, self._passed_s = cells, pts_s
        return needed

    def state(self) -> bytes:
        """Everything that `restore` needs to go on from here, as msgpack."""
        times_s = (self._seen_s, self._moved_s, self._passed_s)
        return msgspec.msgpack.encode(_State(self._last.tobytes(), self._noise.tobytes(), self._busy, *times_s))

    def restore(self, state: bytes | None) -> None:
        """Go on from what `state` returned, of a gate of the same camera; None: as it is."""
        if state is None:
            return
        before = msgspec.msgpack.decode(state, type=_State)
        self._last, self._noise = (
            np.frombuffer(plane, np.float32).reshape(self._near.shape).copy() for plane in (before.last, before.noise)
        )
        self._busy = before.busy
        self._seen_s, self._moved_s, self._passed_s = before.seen_s, before.moved_s, before.passed_s

    def _is_needed(self, change: float, dt_s: float) -> bool:
        now_s = self._seen_s
        self._moved_s = now_s if change else min(self._moved_s, now_s)
        moving = now_s - self._moved_s < STIR_S
        self._busy += (moving - self._busy) * -math.expm1(-dt_s / BUSY_MEMORY_S)
        rested_s = now_s - self._passed_s
        if rested_s >= LOOK_S:
            return True
        return moving if self._busy > BUSY else change > 0 and (rested_s >= REST_S or change < FAINT)

    def _change(self, cells: np.ndarray, dt_s: float) -> float:
        """Grey levels by which the cells near the lines that differ most do so from the last pass, as many as a cluster
        has; 0: nothing moved. Learns the noise."""
        least = np.maximum(SIGMAS * self._noise, LEAST_LEVELS)
        change = cv2.absdiff(cells, self._last)
        moved = self._shows(change > least)
        if moved:
            change, doubt = _unexplained(cells, self._last)
            moved = self._shows(change > np.maximum(least, doubt))
        self._noise += NOISE_STEP * dt_s * np.sign(change - self._noise)
        np.clip(self._noise, *NOISE_LEVELS, out=self._noise)
        return float(np.partition((change * self._near).ravel(), -CLUSTER)[-CLUSTER]) if moved else 0.0

    def _shows(self, differs: np.ndarray) -> bool:
        """Whether cells near the lines, bool (rows, columns), lie together so that they are no noise."""
        cells = differs.view(np.uint8) & self._near
        return bool(cells.any()) and int(cv2.boxFilter(cells, -1, (3, 3), normalize=False).max()) >= CLUSTER


def _unexplained(now: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(size of the change between two pictures without that of the light and of a camera that sways, how much of it
    may be the misfit of the two), f32 (rows, columns) each."""
    shift = COARSE * _explain(_coarse(now), _coarse(before))[0]
    moved, left = before, now - before
    for _ in range(2):
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        moved = cv2.warpAffine(before, matrix, before.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        more, left = _explain(now, moved)
        shift = np.clip(shift + more, -MOST_SWAY, MOST_SWAY)
    x, y = (math.ceil(abs(n)) for n in shift)
    left[:y] = left[len(left) - y :] = 0  # where nothing is known of what was there before
    left[:, :x] = left[:, left.shape[1] - x :] = 0
    contrast = cv2.morphologyEx(moved, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.abs(left), min(MISFIT + MISFIT_OF_SWAY * float(np.hypot(*shift)), MOST_MISFIT) * contrast


def _explain(now: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(shift x, y in cells from before to now, what it and the light leave of the change)."""
    change = (now - before).ravel()
    right, down = cv2.Sobel(before, -1, 1, 0, ksize=1) / 2, cv2.Sobel(before, -1, 0, 1, ksize=1) / 2
    causes = np.stack([right.ravel(), down.ravel(), before.ravel()])  # (3, N)
    cause, left = np.zeros(3, np.float32), change
    for _ in range(2):  # the second time without what moves by itself
        weighted = causes * (np.abs(left) < OUTLIER)
        cause = np.linalg.solve(weighted @ causes.T + RIDGE, weighted @ change)
        left = change - cause @ causes
    return -cause[:2], left.reshape(now.shape)


def _coarse(picture: np.ndarray) -> np.ndarray:
    rows, columns = (max(1, n // COARSE) for n in picture.shape)
    part = picture[: rows * COARSE, : columns * COARSE]
    return cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)


def _distance(line: Line, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """px from each place to the line, which ends at its ends."""
    way_x, way_y = line.x2 - line.x1, line.y2 - line.y1
    share = ((x - line.x1) * way_x + (y - line.y1) * way_y) / max(way_x**2 + way_y**2, 1e-9)
    share = np.clip(share, 0, 1)
    return np.hypot(x - line.x1 - share * way_x, y - line.y1 - share * way_y)
