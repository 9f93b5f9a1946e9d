"""Which part of the picture the network needs to see for the lines that are counted on.

A small line in a large picture is seen at several times the resolution for the same cost when only its surroundings
are looked at. The surroundings must be wide enough for tracks to settle on both sides of the line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from stream.geometry import STRIDE, fit_input
from stream.scene import Line

Crop = tuple[int, int, int, int]

MARGIN_OF_LINE = 1.0  # of the longest line: a road's width is some vehicles wide, and they need some lengths to settle
MARGIN_OF_PICTURE = (0.15, 0.30)  # of the longer side: never less, never more
WORTH = 0.75  # of the picture: a larger region is not worth a crop


def region_of(lines: Sequence[Line], size_wh: tuple[int, int], long_side: int) -> tuple[Crop | None, tuple[int, int]]:
    """(the region as xyxy in even pixels or None for the whole picture, network input (height, width)).

    long_side: of the network input for the whole picture; a region gets as many network pixels in its own shape, and
    is never enlarged beyond the picture's own pixels unless the whole picture would be.
    """
    whole = fit_input(size_wh, long_side)
    if not lines:
        return None, whole
    x1, y1, x2, y2 = _surroundings(lines, size_wh)
    if (x2 - x1) * (y2 - y1) > WORTH * size_wh[0] * size_wh[1]:
        return None, whole
    scale = math.sqrt(whole[0] * whole[1] / ((x2 - x1) * (y2 - y1)))
    scale = min(scale, max(1.0, long_side / max(size_wh)))
    input_w, input_h = (max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in (x2 - x1, y2 - y1))
    scale = min(input_w / (x2 - x1), input_h / (y2 - y1))
    left, right = _grown(x1, x2, input_w / scale, size_wh[0])
    top, bottom = _grown(y1, y2, input_h / scale, size_wh[1])
    return (left, top, right, bottom), (input_h, input_w)


def _surroundings(lines: Sequence[Line], size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    longest = max(math.hypot(line.x2 - line.x1, line.y2 - line.y1) for line in lines)
    least, most = (share * max(size_wh) for share in MARGIN_OF_PICTURE)
    margin = min(max(MARGIN_OF_LINE * longest, least), most)
    xs = [x for line in lines for x in (line.x1, line.x2)]
    ys = [y for line in lines for y in (line.y1, line.y2)]
    return (
        max(0.0, min(xs) - margin),
        max(0.0, min(ys) - margin),
        min(float(size_wh[0]), max(xs) + margin),
        min(float(size_wh[1]), max(ys) + margin),
    )


def _grown(low: float, high: float, wanted: float, size: int) -> tuple[int, int]:
    """An even span of about the wanted length around low..high inside 0..size: no network pixel is padding that
    could be picture."""
    wanted = min(wanted, size)
    start = min(max(0.0, (low + high - wanted) / 2), size - wanted)
    first = round(start / 2) * 2
    return first, min(size - size % 2, first + round(wanted / 2) * 2)
