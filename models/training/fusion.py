"""Weighted boxes fusion (Solovyev, Wang and Gabruseva, 2021): many views of one picture become one set of boxes.

Classes that detectors confuse are fused together and then vote: a lorry that three views call truck and two call bus is
one truck, not two vehicles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream.geometry import iou
from stream.messages import LABELS, Detections

KINDS = np.array([0, 1, 2, 1, 2, 2])
"""Person, two-wheeler or vehicle: what each label is confused with."""


@dataclass(frozen=True, slots=True)
class View:
    """What was found in a part of the picture; boxes in pixels of the whole picture, uncut by the part's edges."""

    seen_xyxy: tuple[float, float, float, float]
    found: Detections


def fuse(views: list[View], overlap: float = 0.55, least_score: float = 0.05) -> tuple[Detections, np.ndarray]:
    """The fused boxes, best first, and how many views agree on each, i64 (N,).

    A box is the mean of its members, weighted by score. Its score is the sum of each view's best member over the number
    of views that could see its centre, so that a box found once in ten looks is not believed.
    """
    clusters: list[_Cluster] = []
    rows = [(float(v.found.score[k]), n, k) for n, v in enumerate(views) for k in range(len(v.found))]
    for score, n, k in sorted(rows, reverse=True):
        box, label = views[n].found.xyxy[k], int(views[n].found.label[k])
        rivals = [c for c in clusters if KINDS[c.label] == KINDS[label]]
        fits = iou(box[None], np.array([c.box for c in rivals], np.float32).reshape(-1, 4))[0]
        if len(fits) and fits.max() >= overlap:
            rivals[int(fits.argmax())].add(box, score, label, n)
        else:
            clusters.append(_Cluster(box, score, label, n))
    fused = [(c.box, c.score(views), c.label, len(c.by_view)) for c in clusters]
    fused = sorted((row for row in fused if row[1] >= least_score), key=lambda row: -row[1])
    if not fused:
        return Detections.empty(), np.zeros(0, np.int64)
    boxes, scores, labels, agree = zip(*fused, strict=True)
    found = Detections(np.array(boxes, np.float32), np.array(scores, np.float32), np.array(labels, np.int16))
    return found, np.array(agree, np.int64)


class _Cluster:
    """Boxes of several views on one object."""

    def __init__(self, box: np.ndarray, score: float, label: int, view: int) -> None:
        self.box = box.astype(np.float64)
        self.votes = np.zeros(len(LABELS))
        self.by_view: dict[int, float] = {}
        self._weight = 0.0
        self.add(box, score, label, view)

    @property
    def label(self) -> int:
        return int(self.votes.argmax())

    def add(self, box: np.ndarray, score: float, label: int, view: int) -> None:
        if view in self.by_view:
            return  # a second box of the same view adds nothing
        self.by_view[view] = score
        self.votes[label] += score
        self.box = (self.box * self._weight + box * score) / (self._weight + score)
        self._weight += score

    def score(self, views: list[View]) -> float:
        x, y = (self.box[:2] + self.box[2:]) / 2
        able = sum(v.seen_xyxy[0] <= x <= v.seen_xyxy[2] and v.seen_xyxy[1] <= y <= v.seen_xyxy[3] for v in views)
        return sum(self.by_view.values()) / max(able, len(self.by_view))
