"""YOLOX (Ge et al., 2021): one row a cell of grids of stride 8, 16 and 32, not decoded.

(1, A, 5 + C)   offset x, y and log of width, height in strides; objectness; probabilities of the classes
"""

from __future__ import annotations

import numpy as np

from models.foreign.layout import Hw, Layout, Outputs, Raw, Shapes, best, from_centres, only, only_shape
from models.grids import cells

STRIDES = (8, 16, 32)


def fits(shapes: Shapes, seen_hw: Hw) -> bool:
    shape = only_shape(shapes)
    return len(shape) == 2 and shape[0] == len(cells(seen_hw, STRIDES)[0]) and shape[1] > 5


def classes(shapes: Shapes) -> int:
    return only_shape(shapes)[1] - 5


def decode(outputs: Outputs, seen_hw: Hw, least: float) -> Raw:
    rows = only(outputs)
    places, strides = cells(seen_hw, STRIDES)
    kept, score, kind = best(rows[:, 4:5] * rows[:, 5:], least)
    rows, places, strides = rows[kept], places[kept], strides[kept]
    centre, size = (rows[:, :2] + places) * strides, np.exp(np.minimum(rows[:, 2:4], 10)) * strides
    return Raw(from_centres(np.concatenate((centre, size), 1)), score, kind)


LAYOUT = Layout(fits, decode, colour="bgr", scale=(1.0, 1.0, 1.0), keeps_aspect=True, classes=classes)
