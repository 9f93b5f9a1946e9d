"""What is true in a synthetic clip: boxes, what of them can be seen, and who crossed which line when."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import msgspec
import numpy as np

from stream.messages import LABELS
from stream.scene import Line
from stream.synth.cast import Sighting
from stream.truth import TrueCrossing

RASTER_WIDTH = 640
"""Hiding is worked out on a picture of at most this width, in pixels."""
HIDDEN = 0.25
GLANCE_S = 1.0
"""Who shows less than this share of itself all the time for so long before its place on the ground changes sides, or
after that, cannot be counted by eye: the crossing is `uncertain`. The time is the slack with which crossings are
matched: nobody can say more exactly when someone crossed who was hidden for longer."""


class TrueFrame(msgspec.Struct, frozen=True):
    """The truth of one picture. All boxes are clipped to it, in pixels.

    track_id i64 (N,), label i16 (N,) index into LABELS, xyxy f32 (N, 4) as if nothing hid it, visibility f32 (N,) the
    share of the silhouette that is neither hidden nor outside, visible_xyxy f32 (N, 4) the box of that share (zeros
    where nothing is visible), anchor_xy f32 (N, 2) the middle of the body on the ground.
    """

    seq: int
    pts_s: float
    track_id: np.ndarray
    label: np.ndarray
    xyxy: np.ndarray
    visibility: np.ndarray
    visible_xyxy: np.ndarray
    anchor_xy: np.ndarray

    def __len__(self) -> int:
        return len(self.track_id)


def true_frame(seq: int, pts_s: float, seen: Sequence[Sighting], size: tuple[int, int]) -> TrueFrame:
    """The truth of a picture of (width, height) from the sightings in painting order."""
    n = len(seen)
    limit = np.array([*size, *size], np.float32)
    xyxy = np.clip(np.array([s.xyxy for s in seen], np.float32).reshape(n, 4), 0, limit)
    share, visible = _visible(seen, xyxy, size)
    return TrueFrame(
        seq,
        pts_s,
        np.array([s.track_id for s in seen], np.int64),
        np.array([LABELS.index(s.label) for s in seen], np.int16),
        xyxy,
        share,
        visible,
        np.array([s.anchor for s in seen], np.float32).reshape(n, 2),
    )


def _visible(seen: Sequence[Sighting], xyxy: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Visible share f32 (N,) and the box of the visible part f32 (N, 4), from silhouettes painted one over another."""
    scale = min(1.0, RASTER_WIDTH / size[0])
    raster = np.full((round(size[1] * scale), round(size[0] * scale)), -1, np.int32)
    for index, sighting in enumerate(seen):
        cv2.fillConvexPoly(raster, np.round(sighting.hull * scale - 0.5).astype(np.int32), index)
    share, visible = np.zeros(len(seen), np.float32), xyxy.copy()
    for index, sighting in enumerate(seen):
        x1, y1, x2, y2 = (xyxy[index] * scale).astype(int)
        mine = raster[y1 : y2 + 1, x1 : x2 + 1] == index
        whole = max(1.0, _drawn_area(sighting.hull * scale))
        share[index] = min(1.0, mine.sum() / whole)
        if not mine.any():
            visible[index] = 0
        elif _overlapped(xyxy, index):
            columns, rows = np.flatnonzero(mine.any(axis=0)), np.flatnonzero(mine.any(axis=1))
            found = np.array([x1 + columns[0], y1 + rows[0], x1 + columns[-1] + 1, y1 + rows[-1] + 1]) / scale
            visible[index] = np.clip(found, [*xyxy[index, :2]] * 2, [*xyxy[index, 2:]] * 2)
    return share, visible


def _drawn_area(hull: np.ndarray) -> float:
    """Pixels that painting the polygon sets: its area and half its rim."""
    return float(cv2.contourArea(hull)) + float(cv2.arcLength(hull, True)) / 2 + 1


def _overlapped(xyxy: np.ndarray, index: int) -> bool:
    later = xyxy[index + 1 :]
    box = xyxy[index]
    return bool(((later[:, :2] < box[2:]) & (box[:2] < later[:, 2:])).all(axis=1).any())


def mot_rows(frame: TrueFrame) -> str:
    """MOTChallenge ground truth: frame from 1, id, left, top, width, height, considered, class, visibility.

    Class numbers are places in LABELS, from 1. Not considered (0): what is hardly visible or only a few pixels high.
    """
    rows = []
    for index in range(len(frame)):
        x1, y1, x2, y2 = frame.xyxy[index].tolist()
        share = float(frame.visibility[index])
        considered = int(share >= 0.1 and y2 - y1 >= 8)
        box = f"{x1:.2f},{y1:.2f},{x2 - x1:.2f},{y2 - y1:.2f}"
        label = int(frame.label[index]) + 1
        rows.append(f"{frame.seq + 1},{int(frame.track_id[index])},{box},{considered},{label},{share:.3f}\n")
    return "".join(rows)


class CrossingBook:
    """Follows whose picture is on which line, and makes a crossing of it when the body has left the line and its place
    on the ground changed sides. At the ends of the clip only a part of that is seen: such rows are flagged `edge`."""

    def __init__(self, clip: str, lines: Sequence[Line], fps: float) -> None:
        self._clip, self._lines, self._glance = clip, lines, round(GLANCE_S * fps)
        self._open: dict[tuple[str, int], _Passage] = {}
        self._closed: list[tuple[TrueCrossing, _Passage]] = []
        self._shares: dict[int, dict[int, float]] = {}  # by track and frame: how much of it was visible
        self._latest = -1

    def see(self, seen: Sequence[Sighting], frame: TrueFrame) -> None:
        """One frame: sightings and their truth, in the same order."""
        self._latest = frame.seq
        for sighting, share in zip(seen, frame.visibility.tolist(), strict=True):
            self._shares.setdefault(sighting.track_id, {})[frame.seq] = share
            for line in self._lines:
                self._follow(line, sighting)

    def _follow(self, line: Line, sighting: Sighting) -> None:
        key = (line.name, sighting.track_id)
        side = _side(line, sighting.hull)
        if side.min() < 0 < side.max():
            passage = self._open.setdefault(key, _Passage(sighting.track_id, sighting.label, self._latest))
            passage.anchors.append(sighting.anchor)
            passage.last = self._latest
        elif key in self._open:
            self._close(line, self._open.pop(key))

    def _close(self, line: Line, passage: _Passage) -> None:
        anchors = np.stack(passage.anchors)
        side = _side(line, anchors)
        along = np.array([line.x2 - line.x1, line.y2 - line.y1])
        reach = float((anchors[np.abs(side).argmin()] - (line.x1, line.y1)) @ along / (along @ along))
        edge = passage.first == 0 or passage.last == self._latest
        if edge and len(side) == 1:  # it has just come to the line, or is just leaving it, and goes on that way
            side = side * [1, -1] if passage.first else side * [-1, 1]
        passed = side[0] * side[-1] < 0 or (edge and side[0] != side[-1])
        if not (passed and 0 <= reach <= 1):  # beside the line, standing on it, or only leaning over it
            return
        if not edge:
            passage.change = passage.first + int(np.flatnonzero(side * side[-1] <= 0)[-1]) + 1
        direction = "in" if side[-1] > side[0] else "out"
        frame = (passage.first + passage.last) // 2
        flag, span = "edge" if edge else "", (passage.first, passage.last)
        row = TrueCrossing(self._clip, line.name, frame, *span, passage.label, direction, flag)
        self._closed.append((row, passage))

    def rows(self) -> list[TrueCrossing]:
        """All crossings, with those still on a line at the last frame, by line and frame."""
        rows = [row for of_one in self.by_track().values() for row in of_one]
        return sorted(rows, key=lambda row: (row.line, row.frame, row.first))

    def by_track(self) -> dict[int, list[TrueCrossing]]:
        """The same of each road user, in order of time."""
        for (name, _), passage in self._open.items():
            self._close(next(line for line in self._lines if line.name == name), passage)
        self._open.clear()
        found: dict[int, list[TrueCrossing]] = {}
        for row, passage in self._closed:
            sure = row.flag or self._seen(passage)
            found.setdefault(passage.track_id, []).append(
                row if sure else msgspec.structs.replace(row, flag="uncertain")
            )
        return {track_id: sorted(rows, key=lambda row: row.frame) for track_id, rows in found.items()}

    def _seen(self, passage: _Passage) -> bool:
        """Whether it could be seen on both sides."""
        shares, at, glance = self._shares[passage.track_id], passage.change, self._glance
        sides = range(at - glance, at), range(at, at + glance + 1)
        return all(max(shares.get(seq, 0.0) for seq in side) >= HIDDEN for side in sides)


class _Passage(msgspec.Struct):
    track_id: int
    label: str
    first: int
    last: int = -1
    change: int = -1  # the frame with which its place on the ground is on the other side
    anchors: list[np.ndarray] = []


def _side(line: Line, points: np.ndarray) -> np.ndarray:
    """Signed distance of points (N, 2) from the line; positive on the right of a walker from its first point."""
    dx, dy = line.x2 - line.x1, line.y2 - line.y1
    return (dx * (points[:, 1] - line.y1) - dy * (points[:, 0] - line.x1)) / float(np.hypot(dx, dy))
