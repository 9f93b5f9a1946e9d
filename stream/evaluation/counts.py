"""Counted crossings against true ones, matched crossing by crossing.

A counted crossing matches a true one of the same line and direction when its frame lies between `first` - 1 s and
`last` + 1 s, first and last being the frames in which any of the road user is on the line. Matching is one to one
and finds as many pairs as possible. True rows with a flag (`edge`: on the line at the first or last frame;
`uncertain`) count neither for nor against: they are not missed, and what matches them is not extra.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from stream.errors import TruthError
from stream.messages import LABELS, Crossing
from stream.rows import check_words, read_rows
from stream.truth import FLAGS, TrueCrossing

COLUMNS = ("clip", "line", "frame", "class", "direction")  # and first, last and flag, where they are known
SLACK_S = 1.0

# What a pair is worth to the assignment: that it is one, then that it is unflagged, then each second that it is nearer
# to the middle frame of the truth. The class is worth little: it decides between road users that pass together, and
# must not pair a count with another road user to look right.
PAIR, UNFLAGGED, SAME_CLASS = 1000.0, 500.0, 0.1


class Score(msgspec.Struct, frozen=True):
    """matched: pairs of unflagged truth and count; missed: truth without a count; extra: counts without truth."""

    matched: list[tuple[TrueCrossing, Crossing]]
    missed: list[TrueCrossing]
    extra: list[Crossing]

    @property
    def recall(self) -> float:
        """Share of the true crossings that were counted; 1 where there are none."""
        return len(self.matched) / max(1, len(self.matched) + len(self.missed)) if self.matched or self.missed else 1.0

    @property
    def precision(self) -> float:
        """Share of the counted crossings that are true; 1 where nothing was counted."""
        return len(self.matched) / (len(self.matched) + len(self.extra)) if self.matched or self.extra else 1.0

    @property
    def class_agreement(self) -> float:
        """Share of the matched crossings with the right class; 1 where none matched."""
        same = sum(true.label == counted.label for true, counted in self.matched)
        return same / len(self.matched) if self.matched else 1.0


def read_truth(path: Path) -> list[TrueCrossing]:
    """Rows of a truth file (CSV with the columns of COLUMNS). Without first or last, as a person counts, they are the
    frame. Raises TruthError that names the row."""
    return read_rows(path, COLUMNS, _row)


def score(counted: Sequence[Crossing], truth: Sequence[TrueCrossing], fps: float) -> Score:
    """The counts of one clip against its truth. fps: of the clip, to turn the second of slack into frames."""
    from scipy.optimize import linear_sum_assignment

    gain = np.array([[_gain(true, crossing, fps) for crossing in counted] for true in truth], np.float64)
    rows, columns = linear_sum_assignment(gain.reshape(len(truth), len(counted)), maximize=True)
    pairs = [(i, j) for i, j in zip(rows, columns, strict=True) if gain[i, j] > 0]
    matched_rows, matched_columns = {i for i, _ in pairs}, {j for _, j in pairs}
    return Score(
        matched=[(truth[i], counted[j]) for i, j in pairs if not truth[i].flag],
        missed=[true for i, true in enumerate(truth) if i not in matched_rows and not true.flag],
        extra=[crossing for j, crossing in enumerate(counted) if j not in matched_columns],
    )


def total(scores: Sequence[Score]) -> Score:
    """Several clips taken together."""
    return Score(
        [pair for one in scores for pair in one.matched],
        [true for one in scores for true in one.missed],
        [crossing for one in scores for crossing in one.extra],
    )


def _gain(true: TrueCrossing, crossing: Crossing, fps: float) -> float:
    if (true.line, true.direction) != (crossing.line, crossing.direction):
        return 0.0
    if not true.first - SLACK_S * fps <= crossing.seq <= true.last + SLACK_S * fps:
        return 0.0
    away_s = min(5.0, abs(true.frame - crossing.seq) / fps)
    return PAIR + UNFLAGGED * (not true.flag) + SAME_CLASS * (true.label == crossing.label) - away_s


def _row(where: str, row: dict[str, str]) -> TrueCrossing:
    row = row | {name: row["frame"] for name in ("first", "last") if not row.get(name)} | {"flag": row.get("flag", "")}
    try:
        frame, first, last = (int(row[name]) for name in ("frame", "first", "last"))
    except ValueError:
        what = f"expected whole numbers in frame, first, last; got {row['frame']!r}, {row['first']!r}, {row['last']!r}"
        raise TruthError(where, what, "a frame is seconds times frames a second, from 0") from None
    if not 0 <= first <= frame <= last:
        raise TruthError(where, f"expected 0 <= first <= frame <= last, got {first}, {frame}, {last}")
    check_words(where, row, {"class": LABELS, "direction": ("in", "out"), "flag": FLAGS})
    return TrueCrossing(row["clip"], row["line"], frame, first, last, row["class"], row["direction"], row["flag"])
