"""The corrected count and its interval, against figures worked out by hand."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from stream.audit.estimate import Estimate, estimate, poisson_bounds
from stream.errors import TruthError
from stream.messages import Crossing
from stream.results.corrections import Correction


def crossings(count: int, over_s: float, direction: str = "in") -> list[Crossing]:
    values = {"camera": "cam", "line": "A", "direction": direction, "label": "car", "x": 0.0, "y": 0.0, "seq": 0}
    times = (np.arange(count) + 0.5) * over_s / max(count, 1)
    return [msgspec.convert({**values, "track_id": k, "pts_s": t}, Crossing) for k, t in enumerate(times.tolist())]


def checked(until_s: float) -> Correction:
    return Correction("cam", "A", "checked", 0.0, until_s)


def missed(pts_s: float, direction: str = "in") -> Correction:
    return Correction("cam", "A", "missed", pts_s, None, direction, "car")


def extra(pts_s: float, track_id: int) -> Correction:
    return Correction("cam", "A", "extra", pts_s, None, "in", "car", track_id)


@pytest.mark.parametrize(("events", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390)])
def test_poisson_bounds_are_those_of_the_tables_when_exact(events: int, low: float, high: float) -> None:
    assert poisson_bounds(events, 0.95) == pytest.approx((low, high), abs=2e-3)


def test_the_count_is_exact_when_every_strip_was_checked() -> None:
    (row,) = estimate(crossings(10, 900.0), [checked(900.0), missed(3.0), missed(4.0), extra(45.0, 0)])
    assert row == Estimate("cam", "A", "in", 10, 10, 2, 1, 11.0, 11.0, 11.0)


def test_rates_are_carried_over_when_a_part_was_checked() -> None:
    (row,) = estimate(crossings(400, 3600.0), [checked(900.0), missed(3.0), missed(4.0)])
    assert (row.counted, row.checked, row.missed, row.extra) == (400, 100, 2, 0)
    assert row.count == pytest.approx(102 + 300 * 1.02)
    assert row.low is not None and row.high is not None
    assert row.low < row.count < row.high


def test_a_count_without_findings_is_still_uncertain_when_a_part_was_checked() -> None:
    (row,) = estimate(crossings(400, 3600.0), [checked(900.0)])
    assert row.count == 400 and row.low is not None and row.high is not None
    assert 380 < row.low < 400 < row.high < 420


def test_nothing_is_claimed_when_nothing_was_checked() -> None:
    (row,) = estimate(crossings(5, 900.0), [missed(3.0)])
    assert (row.counted, row.missed, row.count, row.low, row.high) == (5, 0, None, None, None)


def test_a_wrong_direction_is_extra_one_way_and_missed_the_other_when_corrected() -> None:
    turned = Correction("cam", "A", "direction", 45.0, None, "out", "car", 0)
    into, out = estimate(crossings(10, 900.0), [checked(900.0), turned])
    assert (into.direction, into.missed, into.extra, into.count) == ("in", 0, 1, 9.0)
    assert (out.direction, out.missed, out.extra, out.count) == ("out", 1, 0, 1.0)


def test_the_crossing_is_named_when_corrections_are_of_another_run() -> None:
    with pytest.raises(TruthError, match="track 99 at 45 s: no such crossing"):
        estimate(crossings(10, 900.0), [checked(900.0), extra(45.0, 99)])


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([extra(45.0, 0), extra(45.0, 0)], "track 0 at 45 s: corrected twice"),
        ([extra(45.0, 0), Correction("cam", "A", "direction", 45.0, None, "out", "car", 0)], "corrected twice"),
        ([Correction("cam", "A", "direction", 45.0, None, "in", "car", 0)], "track 0 at 45 s: counted in already"),
    ],
)
def test_corrections_are_refused_when_they_cannot_all_be_true(rows: list[Correction], problem: str) -> None:
    """Two people's files, joined, took the same crossing away twice, and the count was said to be certain."""
    with pytest.raises(TruthError, match=problem):
        estimate(crossings(10, 900.0), [checked(900.0), *rows])


def test_the_interval_holds_the_truth_when_audits_are_simulated() -> None:
    """Of 300 simulated audits with 4 % misses and 2 % extras, at least 93 % hold the true count."""
    chance, held = np.random.default_rng(1), 0
    for _ in range(300):
        true = chance.poisson(2.0, 400)  # an hour of crossings, a tenth of it checked
        lost, added = chance.binomial(true, 0.04), chance.poisson(true * 0.02)
        counted = true - lost + added
        parts = [counted[:40].sum(), counted.sum(), lost[:40].sum(), added[:40].sum()]
        seen = crossings(int(parts[0]), 360.0) + [
            msgspec.structs.replace(c, pts_s=c.pts_s + 360.0) for c in crossings(int(parts[1] - parts[0]), 3240.0)
        ]
        found = [missed(1.0)] * int(parts[2]) + [extra(c.pts_s, c.track_id) for c in seen[: int(parts[3])]]
        (row,) = estimate(seen, [checked(360.0), *found])
        assert row.low is not None and row.high is not None
        held += row.low <= true.sum() <= row.high
    assert held >= 0.93 * 300
