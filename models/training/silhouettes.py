"""Silhouettes to train the mask network with, without anybody drawing them.

Before a camera that stands still, what differs from the empty scene in the box of a road user is its silhouette. Its
shadow differs as well, but only in brightness. In the box of a neighbour it is not known whose a pixel is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from stream.errors import ConfigError
from stream.messages import MASK_SIZE

GRID = 2 * MASK_SIZE  # labels are kept finer than what is learned: boxes are moved in training
CONTRAST, SIGMAS = 14.0, 5.0  # grey levels, and of the noise, that a pixel of a road user differs by
SHADOW = (0.35, 0.97)  # of the light of the empty road, that is left in a shadow
TINT = 10.0  # grey levels: colour changes less than this in a shadow
SMALLEST = 16  # px: the shorter side of a box that shows a shape
FILL = (0.35, 0.95)  # of its box, that a silhouette covers
OUTSIDE = 0.4  # of the silhouette's area, that may differ just round the box: more, and something else moves there
RIM = 0.12  # of the box: a silhouette reaches as near to each of its sides
LEAST_KNOWN = 0.6
LEAST_SOLID = 0.85  # of its convex hull, that a silhouette covers: one with a bite out of it missed a part


class Silhouettes(NamedTuple):
    """Boxes in pictures with their silhouettes, row by row.

    picture: path (N,); xyxy f32 (N, 4) in its pixels; mask u8 (N, 56, 56) box-aligned probability times 255; known
    bool (N, 56, 56); held_out bool (N,): for scoring, not for training.
    """

    picture: np.ndarray
    xyxy: np.ndarray
    mask: np.ndarray
    known: np.ndarray
    held_out: np.ndarray

    def take(self, at: np.ndarray) -> Silhouettes:
        """The rows that `at` (a boolean mask or an index array) names."""
        return Silhouettes(*(column[at] for column in self))


def write_silhouettes(path: Path, found: Silhouettes) -> None:
    """An .npz file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **found._asdict())


def read_silhouettes(path: Path) -> Silhouettes:
    """Raises ConfigError where the file does not hold silhouettes."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Silhouettes(*(file[name] for name in Silhouettes._fields))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(str(path), f"cannot be read as silhouettes ({error})", "give a file .npz") from error


def empty_scene(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """f32 (H, W, 3): the median of pictures u8 (H, W, 3) of one view."""
    scene: np.ndarray = np.median(np.stack(pictures), axis=0).astype(np.float32)
    return scene


def differs(picture: np.ndarray, scene: np.ndarray) -> np.ndarray:
    """bool (H, W): other than the empty scene by more than noise, and not by a shadow alone."""
    apart = cv2.GaussianBlur(picture, (3, 3), 0).astype(np.float32) - scene
    apart -= np.median(apart, axis=(0, 1))  # a change of all light
    most = np.abs(apart).max(2)
    moved = most > max(CONTRAST, SIGMAS * 1.4826 * float(np.median(most)))
    light = (picture.astype(np.float32).mean(2) + 1) / (scene.mean(2) + 1)
    tint = np.abs(apart - apart.mean(2, keepdims=True)).max(2)
    shadow = (light > SHADOW[0]) & (light < SHADOW[1]) & (tint < TINT) & (np.abs(_detail(picture) - _detail(scene)) < 6)
    mask = cv2.morphologyEx((moved & ~shadow).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return mask.astype(bool)


def _detail(picture: np.ndarray) -> np.ndarray:
    """How far pixels are from the mean round them, grey levels: a shadow leaves the road's grain."""
    grey = picture.astype(np.float32).mean(2)
    apart = np.abs(grey - cv2.blur(grey, (5, 5)))
    return cv2.blur(apart, (5, 5))


def cut_out(mask: np.ndarray, xyxy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The silhouettes of boxes (N, 4) in a picture whose moving pixels are mask bool (H, W): the indices of the boxes
    that have a sound one, and of these mask u8 and known bool (M, 56, 56)."""
    rows, masks, knowns = [], [], []
    for k in np.flatnonzero((xyxy[:, 2:] - xyxy[:, :2]).min(1, initial=np.inf) >= SMALLEST).tolist():
        part = _filled(_sampled(mask.astype(np.float32), xyxy[k]))
        known = _known(xyxy, k)
        if _is_sound(part, known) and _around(mask, xyxy[k]) < OUTSIDE:
            rows.append(k)
            masks.append((part * 255).astype(np.uint8))
            knowns.append(known)
    shape = (len(rows), GRID, GRID)
    return np.array(rows, int), np.array(masks, np.uint8).reshape(shape), np.array(knowns, bool).reshape(shape)


def _sampled(mask: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
    """f32 (56, 56) of the box."""
    x1, y1, x2, y2 = xyxy.tolist()
    shrink = np.array([[(x2 - x1) / GRID, 0, x1], [0, (y2 - y1) / GRID, y1]], np.float32)
    shrink[:, 2] += shrink[:, :2].sum(1) / 2 - 0.5  # from the centre of a cell to that of a pixel
    return cv2.warpAffine(mask, shrink, (GRID, GRID), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _filled(part: np.ndarray) -> np.ndarray:
    """Closed, without holes, and only its largest piece: windows look like road."""
    whole = cv2.morphologyEx((part > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(whole)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return cv2.GaussianBlur(filled.astype(np.float32), (5, 5), 0)


def _known(xyxy: np.ndarray, k: int) -> np.ndarray:
    """bool (56, 56): where no other box lies over box k."""
    x1, y1, x2, y2 = xyxy[k].tolist()
    x, y = x1 + (np.arange(GRID) + 0.5) / GRID * (x2 - x1), y1 + (np.arange(GRID) + 0.5) / GRID * (y2 - y1)
    known = np.ones((GRID, GRID), bool)
    for other in np.delete(xyxy, k, 0).tolist():
        columns, rows = (x > other[0]) & (x < other[2]), (y > other[1]) & (y < other[3])
        known[np.ix_(rows, columns)] = False
    return known


def _is_sound(part: np.ndarray, known: np.ndarray) -> bool:
    """Whether it covers a part of the box that a road user does, and reaches all four sides of it."""
    if known.mean() < LEAST_KNOWN:
        return False
    inside, rim = part > 0.5, round(RIM * GRID)
    reaches = (inside[:rim].any(), inside[-rim:].any(), inside[:, :rim].any(), inside[:, -rim:].any())
    return all(reaches) and FILL[0] <= inside[known].mean() <= FILL[1] and _solidity(inside) >= LEAST_SOLID


def _solidity(inside: np.ndarray) -> float:
    """What a shape covers of its convex hull."""
    outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(outlines, key=cv2.contourArea)
    return float(cv2.contourArea(largest) / max(cv2.contourArea(cv2.convexHull(largest)), 1.0))


def _around(mask: np.ndarray, xyxy: np.ndarray) -> float:
    """What moves just round a box, as a share of what moves in it."""
    size = xyxy[2:] - xyxy[:2]
    grown = np.concatenate((xyxy[:2] - 0.15 * size, xyxy[2:] + 0.15 * size)).clip(0, mask.shape[1::-1] * 2)
    (x1, y1, x2, y2), (a1, b1, a2, b2) = xyxy.clip(0, None).astype(int), grown.astype(int)
    inside = int(mask[y1:y2, x1:x2].sum())
    return (int(mask[b1:b2, a1:a2].sum()) - inside) / max(inside, 1)
