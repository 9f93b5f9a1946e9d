"""What a person found on the audit strips, as CSV: docs/results.md describes the columns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, cast, get_args

import msgspec

from stream.errors import TruthError
from stream.messages import LABELS
from stream.rows import check_words, read_rows

Verdict = Literal["checked", "missed", "extra", "class", "direction"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
COLUMNS = ("camera", "line", "verdict", "pts_s", "until_s", "direction", "class", "track_id")


class Correction(msgspec.Struct, frozen=True):
    """One row. What is not corrected on a checked strip is right.

    checked:    everything on this line from pts_s until until_s was looked at
    missed:     a road user of this class passed in this direction at pts_s and was not counted
    extra:      the crossing of track_id at pts_s is none: counted twice, or no road user
    class:      the crossing of track_id at pts_s was of this class
    direction:  the crossing of track_id at pts_s went in this direction
    """

    camera: str
    line: str
    verdict: Verdict
    pts_s: float
    until_s: float | None = None
    direction: str = ""
    label: str = ""
    track_id: int | None = None


def read_corrections(path: Path) -> list[Correction]:
    """Raises TruthError that names the row and the column."""
    return read_rows(path, COLUMNS, _row)


def _row(where: str, text: dict[str, str]) -> Correction:
    check_words(where, text, {"verdict": VERDICTS, "direction": ("in", "out", ""), "class": (*LABELS, "")})
    verdict = cast(Verdict, text["verdict"])
    number = {name: _number(where, name, text[name]) for name in ("pts_s", "until_s", "track_id")}
    needed = {"checked": ("until_s",), "missed": ("direction", "class"), "extra": ("track_id",)}
    needed |= {"class": ("track_id", "class"), "direction": ("track_id", "direction")}
    for name in ("camera", "line", "pts_s", *needed[verdict]):
        if not text[name]:
            raise TruthError(where, f"{name}: expected a value in a row of {verdict!r}, got nothing")
    pts_s, until_s, track_id = number["pts_s"], number["until_s"], number["track_id"]
    assert pts_s is not None  # it was needed
    if until_s is not None and until_s <= pts_s:
        raise TruthError(where, f"expected pts_s < until_s, got {text['pts_s']}, {text['until_s']}")
    if track_id is not None and track_id % 1:
        raise TruthError(where, f"track_id: expected a whole number, got {text['track_id']!r}")
    return Correction(
        text["camera"],
        text["line"],
        verdict,
        pts_s,
        until_s,
        text["direction"],
        text["class"],
        None if track_id is None else int(track_id),
    )


def _number(where: str, column: str, got: str) -> float | None:
    try:
        value = float(got) if got else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise TruthError(where, f"{column}: expected a number, got {got!r}")
    return value
