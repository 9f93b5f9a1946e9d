"""From raw YOLOX outputs to Detections: threshold, decode, class-aware non-maximum suppression. Shared by all engines.

The threshold comes first: of some 2,000 cells of a picture a few dozen are worth decoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from stream.geometry import iou
from stream.messages import Detections

STRIDES = (8, 16, 32)
MAX_CANDIDATES = 300  # boxes that reach the suppression, best first


@dataclass(frozen=True, slots=True)
class PostProcess:
    """How to read a network's output.

    score: smallest objectness x class probability reported; nms_iou: a box that overlaps a better one of its class by
    more is dropped; labels: our label of each class of the network, -1 for classes that are no road users.
    """

    score: float
    nms_iou: float
    labels: tuple[int, ...]

    def __call__(self, raw: np.ndarray, input_hw: tuple[int, int]) -> Detections:
        """raw f32 (A, 5 + classes): box in cells, objectness and class probabilities -> Detections, best first, in
        network pixels and inside the picture."""
        rows = np.flatnonzero(raw[:, 4] >= self.score)
        if not len(rows):
            return Detections.empty()
        raw = raw[rows]
        best = raw[:, 5:].argmax(1)
        score = raw[:, 4] * raw[np.arange(len(raw)), 5 + best]
        label = np.asarray(self.labels, np.int16)[best]
        keep = np.flatnonzero((score >= self.score) & (label >= 0))
        keep = keep[np.argsort(-score[keep], kind="stable")][:MAX_CANDIDATES]
        raw, score, label = raw[keep], score[keep], label[keep]
        xyxy = _decode(raw, rows[keep], input_hw)
        keep = suppress(xyxy, label, self.nms_iou)
        return Detections(xyxy[keep], score[keep], label[keep])


def suppress(xyxy: np.ndarray, label: np.ndarray, nms_iou: float) -> np.ndarray:
    """Greedy class-aware suppression of boxes that stand best first: indices of those kept, ascending."""
    if len(xyxy) < 2:
        return np.arange(len(xyxy))
    rival = (iou(xyxy, xyxy) > nms_iou) & (label[:, None] == label[None, :])
    rival = np.triu(rival, 1)
    alive = np.ones(len(xyxy), bool)
    for row in np.flatnonzero(rival.any(1)):
        if alive[row]:
            alive &= ~rival[row]
    return np.flatnonzero(alive)


def _decode(raw: np.ndarray, rows: np.ndarray, input_hw: tuple[int, int]) -> np.ndarray:
    """Boxes xyxy f32 (N, 4) of the chosen rows: centre = (cell + offset) · stride, size = exp · stride."""
    cells, strides = _cells(input_hw)
    stride = strides[rows, None]
    centre = (raw[:, :2] + cells[rows]) * stride
    half = np.exp(np.minimum(raw[:, 2:4], 10)) * stride / 2
    limit = np.array([input_hw[1], input_hw[0]] * 2, np.float32)
    return np.clip(np.concatenate((centre - half, centre + half), 1), 0, limit).astype(np.float32)


@cache
def _cells(input_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Column and row f32 (A, 2) and stride f32 (A,) of every cell, in output order."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: input_hw[0] // stride, : input_hw[1] // stride]
        cells.append(np.stack((columns, rows), -1).reshape(-1, 2))
        strides.append(np.full(len(cells[-1]), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
