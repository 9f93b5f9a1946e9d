"""Turning movements against their truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.errors import TruthError
from stream.evaluation.movements import read_turns, score_turns
from stream.results.movements import Turn
from stream.truth import TrueTurn

HEAD = "clip,origin,destination,frame,class,flag"


def turn(destination: str, label: str = "car", pts_s: float = 1.0) -> Turn:
    return Turn("cam", f"A to {destination}", "A", destination, 1, label, pts_s, "gates")


def true(destination: str, label: str = "car", flag: str = "") -> TrueTurn:
    return TrueTurn("cam", "A", destination, 25, label, flag)


@pytest.mark.parametrize(
    ("turns", "truth", "rows"),
    [
        ([turn("B"), turn("C")], [true("B"), true("C")], [("A to B", 1, 1, 1), ("A to C", 1, 1, 1)]),
        ([turn("B"), turn("B")], [true("B"), true("C")], [("A to B", 1, 2, 1), ("A to C", 1, 0, 0)]),
        ([turn("B", "bus")], [true("B")], [("A to B", 1, 1, 0)]),
        ([turn("B"), turn("B")], [true("B"), true("B", flag="edge")], [("A to B", 1, 1, 1)]),
        ([turn("B")], [true("B"), true("B", flag="edge")], [("A to B", 1, 1, 1)]),
        ([], [], []),
    ],
)
def test_movements_are_compared_by_class(turns: list[Turn], truth: list[TrueTurn], rows: list[tuple]) -> None:
    score = score_turns("cam", turns, truth, lambda pts_s: round(25 * pts_s), 100)
    assert [(row.name, row.true, row.counted, row.right) for row in score.rows] == rows


def test_the_weighted_figure_is_one_when_all_is_right_and_falls_with_every_error() -> None:
    def figure(*turns: Turn) -> float | None:
        return score_turns("cam", turns, [true("B"), true("C")], lambda pts_s: round(25 * pts_s), 100).weighted_rmse

    assert figure(turn("B"), turn("C")) == 1.0
    late = 1 - (sum(range(3, 11)) / 55) ** 0.5  # one of one is wrong from the third of ten segments on
    assert figure(turn("B"), turn("B")) == pytest.approx(late)
    assert figure(turn("B"), turn("C"), turn("C")) == pytest.approx((1 + late) / 2)
    assert figure() == pytest.approx(late)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("cam,A,B,soon,car,", "whole number in frame, got 'soon'"),
        ("cam,A,B,25,lorry,", "class: expected one of"),
    ],
)
def test_a_row_is_named_when_it_is_damaged(row: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "movements.csv"
    path.write_text(f"{HEAD}\n{row}\n")
    with pytest.raises(TruthError, match=message):
        read_turns(path)
    path.write_text("clip,origin\ncam,A\n")
    with pytest.raises(TruthError, match="add destination, frame, class, flag"):
        read_turns(path)
