"""Counts are matched with truth crossing by crossing, as the truth files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.errors import TruthError
from stream.evaluation.counts import read_truth, score
from stream.messages import Crossing
from stream.truth import TrueCrossing

FPS = 25.0


def true(frame: int, label: str = "car", direction: str = "in", flag: str = "", line: str = "A") -> TrueCrossing:
    return TrueCrossing("clip", line, frame, frame - 5, frame + 5, label, direction, flag)


def counted(seq: int, label: str = "car", direction: str = "in", line: str = "A") -> Crossing:
    return Crossing("clip", line, direction, seq, label, seq, seq / FPS, 0.0, 0.0)  # type: ignore[arg-type]


CASES = {
    # name: (counted, true, matched, missed, extra)
    "all right": ([counted(100)], [true(100)], 1, 0, 0),
    "a second late": ([counted(130)], [true(100)], 1, 0, 0),
    "more than a second late": ([counted(131)], [true(100)], 0, 1, 1),
    "the other direction": ([counted(100, direction="out")], [true(100)], 0, 1, 1),
    "another line": ([counted(100, line="B")], [true(100)], 0, 1, 1),
    "counted twice": ([counted(100), counted(101)], [true(100)], 1, 0, 1),
    "two side by side": ([counted(100), counted(100)], [true(100), true(101)], 2, 0, 0),
    "a flagged one missed": ([], [true(100, flag="edge")], 0, 0, 0),
    "a flagged one counted": ([counted(100)], [true(100, flag="uncertain")], 0, 0, 0),
    "the unflagged one first": ([counted(100)], [true(100, flag="edge"), true(102)], 1, 0, 0),
    "as many pairs as possible": ([counted(80), counted(110)], [true(95), true(60)], 2, 0, 0),
    "nothing at all": ([], [], 0, 0, 0),
}


@pytest.mark.parametrize(("counts", "truth", "matched", "missed", "extra"), CASES.values(), ids=CASES.keys())
def test_crossings_are_matched_when_scored(
    counts: list[Crossing], truth: list[TrueCrossing], matched: int, missed: int, extra: int
) -> None:
    result = score(counts, truth, FPS)
    assert (len(result.matched), len(result.missed), len(result.extra)) == (matched, missed, extra)


def test_shares_are_right_when_some_are_wrong() -> None:
    result = score([counted(100), counted(500, "bus"), counted(900)], [true(100), true(500), true(700)], FPS)
    assert (result.recall, result.precision, result.class_agreement) == (2 / 3, 2 / 3, 1 / 2)


def test_the_nearest_in_time_is_matched_when_classes_would_fit_the_other_way_round() -> None:
    """Two road users of exchanged classes are two wrong classes; pairing each with the other would hide both."""
    result = score([counted(100, "bus"), counted(115)], [true(100), true(115, "bus")], FPS)
    assert [(t.frame, c.seq) for t, c in result.matched] == [(100, 100), (115, 115)]
    assert result.class_agreement == 0.0
    (pair,) = score([counted(120), counted(101, "bus")], [true(100)], FPS).matched
    assert pair[1].seq == 101


def test_class_decides_when_two_pass_together() -> None:
    result = score([counted(100, "bus"), counted(100)], [true(100), true(100, "bus")], FPS)
    assert result.class_agreement == 1.0


HEAD = "clip,line,frame,first,last,class,direction,flag"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clip,line,frame\n", "expected the columns"),
        (HEAD + "\nx,A,ten,1,2,car,in,\n", "line 2: expected whole numbers"),
        (HEAD + "\nx,A,1,1,2,tram,in,\n", "class: expected one of"),
        (HEAD + "\nx,A,1,1,2,car,left,\n", "direction: expected one of in, out"),
        (HEAD + "\nx,A,1,1,2,car,in,maybe\n", "flag: expected one of nothing, edge"),
        (HEAD + "\nx,A,-1,1,2,car,in,\n", "expected 0 <= first <= frame <= last"),
        (HEAD + "\nx,A,5,9,2,car,in,\n", "expected 0 <= first <= frame <= last"),
        (HEAD + "\nx,A,1,5,1,2,car,in,\n", "line 2: expected 8 values, got 9"),
    ],
)
def test_truth_is_refused_when_its_form_is_wrong(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(text)
    with pytest.raises(TruthError, match=words):
        read_truth(path)


def test_truth_is_read_when_a_spreadsheet_wrote_it(tmp_path: Path) -> None:
    """Semicolons were one long column; blanks and the empty rows below a table were errors."""
    path = tmp_path / "truth.csv"
    path.write_text("flag;clip;line;frame;first;last;class;direction\n; x;A;3;1;5; car ;in\n\n;;;;;;;\n", "utf-8-sig")
    assert read_truth(path) == [TrueCrossing("x", "A", 3, 1, 5, "car", "in", "")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clip,line,frame,class,direction\nx,A,3,car,in\n", TrueCrossing("x", "A", 3, 3, 3, "car", "in", "")),
        (
            "clip,line,frame,flag,class,direction\nx,A,3,edge,car,in\n",
            TrueCrossing("x", "A", 3, 3, 3, "car", "in", "edge"),
        ),
        ("clip,line,frame,last,class,direction\nx,A,3,7,car,in\n", TrueCrossing("x", "A", 3, 3, 7, "car", "in", "")),
        (HEAD + "\nx,A,3,,,car,in,\n", TrueCrossing("x", "A", 3, 3, 3, "car", "in", "")),
    ],
)
def test_one_frame_is_enough_when_a_crossing_was_counted_by_hand(
    text: str, expected: TrueCrossing, tmp_path: Path
) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(text)
    assert read_truth(path) == [expected]
