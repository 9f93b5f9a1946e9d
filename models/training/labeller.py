"""Many looks at one picture: at two sizes, mirrored, and in overlapping tiles (test-time augmentation), fused."""

from __future__ import annotations

import numpy as np

from models.scoring.stills import StillDetector
from models.training.fusion import View, fuse
from stream.messages import Detections

LEAST_SCORE = 0.12
TILE = 0.6  # part of the longer side
EDGE = 3  # px: a box this near to an inner edge of a tile is cut by it, and left to the other views


class Labeller:
    """A detector that looks at every picture several times. Compiles each network size once, when first needed."""

    def __init__(self, model: str, long_sides: tuple[int, ...] = (512, 768), threads: int = 0) -> None:
        self._detector, self._long_sides = StillDetector(model, 0.05, threads), long_sides

    def label(self, picture: np.ndarray) -> tuple[Detections, np.ndarray]:
        """Fused detections of a u8 (H, W, 3) BGR picture, in its pixels, and how many views agree on each."""
        height, width = picture.shape[:2]
        whole = (0, 0, width, height)
        views = []
        for side in self._long_sides:
            views.append(View(whole, self._detector.detect(picture, side)))
            views.append(
                View(whole, mirror(self._detector.detect(np.ascontiguousarray(picture[:, ::-1]), side), width))
            )
        views += [self._tile(picture, part) for part in tiles(width, height)]
        return fuse(views, least_score=LEAST_SCORE)

    def close(self) -> None:
        self._detector.close()

    def _tile(self, picture: np.ndarray, part: tuple[int, int, int, int]) -> View:
        x1, y1, x2, y2 = part
        found = self._detector.detect(np.ascontiguousarray(picture[y1:y2, x1:x2]), self._long_sides[0])
        xyxy = found.xyxy + np.array([x1, y1, x1, y1], np.float32)
        height, width = picture.shape[:2]
        near = np.abs(xyxy - np.array(part, np.float32)) < EDGE
        inner = np.array([x1 > 0, y1 > 0, x2 < width, y2 < height])
        whole = ~(near & inner).any(1)
        return View(part, Detections(xyxy[whole], found.score[whole], found.label[whole]))


def tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Overlapping parts of a picture: two along the longer side, each 0.6 of it."""
    if width >= height:
        size = round(TILE * width)
        return [(0, 0, size, height), (width - size, 0, width, height)]
    size = round(TILE * height)
    return [(0, 0, width, size), (0, height - size, width, height)]


def mirror(found: Detections, width: int) -> Detections:
    """Detections of a mirrored picture, in the picture as it was."""
    xyxy = found.xyxy[:, [2, 1, 0, 3]]
    xyxy[:, [0, 2]] = width - xyxy[:, [0, 2]]
    return Detections(xyxy, found.score, found.label)
