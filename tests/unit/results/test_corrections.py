"""Corrections come back as the audit page wrote them; a wrong file is named with its row and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.errors import TruthError
from stream.results.corrections import COLUMNS, Correction, read_corrections

HEAD = ",".join(COLUMNS)
ROWS = [
    Correction("north", "A, inner", "checked", 0.0, 900.0),
    Correction("north", "A, inner", "missed", 12.5, None, "in", "bus"),
    Correction("north", "A, inner", "extra", 13.0, None, "out", "car", 7),
    Correction("north", "A, inner", "class", 14.25, None, "out", "truck", 8),
    Correction("north", "A, inner", "direction", 15.0, None, "in", "car", 9),
]


WRITTEN = f"""{HEAD}
north,"A, inner",checked,0,900,,,
north,"A, inner",missed,12.5,,in,bus,
north,"A, inner",extra,13,,out,car,7
north,"A, inner",class,14.25,,out,truck,8
north,"A, inner",direction,15,,in,car,9
"""


def test_corrections_are_read_as_the_audit_page_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(WRITTEN)
    assert read_corrections(path) == ROWS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("camera,line\nnorth,A", "expected the columns camera, line, verdict"),
        ("", "got nothing"),
        (
            f"{HEAD}\nnorth,A,wrong,1,,in,car,7",
            "line 2: verdict: expected one of checked, missed, extra, .*got 'wrong'",
        ),
        (f"{HEAD}\nnorth,A,missed,1,,in,,", "line 2: class: expected a value in a row of 'missed'"),
        (f"{HEAD}\nnorth,A,missed,1,,in,tram,", "line 2: class: expected one of person, .*got 'tram'"),
        (f"{HEAD}\nnorth,A,missed,soon,,in,car,", "line 2: pts_s: expected a number, got 'soon'"),
        (f"{HEAD}\nnorth,A,missed,nan,,in,car,", "line 2: pts_s: expected a number, got 'nan'"),
        (f"{HEAD}\nnorth,A,extra,1,,in,car,", "line 2: track_id: expected a value"),
        (f"{HEAD}\nnorth,A,checked,1,,,,", "line 2: until_s: expected a value"),
        (f"{HEAD}\nnorth,A,checked,28,0,,,", "line 2: expected pts_s < until_s, got 28, 0"),
        (f"{HEAD}\nnorth,A,extra,1,,in,car,7.5", "line 2: track_id: expected a whole number, got '7.5'"),
        (f"{HEAD}\nnorth,A,direction,1,,up,car,7", "line 2: direction: expected one of in, out, nothing, got 'up'"),
        (f"{HEAD}\n,A,checked,1,2,,,", "line 2: camera: expected a value"),
    ],
)
def test_the_row_and_column_are_named_when_a_file_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(text)
    with pytest.raises(TruthError, match=problem):
        read_corrections(path)


def test_the_file_is_named_when_it_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="cannot be read"):
        read_corrections(tmp_path / "absent.csv")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(TruthError, match="is no CSV"):
        read_corrections(tmp_path / "picture.csv")
