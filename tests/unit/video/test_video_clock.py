"""Time stamps: strictly increasing whatever comes in, and changed no more than needed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.video.clock import PictureClock

CASES = [
    # what                          raw seconds                      given out at 10 fps         problem
    ("regular", [0.0, 0.1, 0.2], [0.0, 0.1, 0.2], None),
    ("variable rate is kept", [0.0, 0.04, 0.5, 0.51], [0.0, 0.04, 0.5, 0.51], None),
    ("a gap is kept", [1.8, 1.9, 9.0], [1.8, 1.9, 9.0], None),
    ("none at all", [None, None, None], [0.0, 0.1, 0.2], "without a time stamp"),
    ("one missing", [0.0, None, 0.2], [0.0, 0.1, 0.2], "without a time stamp"),
    ("repeated", [0.0, 0.1, 0.1, 0.3], [0.0, 0.1, 0.2, 0.3], "repeated"),
    ("all the same", [5.0, 5.0, 5.0, 5.0], [5.0, 5.1, 5.2, 5.3], "repeated"),
    ("out of order", [0.0, 0.2, 0.1, 0.3], [0.0, 0.2, 0.25, 0.3], "out of order"),
    ("clock set anew", [100.0, 100.1, 0.0, 0.1], [100.0, 100.1, 100.2, 100.3], "clock stepped back"),
]


@pytest.mark.parametrize(("raw", "expected", "problem"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_stamps_when_the_file_says(raw: list[float | None], expected: list[float], problem: str | None) -> None:
    clock = PictureClock(fps=10)
    assert [clock.stamp(value) for value in raw] == pytest.approx(expected)
    lines = clock.repairs()
    assert len(lines) == (problem is not None)
    assert problem is None or problem in lines[0]


@given(st.lists(st.none() | st.floats(-1e5, 1e5), max_size=60), st.floats(1, 240))
def test_stamps_increase_when_anything_comes_in(raw: list[float | None], fps: float) -> None:
    clock = PictureClock(fps)
    stamps = [clock.stamp(value) for value in raw]
    assert all(later > earlier for earlier, later in pairwise(stamps))
