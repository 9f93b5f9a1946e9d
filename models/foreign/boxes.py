"""Boxes that the file has decoded itself, in pixels of the input, or of the size that is given to it.

boxes (N, 5): left, top, right, bottom, score; labels (N)                  as mmdetection exports
boxes (1, N, 4), scores (1, N), labels (1, N)                              as RT-DETR, D-FINE and DEIM export
"""

from __future__ import annotations

import numpy as np

from models.foreign.layout import Hw, Layout, Outputs, Raw, Shapes


def fits(shapes: Shapes, seen_hw: Hw) -> bool:
    del seen_hw
    return set(shapes) == {"boxes", "labels", "scores"} and shapes["boxes"][-1] == 4


def fits_mmdetection(shapes: Shapes, seen_hw: Hw) -> bool:
    del seen_hw
    return set(shapes) == {"boxes", "labels"} and shapes["boxes"][-1] == 5


def decode(outputs: Outputs, seen_hw: Hw, least: float) -> Raw:
    del seen_hw
    boxes = outputs["boxes"]
    boxes = boxes.reshape(-1, boxes.shape[-1]).astype(np.float32)
    score = outputs["scores"].reshape(-1).astype(np.float32) if "scores" in outputs else boxes[:, 4]
    kept = np.flatnonzero(score >= least)
    return Raw(boxes[kept, :4], score[kept], outputs["labels"].reshape(-1)[kept].astype(np.int64))


LAYOUT = Layout(fits, decode)
MMDETECTION = Layout(fits_mmdetection, decode, colour="bgr", scale=(1.0, 1.0, 1.0))
