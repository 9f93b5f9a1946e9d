"""The region that lines need is seen larger, holds their surroundings, and is left alone where it gains little."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.geometry import Letterbox, fit_input
from stream.plan.region import LEAST_GAIN, near_lines, region_of
from stream.scene import Line


@pytest.mark.parametrize(
    ("lines", "size_wh", "gain"),
    [
        ((), (1920, 1080), 1.0),  # nothing to count: everything
        ((Line("a", 1250, 700, 1650, 720),), (1920, 1080), 1.9),  # a small line in a large picture
        ((Line("a", 100, 180, 540, 180),), (640, 360), 1.0),  # a line over most of the picture
        ((Line("a", 100, 300, 300, 300), Line("b", 1700, 900, 1900, 900)), (1920, 1080), 1.0),  # lines far apart
        ((Line("a", 160, 100, 160, 140),), (320, 240), 1.0),  # never enlarged beyond what the whole picture is
    ],
)
def test_lines_are_seen_larger_when_they_are_small(
    lines: tuple[Line, ...], size_wh: tuple[int, int], gain: float
) -> None:
    crop, input_hw = region_of(lines, size_wh, 416)
    whole = Letterbox((0, 0, *size_wh), fit_input(size_wh, 416))
    seen = Letterbox(crop or (0, 0, *size_wh), input_hw)
    assert seen.scale / whole.scale >= gain
    assert (crop is None) == (gain == 1.0)
    assert input_hw[0] * input_hw[1] <= 1.15 * whole.input_hw[0] * whole.input_hw[1]  # for about the same cost


def test_region_reaches_further_along_the_traffic_than_beyond_the_line() -> None:
    crop, _ = region_of((Line("a", 800, 600, 1100, 600),), (1920, 1080), 416)
    assert crop is not None
    left, top, right, bottom = crop
    assert 600 - top >= 288 and bottom - 600 >= 288  # 0.15 of the picture's longer side, before and behind
    assert 800 - left >= 75 and right - 1100 >= 75


places = st.tuples(st.integers(0, 1919), st.integers(0, 1079))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(places, places).filter(lambda ends: ends[0] != ends[1]), min_size=1, max_size=3))
def test_region_is_even_and_holds_every_line(ends: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    lines = tuple(Line(str(k), *a, *b) for k, (a, b) in enumerate(ends))
    crop, input_hw = region_of(lines, (1920, 1080), 416)
    assert all(side % 32 == 0 for side in input_hw)
    if crop is None:
        return
    x1, y1, x2, y2 = crop
    assert 0 <= x1 < x2 <= 1920 and 0 <= y1 < y2 <= 1080 and not any(side % 2 for side in crop)
    for x, y in (end for pair in ends for end in pair):
        assert x1 - 1 <= x <= x2 + 1 and y1 - 1 <= y <= y2 + 1
    whole = Letterbox((0, 0, 1920, 1080), fit_input((1920, 1080), 416))
    assert Letterbox(crop, input_hw).scale >= LEAST_GAIN * whole.scale


WHOLE = Letterbox((0, 0, 1920, 1080), (256, 416))


def test_only_a_part_is_looked_at_as_sharply_when_it_is_what_is_near_the_lines() -> None:
    part = near_lines((Line("a", 500, 600, 1400, 600),), (1920, 1080), WHOLE)
    assert part.input_hw[0] * part.input_hw[1] < 0.7 * 256 * 416
    assert part.scale == pytest.approx(WHOLE.scale, rel=0.01)
    left, top, right, bottom = part.crop_xyxy
    assert left <= 420 and right >= 1480 and top <= 460 and bottom >= 740


@pytest.mark.parametrize("lines", [(), (Line("a", 10, 100, 1900, 1000),)], ids=["no lines", "a line across it all"])
def test_everything_is_looked_at_when_no_part_would_spare_much(lines: tuple[Line, ...]) -> None:
    assert near_lines(lines, (1920, 1080), WHOLE) is WHOLE


@settings(max_examples=60, deadline=None)
@given(places, places)
def test_a_part_lies_inside_and_holds_the_line_when_a_line_is_anywhere(a: tuple[int, int], b: tuple[int, int]) -> None:
    if a == b:
        return
    part = near_lines((Line("a", *a, *b),), (1920, 1080), WHOLE)
    assert all(side % 32 == 0 and side > 0 for side in part.input_hw) and not any(side % 2 for side in part.crop_xyxy)
    x1, y1, x2, y2 = part.crop_xyxy
    assert 0 <= x1 < x2 <= 1920 and 0 <= y1 < y2 <= 1080
    for x, y in (a, b):
        assert x1 - 5 <= x <= x2 + 5 and y1 - 5 <= y <= y2 + 5
