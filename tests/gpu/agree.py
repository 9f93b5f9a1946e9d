"""Whether two detectors found the same. In fp16 boxes differ by some tenths of a pixel and scores by a hundredth; where
two boxes of one object are nearly as good, the other one may be kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream.messages import Detections

LEAST_IOU, SCORE = 0.8, 0.05
SURE = 0.3


def assert_agree(got: Sequence[Detections], wanted: Sequence[Detections]) -> None:
    """Each sure detection of one has a partner in the other, and there are some."""
    assert len(got) == len(wanted) and sum((one.score > SURE).sum() for one in wanted)
    for a, b in zip(got, wanted, strict=True):
        assert a.xyxy.dtype == a.score.dtype == np.float32
        for one, other in ((a, b), (b, a)):
            for k in np.flatnonzero(one.score > SURE):
                partner = (other.label == one.label[k]) & (abs(other.score - one.score[k]) <= SCORE)
                assert (iou(one.xyxy[k], other.xyxy[partner]) >= LEAST_IOU).any(), (one.xyxy[k], one.score[k], other)


def iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = (high - low).clip(0).prod(1)
    return shared / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - shared)
