"""Boxes as distributions of their four sides (Li et al., 2020): NanoDet-Plus and PP-PicoDet.

    (1, A, C + 32)   probabilities of the classes; for each side, eight logits over its distance in strides

One row a cell of grids of stride 8, 16, 32 and 64. NanoDet measures from the corner of a cell, PicoDet from its centre;
the shape does not tell which, so the description must.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from models.foreign.layout import Hw, Layout, Outputs, Raw, Shapes, best, only, only_shape
from models.grids import cells

STRIDES = (8, 16, 32, 64)
BINS = 8


def fits(shapes: Shapes, seen_hw: Hw) -> bool:
    shape = only_shape(shapes)
    return len(shape) == 2 and shape[0] == len(cells(seen_hw, STRIDES)[0]) and shape[1] > 4 * BINS


def classes(shapes: Shapes) -> int:
    return only_shape(shapes)[1] - 4 * BINS


def decode(outputs: Outputs, seen_hw: Hw, least: float, *, centre: float) -> Raw:
    rows = only(outputs)
    places, strides = cells(seen_hw, STRIDES)
    kept, score, kind = best(rows[:, : -4 * BINS], least)
    logits = rows[kept, -4 * BINS :].reshape(-1, 4, BINS)
    parts = np.exp(logits - logits.max(2, keepdims=True))
    reach = parts @ np.arange(BINS, dtype=np.float32) / parts.sum(2)
    middle = places[kept] + centre
    xyxy = np.concatenate((middle - reach[:, :2], middle + reach[:, 2:]), 1) * strides[kept]
    return Raw(xyxy.astype(np.float32), score, kind)


MEAN, SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of R, G and B in ImageNet

NANODET = Layout(fits, partial(decode, centre=0.0), "bgr", MEAN[::-1], SPREAD[::-1], keeps_aspect=True, classes=classes)
PICODET = Layout(fits, partial(decode, centre=0.5), "rgb", MEAN, SPREAD, classes=classes)
