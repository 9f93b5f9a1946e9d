"""How far counts are off: rows by line, class and bin, and the score of AI City Challenge Track 1."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.evaluation.counts import Score, score
from stream.evaluation.deviation import by_bin, by_class, by_line, share, weighted_rmse
from tests.unit.evaluation.test_eval_counts import FPS, counted, true

FRAMES = 1000


def rows(found: list) -> list[tuple[str, int, int, int]]:
    return [(row.name, row.true, row.counted, row.right) for row in found]


def test_rows_add_up_when_some_counts_are_wrong() -> None:
    result = score(
        [counted(100), counted(300, "truck"), counted(500, line="B"), counted(800)],
        [true(100), true(300), true(500, line="B"), true(600, "bus", "out"), true(800, flag="uncertain")],
        FPS,
    )
    assert rows(by_line(result)) == [("A in", 2, 2, 2), ("A out", 1, 0, 0), ("B in", 1, 1, 1)]
    assert rows(by_class(result)) == [("car", 3, 2, 2), ("bus", 1, 0, 0), ("truck", 0, 1, 0)]


def test_a_match_belongs_to_the_bin_of_its_truth_when_it_is_counted_in_the_next() -> None:
    result = score([counted(251), counted(600)], [true(249)], FPS)
    found = by_bin(result, lambda frame: frame / FPS, 10.0)
    assert [(start_s, row.true, row.counted) for start_s, row in found] == [(0.0, 1, 1), (20.0, 0, 1)]


CASES = {
    # name: (frames of truth, frames of counts, score)
    "all right": ([50, 450, 950], [50, 450, 950], 1.0),
    "one of ten never counted": (list(range(0, 1000, 100)), list(range(100, 1000, 100)), 0.9),
    "the last one missed": ([0, 999], [0], 1 - sqrt(10 / 55) / 2),  # an error of 1 in segment 10, whose weight is 10/55
    "over the edge of the first segment": ([99], [101], 1 - sqrt(1 / 55)),
    "three times too many": ([10], [10, 20, 30], 0.0),
    "nothing counted": ([10], [], 0.0),
}


@pytest.mark.parametrize(("truth", "counts", "expected"), CASES.values(), ids=CASES)
def test_weighted_rmse_is_right_when_worked_out_by_hand(truth: list[int], counts: list[int], expected: float) -> None:
    result = score([counted(k) for k in counts], [true(k) for k in truth], FPS)
    assert weighted_rmse(result, FRAMES) == pytest.approx(expected)


def test_weighted_rmse_weighs_movements_by_their_traffic() -> None:
    result = score([counted(500)] * 0, [true(0, direction="out")], FPS)
    busy = score([counted(100 * k) for k in range(9)], [true(100 * k) for k in range(9)], FPS)
    together = Score(busy.matched, result.missed, [])
    assert weighted_rmse(together, FRAMES) == pytest.approx(0.9)
    assert weighted_rmse(Score([], [], [counted(5)]), FRAMES) is None


@given(st.lists(st.integers(0, FRAMES - 1)), st.lists(st.integers(0, FRAMES - 1), min_size=1, max_size=8))
def test_weighted_rmse_stays_between_0_and_1(counts: list[int], truth: list[int]) -> None:
    result = score([counted(k) for k in counts], [true(k) for k in truth], FPS)
    value = weighted_rmse(result, FRAMES)
    assert value is not None
    assert 0 <= value <= 1


def test_a_share_is_not_certain_when_all_were_right() -> None:
    assert share(25, 25).low == pytest.approx(0.8668, abs=1e-4)  # Wilson: 25 / (25 + 1.96^2)
    assert share(0, 0).value is None
