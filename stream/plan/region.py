"""Which part of the picture the network needs to see for the lines and edges of zones that are counted on.

A small line in a large picture is seen at several times the resolution for the same cost when only its surroundings
are looked at. A track needs way to settle before and behind a line, so the region reaches far along the direction in
which the line is crossed, and only a little beyond its ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stream.geometry import STRIDE, Letterbox, fit_input
from stream.scene import Line

Crop = tuple[int, int, int, int]

ACROSS = 1.0  # of a line's length, before and behind it: a road's width is some vehicles wide
ACROSS_PICTURE = (0.15, 0.30)  # of the picture's longer side: never less, never more
LEAST_SPARED = 1.25  # of the network's pixels: for less, no part is looked at alone
BEYOND = 0.25  # of a line's length, beyond each end: a vehicle over an end is seen whole
BEYOND_PICTURE = (0.04, 0.10)
NEAR = 0.5  # of that way, where only what is near the lines is looked at
LEAST_GAIN = 1.2  # network pixels per picture pixel against the whole picture: for less, vehicles are not cut off


def region_of(lines: Sequence[Line], size_wh: tuple[int, int], long_side: int) -> tuple[Crop | None, tuple[int, int]]:
    """(the region as xyxy in even pixels or None for the whole picture, network input (height, width)).

    long_side: of the network input for the whole picture; a region gets about as many network pixels in its own shape,
    and is never enlarged beyond the picture's own pixels unless the whole picture would be.
    """
    whole = fit_input(size_wh, long_side)
    if not lines:
        return None, whole
    crop, input_hw = _fitted(_surroundings(lines, size_wh), size_wh, long_side)
    everything = Letterbox((0, 0, *size_wh), whole)
    if Letterbox(crop, input_hw).scale < LEAST_GAIN * everything.scale:
        return None, whole
    return crop, input_hw


def near_lines(lines: Sequence[Line], size_wh: tuple[int, int], whole: Letterbox) -> Letterbox:
    """A part of what a letterbox shows, as sharp as there: the near surroundings of the lines. The letterbox itself
    where there are no lines, or where these need most of it."""
    if not lines:
        return whole
    x1, y1, x2, y2 = _surroundings(lines, size_wh, NEAR)
    left, right = _strides(x1 - whole.crop_xyxy[0], x2 - whole.crop_xyxy[0], whole.scale, whole.input_hw[1])
    top, bottom = _strides(y1 - whole.crop_xyxy[1], y2 - whole.crop_xyxy[1], whole.scale, whole.input_hw[0])
    if (right - left) * (bottom - top) * LEAST_SPARED > whole.input_hw[0] * whole.input_hw[1]:
        return whole
    (x1, y1), (x2, y2) = (_in_picture(whole, *corner) for corner in ((left, top), (right, bottom)))
    return Letterbox((x1, y1, x2, y2), (bottom - top, right - left))


def _in_picture(whole: Letterbox, x: int, y: int) -> tuple[int, int]:
    """An even pixel of the picture, in the region, for one of the network."""
    x1, y1, x2, y2 = whole.crop_xyxy
    return min(x2, x1 + round(x / whole.scale / 2) * 2), min(y2, y1 + round(y / whole.scale / 2) * 2)


def _strides(low: float, high: float, scale: float, size: int) -> tuple[int, int]:
    """A span of whole strides around low..high (picture pixels) in network pixels, inside 0..size."""
    length = min(size, math.ceil((high - low) * scale / STRIDE) * STRIDE)
    start = min(max(0, round(((low + high) * scale - length) / 2)), size - length)
    return start, start + length


def _fitted(
    needed: tuple[float, float, float, float], size_wh: tuple[int, int], long_side: int
) -> tuple[Crop, tuple[int, int]]:
    """A region around what is needed, in the shape of an input of about as many pixels as that of the whole picture."""
    x1, y1, x2, y2 = needed
    whole_h, whole_w = fit_input(size_wh, long_side)
    scale = math.sqrt(whole_h * whole_w / ((x2 - x1) * (y2 - y1)))
    scale = min(scale, max(1.0, long_side / max(size_wh)))
    input_w, input_h = (max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in (x2 - x1, y2 - y1))
    scale = min(input_w / (x2 - x1), input_h / (y2 - y1))
    left, right = _grown(x1, x2, input_w / scale, size_wh[0])
    top, bottom = _grown(y1, y2, input_h / scale, size_wh[1])
    return (left, top, right, bottom), (input_h, input_w)


def _surroundings(
    lines: Sequence[Line], size_wh: tuple[int, int], share: float = 1.0
) -> tuple[float, float, float, float]:
    """The upright rectangle of all that tracks need, inside the picture. share: of the way across."""
    corners = np.concatenate([_around(line, max(size_wh), share) for line in lines])
    low, high = corners.min(axis=0), corners.max(axis=0)
    (x1, y1), (x2, y2) = np.clip((low, high), 0, size_wh).tolist()
    return x1, y1, x2, y2


def _around(line: Line, side: float, share: float) -> np.ndarray:
    """Corners (4, 2) of the rectangle around a line, in its own direction. side: the longer one of the picture."""
    ends = np.array([(line.x1, line.y1), (line.x2, line.y2)])
    length = float(np.hypot(*(ends[1] - ends[0])))
    along = (ends[1] - ends[0]) / length
    beyond = along * _within(BEYOND * length, BEYOND_PICTURE, side)
    across = along[::-1] * (-1, 1) * share * _within(ACROSS * length, ACROSS_PICTURE, side)
    first, last = ends[0] - beyond, ends[1] + beyond
    return np.stack([first - across, first + across, last - across, last + across])


def _within(length: float, shares: tuple[float, float], side: float) -> float:
    return min(max(length, shares[0] * side), shares[1] * side)


def _grown(low: float, high: float, wanted: float, size: int) -> tuple[int, int]:
    """An even span of about the wanted length around low..high inside 0..size: no network pixel is padding that
    could be picture."""
    wanted = min(wanted, size)
    start = min(max(0.0, (low + high - wanted) / 2), size - wanted)
    first = round(start / 2) * 2
    return first, min(size - size % 2, first + round(wanted / 2) * 2)
