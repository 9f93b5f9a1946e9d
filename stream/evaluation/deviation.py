"""How far counts are from the truth: by class, by line and direction, by bin of time, and as one weighted RMSE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

import msgspec
import numpy as np

from stream.evaluation.counts import Score
from stream.messages import LABELS, Crossing
from stream.truth import TrueCrossing

Event = tuple[tuple[str, ...], int]
"""What was counted (movement, class) and its frame."""

SEGMENTS = 10
CONFIDENCE = 0.95


class Row(msgspec.Struct, frozen=True):
    """One class, line or bin. right: crossings that were counted under this name and truly belong there. Flagged truth
    and what matched it are left out everywhere."""

    name: str
    true: int
    counted: int
    right: int

    @property
    def error(self) -> int:
        """Counted too many; negative: too few."""
        return self.counted - self.true


class Share(msgspec.Struct, frozen=True):
    """A share of n with its 95 % confidence interval by Wilson (1927). It holds for few and for perfect counts, where
    the normal approximation claims certainty (Brown, Cai and DasGupta 2001). value is None where n is 0."""

    value: float | None
    low: float
    high: float
    of: int


def share(part: int, of: int) -> Share:
    """part out of `of`."""
    if of == 0:
        return Share(None, 0.0, 1.0, 0)
    from scipy.stats import binomtest

    interval = binomtest(part, of).proportion_ci(CONFIDENCE, method="wilson")
    return Share(part / of, float(interval.low), float(interval.high), of)


def by_line(score: Score) -> list[Row]:
    """One row a line and direction."""
    return _rows(score, lambda true: f"{true.line} {true.direction}", lambda c: f"{c.line} {c.direction}")


def by_class(score: Score) -> list[Row]:
    """One row a class. A matched crossing with the wrong class is too few of one and too many of another."""
    rows = _rows(score, lambda true: true.label, lambda c: c.label)
    return sorted(rows, key=lambda row: LABELS.index(row.name))


def by_bin(score: Score, pts_of: Callable[[int], float], bin_s: float) -> list[tuple[float, Row]]:
    """(start of the bin in seconds of pts, its row). pts_of: frame -> seconds. A matched crossing belongs to the bin of
    its truth, so that one at the edge of a bin is no error."""
    places = {counted.key: int(pts_of(true.frame) // bin_s) for true, counted in score.matched}
    rows = _rows(
        score,
        lambda true: int(pts_of(true.frame) // bin_s),
        lambda counted: places.get(counted.key, int(counted.pts_s // bin_s)),
    )
    return sorted(((int(row.name) * bin_s, row) for row in rows), key=lambda pair: pair[0])


def weighted_rmse(score: Score, frames: int) -> float | None:
    """`weighted` of a line and direction taken as a movement."""
    true = [((t.line, t.direction, t.label), t.frame) for t in _trues(score)]
    return weighted(true, [((c.line, c.direction, c.label), c.seq) for c in _counts(score)], frames)


def weighted(true: Sequence[Event], counted: Sequence[Event], frames: int) -> float | None:
    """Effectiveness of counting as in AI City Challenge Track 1, 0..1, 1 is best; None without truth.

    Naphade et al., "The 4th AI City Challenge", CVPR Workshops 2020, evaluation of track 1. The clip is cut into k
    segments, here 10. For a movement and a class (the key of an event), with x_i true and y_i counted from the start up
    to the end of segment i:

        wRMSE = sqrt(sum_i w_i (y_i - x_i)^2),  w_i = 2 i / (k (k + 1))
        nwRMSE = 1 - wRMSE / x_k if wRMSE <= x_k, else 0

    and the result is their mean, weighted by x_k. Early segments weigh little, so that a road user on the edge between
    two of them hardly matters.
    """
    x_by_key, y_by_key = _cumulated(true, frames), _cumulated(counted, frames)
    weight = np.arange(1, SEGMENTS + 1) * 2 / (SEGMENTS * (SEGMENTS + 1))
    total = sum(x[-1] for x in x_by_key.values())
    if not total:
        return None
    good = 0.0
    for key, x in x_by_key.items():
        error = float(np.sqrt((weight * (y_by_key.get(key, np.zeros(SEGMENTS)) - x) ** 2).sum()))
        good += max(0.0, x[-1] - error)  # x_k times nwRMSE
    return float(good / total)


def _cumulated(events: Sequence[Event], frames: int) -> dict[tuple[str, ...], np.ndarray]:
    found: dict[tuple[str, ...], np.ndarray] = {}
    for key, frame in events:
        count = found.setdefault(key, np.zeros(SEGMENTS))
        count[min(SEGMENTS - 1, frame * SEGMENTS // frames) :] += 1
    return found


def _trues(score: Score) -> list[TrueCrossing]:
    return [true for true, _ in score.matched] + score.missed


def _counts(score: Score) -> list[Crossing]:
    return [counted for _, counted in score.matched] + score.extra


def _rows(score: Score, true_key: Callable[[TrueCrossing], Hashable], key: Callable[[Crossing], Hashable]) -> list[Row]:
    true, counted = Counter(map(true_key, _trues(score))), Counter(map(key, _counts(score)))
    right = Counter(true_key(t) for t, c in score.matched if true_key(t) == key(c))
    names = sorted(true.keys() | counted.keys(), key=str)
    return [Row(str(name), true[name], counted[name], right[name]) for name in names]
