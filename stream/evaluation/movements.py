"""Turning movements against a truth: how many of each, by class, and one weighted figure.

There is no matching of one with another: what counts is where a road user went, and a person notes its time anywhere
on its way. True rows with a flag count neither for nor against: as many more than the others may be counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from stream.errors import TruthError
from stream.evaluation.deviation import Row, weighted
from stream.messages import LABELS
from stream.results.movements import Turn
from stream.rows import check_words, read_rows
from stream.truth import FLAGS, TrueTurn

COLUMNS = ("clip", "origin", "destination", "frame", "class", "flag")


class MovementScore(msgspec.Struct, frozen=True):
    """rows: one a movement; weighted_rmse: of deviation.weighted, None without truth."""

    camera: str
    rows: list[Row]
    weighted_rmse: float | None


def read_turns(path: Path) -> list[TrueTurn]:
    """Rows of a truth file (CSV with the columns of COLUMNS). Raises TruthError that names the row."""
    return read_rows(path, COLUMNS, _row)


def score_turns(
    camera: str, turns: Sequence[Turn], truth: Sequence[TrueTurn], frame_of: Callable[[float], int], frames: int
) -> MovementScore:
    """frame_of: pts -> frame; frames: of the recording."""
    true = Counter((_name(row), row.label) for row in truth if not row.flag)
    spare = Counter((_name(row), row.label) for row in truth if row.flag)
    counted: Counter[tuple[str, str]] = Counter()
    events = []
    for turn in turns:
        key = (_name(turn), turn.label)
        if counted[key] >= true[key] and spare[key] > 0:
            spare[key] -= 1
            continue
        counted[key] += 1
        events.append((key, frame_of(turn.pts_s)))
    names = sorted({name for name, _ in true | counted})
    rows = [
        Row(
            name,
            sum(true[name, label] for label in LABELS),
            sum(counted[name, label] for label in LABELS),
            sum(min(true[name, label], counted[name, label]) for label in LABELS),
        )
        for name in names
    ]
    true_events = [((_name(row), row.label), row.frame) for row in truth if not row.flag]
    return MovementScore(camera, rows, weighted(true_events, events, frames))


def _name(of: Turn | TrueTurn) -> str:
    return f"{of.origin} to {of.destination}"


def _row(where: str, row: dict[str, str]) -> TrueTurn:
    try:
        frame = int(row["frame"])
    except ValueError:
        raise TruthError(where, f"expected a whole number in frame, got {row['frame']!r}") from None
    check_words(where, row, {"class": LABELS, "flag": FLAGS})
    return TrueTurn(row["clip"], row["origin"], row["destination"], frame, row["class"], row["flag"])
