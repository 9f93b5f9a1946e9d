"""The layout of YOLOv8 and its successors: one column a candidate, decoded, without objectness.

    (1, 4 + C, N)   centre x, y, width, height in pixels of the input; probabilities of the classes

(1, N, 4 + C) is read as well where it is named; its shape alone does not tell it from other layouts.
"""

from __future__ import annotations

from models.foreign.layout import Hw, Layout, Outputs, Raw, Shapes, best, from_centres, only, only_shape


def fits(shapes: Shapes, seen_hw: Hw) -> bool:
    del seen_hw
    shape = only_shape(shapes)
    return len(shape) == 2 and (min(shape) > 4 or min(shape) == -1)


def by_shape(shapes: Shapes, seen_hw: Hw) -> bool:
    del seen_hw
    shape = only_shape(shapes)
    return len(shape) == 2 and 4 < shape[0] < shape[1]


def classes(shapes: Shapes) -> int:
    return min(only_shape(shapes)) - 4


def decode(outputs: Outputs, seen_hw: Hw, least: float) -> Raw:
    del seen_hw
    table = only(outputs)
    rows = table.T if table.shape[0] < table.shape[1] else table
    kept, score, kind = best(rows[:, 4:], least)
    return Raw(from_centres(rows[kept, :4]), score, kind)


LAYOUT = Layout(fits, decode, by_shape=by_shape, keeps_aspect=True, classes=classes)
