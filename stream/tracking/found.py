"""The usable detections of a picture: a table f64 (ROWS, M), one column a detection."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stream.messages import LABELS, Detections
from stream.settings import TrackerSettings

BOX, PLACE = slice(0, 4), slice(4, 8)  # outward: see stream/tracking/association.py; cx, cy, w, h, px
LAST = slice(4, 11)  # what a track keeps of its last detection, as in stream/tracking/table.py: PLACE, SCORE, time, 0
SCORE, SEEN_S = 8, 9
SUMS = slice(11, 13 + len(LABELS))  # what a track adds up: the score in the row of the class, PROOF, 1
CERTAIN = slice(11, 12 + len(LABELS))  # those that scale with the score
PROOF = SUMS.stop - 2  # how much it says that there is a road user of its own
ROWS = SUMS.stop
LIMIT = 1e6  # px: a box that reaches beyond this is nonsense

_SHAPES = np.array(  # x1, y1, x2, y2 to BOX and PLACE
    [
        *([-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]),
        *([0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [-1, 0, 1, 0], [0, -1, 0, 1]),
    ]
)
_SUMS = np.concatenate([np.eye(len(LABELS)), np.ones((2, len(LABELS)))])  # label to SUMS, of a score of 1


class Found(NamedTuple):
    """The usable detections of a picture. A score of 0 stands for one that says nothing of its own."""

    table: np.ndarray  # f64 (ROWS, M)
    label: np.ndarray  # intp (M,)

    @property
    def box(self) -> np.ndarray:
        """f64 (4, M), outward."""
        return self.table[BOX]

    @property
    def score(self) -> np.ndarray:
        """f64 (M,)."""
        return self.table[SCORE]

    def take(self, at: np.ndarray) -> Found:
        """The detections at these indices."""
        return Found(self.table.take(at, axis=1), self.label.take(at))


def usable(detections: Detections, pts_s: float, settings: TrackerSettings) -> tuple[Found, int]:
    """Those that are sound and not too weak, and how many were refused since their box is inverted, without area, or
    not finite."""
    xyxy, score, label = detections.xyxy, detections.score, detections.label
    refused, shapes = 0, _shapes_of_sound(xyxy)
    if shapes is None:
        sound = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1) & (np.abs(xyxy) < LIMIT).all(axis=1)
        refused = len(sound) - int(np.count_nonzero(sound))
        score, label, shapes = score[sound], label[sound], _SHAPES @ xyxy[sound].T.astype(np.float64)
    if len(score) and score.item(score.argmin()) < settings.weak_score:
        strong = score >= settings.weak_score
        shapes, score, label = shapes.compress(strong, axis=1), score.compress(strong), label.compress(strong)
    label = label.astype(np.intp)
    table = np.zeros((ROWS, len(score)))
    table[:8], table[SCORE], table[SEEN_S] = shapes, score, pts_s
    _SUMS.take(label, axis=1, out=table[SUMS], mode="clip")
    certain, proof = table[CERTAIN], table[PROOF]
    certain *= table[SCORE]
    proof *= score >= settings.confident_score
    return Found(table, label), refused


def _shapes_of_sound(xyxy: np.ndarray) -> np.ndarray | None:
    """BOX and PLACE of boxes f32 (M, 4), (8, M); None where one is inverted, flat or out of all bounds. NaN is the
    least and the most of all, and fails every comparison."""
    if not len(xyxy):
        return np.zeros((8, 0))
    if not (xyxy.item(xyxy.argmin()) > -LIMIT and xyxy.item(xyxy.argmax()) < LIMIT):
        return None
    shapes: np.ndarray = _SHAPES @ xyxy.T.astype(np.float64)
    sides = shapes[6:]
    return shapes if sides.item(sides.argmin()) > 0 else None
