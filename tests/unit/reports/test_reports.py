"""Bins, gaps and peak hours, against figures worked out by hand."""

from __future__ import annotations

import csv
import datetime
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.messages import LABELS, Clock, Crossing, Gap, Visit
from stream.reports.bins import Peak, count_bins, peaks
from stream.reports.movements import movements_table
from stream.reports.tables import bins_table, write_tables
from stream.reports.times import Axis, observed_s, observed_spans, utc_of, without_gaps
from stream.reports.zones import zones_table
from stream.results.movements import Turn
from stream.scene import Line, Movement, Scene, Zone

SCENE = Scene("cam", 640, 360, (Line("A", 0, 180, 640, 180), Line("B", 0, 90, 640, 90)))
SEVEN = datetime.datetime(2026, 5, 4, 7, 5)
QUARTER = Axis(900.0)


def crossing(pts_s: float, label: str = "car", direction: str = "in", line: str = "A") -> Crossing:
    values: dict[str, Any] = {"camera": "cam", "line": line, "direction": direction, "label": label, "pts_s": pts_s}
    return msgspec.convert({**values, "track_id": 1, "seq": int(pts_s), "x": 0.0, "y": 0.0}, Crossing)


def spread(*volumes: int, label: str = "car") -> list[Crossing]:
    """So many crossings in each quarter of an hour."""
    return [crossing(900.0 * k + 800.0 * i / n, label) for k, n in enumerate(volumes) for i in range(n)]


def peak_of(crossings: list[Crossing], spans: list[tuple[float, float]]) -> Peak:
    (peak,) = [
        p for p in peaks(count_bins(SCENE, crossings, np.array(spans), QUARTER)) if p.line + p.direction == "Ain"
    ]
    return peak


@pytest.mark.parametrize(
    ("times_s", "spans"),
    [
        ([], []),
        ([0.0, 0.5, 1.0], [(0.0, 1.5)]),
        ([0.0, 0.1, 0.2, 5.0, 5.1], [(0.0, 0.3), (5.0, 5.2)]),  # a gap
        ([0.0, 10.0, 20.0], [(0.0, 30.0)]),  # one picture in ten seconds is no gap
        ([0.0, 0.1, 0.2, 1.1], [(0.0, 1.2)]),  # some lost frames are none either
    ],
)
def test_gaps_are_unobserved_when_frames_are_missing(times_s: list[float], spans: list[tuple[float, float]]) -> None:
    got = observed_spans([np.array(times_s)])
    assert got == pytest.approx(np.array(spans).reshape(-1, 2))


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([], [(0.0, 100.0), (200.0, 300.0)]),
        ([(20.0, 30.0)], [(0.0, 20.0), (30.0, 100.0), (200.0, 300.0)]),  # pictures came, of a frozen camera
        ([(100.0, 200.0)], [(0.0, 100.0), (200.0, 300.0)]),  # no picture came
        ([(90.0, 210.0), (250.0, None)], [(0.0, 90.0), (210.0, 250.0)]),  # the second lasts to the end
        ([(0.0, 300.0)], []),
    ],
)
def test_a_told_gap_is_unobserved_when_pictures_came(
    gaps: list[tuple[float, float | None]], expected: list[tuple[float, float]]
) -> None:
    told = [Gap("cam", 0, from_s, to_s, 0.0, None, "frozen") for from_s, to_s in gaps]
    spans = without_gaps(np.array([(0.0, 100.0), (200.0, 300.0)]), told)
    assert spans == pytest.approx(np.array(expected).reshape(-1, 2))


@given(st.lists(st.tuples(st.floats(0, 5000), st.floats(0, 900)), max_size=6), st.sampled_from([60.0, 300.0, 900.0]))
def test_no_second_is_lost_when_spans_are_cut_into_bins(parts: list[tuple[float, float]], bin_s: float) -> None:
    starts = np.cumsum([[a, b] for a, b in parts]).reshape(-1, 2)  # one after the other
    edges = Axis(bin_s).edges_s(0.0, float(starts.max(initial=1.0)))
    assert observed_s(starts, edges).sum() == pytest.approx((starts[:, 1] - starts[:, 0]).sum())


def test_bins_lie_on_the_clock_when_the_start_is_known() -> None:
    axis = Axis(900.0, SEVEN)
    bins = count_bins(SCENE, [crossing(10.0), crossing(599.0), crossing(601.0)], np.array([(0.0, 1200.0)]), axis)
    assert [axis.label(edge) for edge in bins.edges_s.tolist()] == ["07:00", "07:15", "07:30"]
    assert bins.observed_s.tolist() == [600.0, 600.0]
    assert bins.count[0, 0, LABELS.index("car")].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("begins", "shown"),
    [
        (datetime.datetime(2026, 3, 29, 0, 40, tzinfo=datetime.UTC), ["01:30", "01:45", "03:00", "03:15"]),
        (datetime.datetime(2026, 10, 25, 0, 40, tzinfo=datetime.UTC), ["02:30", "02:45", "02:00", "02:15"]),
        (datetime.datetime(2026, 5, 4, 21, 40, tzinfo=datetime.UTC), ["23:30", "23:45", "00:00", "00:15"]),
        (datetime.datetime(2026, 3, 29, 1, 40), ["01:30", "01:45", "02:00", "02:15"]),  # of a file: no zone
    ],
)
def test_bins_show_the_clock_on_the_wall_when_it_is_changed(
    begins: datetime.datetime, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change to or from summer time, the bins of a live camera were an hour off until the run was over."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    axis = Axis(900.0, begins.astimezone() if begins.tzinfo else begins)
    bins = count_bins(SCENE, [], np.array([(0.0, 2400.0)]), axis)
    rows = bins_table([bins], axis).to_pylist()
    assert list(dict.fromkeys(f"{row['start']:%H:%M}" for row in rows)) == shown
    assert [axis.label(edge) for edge in bins.edges_s[:-1].tolist()] == shown
    monkeypatch.undo()
    time.tzset()


def test_a_bin_without_observation_is_null_and_not_zero_when_the_camera_was_away(tmp_path: Path) -> None:
    spans = np.array([(0.0, 900.0), (1800.0, 2250.0)])
    table = bins_table([count_bins(SCENE, [crossing(5.0), crossing(1900.0)], spans, QUARTER)], QUARTER)
    csv_path, parquet_path = write_tables(tmp_path, "counts", table)
    with csv_path.open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if (r["line"], r["direction"], r["class"]) == ("A", "in", "car")]
    assert [(r["start_s"], r["observed_s"], r["count"], r["flow_per_h"]) for r in rows] == [
        ("0", "900", "1", "4"), ("900", "0", "", ""), ("1800", "450", "1", "8")]  # fmt: skip
    assert pq.read_table(parquet_path).equals(table)
    assert table.num_rows == 3 * 2 * 2 * len(LABELS)


def test_the_peak_hour_factor_is_that_of_the_manual_when_bins_are_quarters() -> None:
    peak = peak_of(spread(10, 100, 110, 120, 70, 20), [(0.0, 5400.0)])
    assert (peak.peak_start_s, peak.peak_vehicles) == (900.0, 400)
    assert peak.peak_hour_factor == pytest.approx(400 / (4 * 120))
    assert (peak.road_users, peak.vehicles) == (430, 430)


def test_an_hour_with_a_gap_is_no_peak_hour_when_another_was_whole() -> None:
    volumes = spread(10, 10, 10, 10, 90, 90, 90, 90)
    assert peak_of(volumes, [(0.0, 5000.0), (5300.0, 7200.0)]).peak_start_s == 900.0  # 07:15 to 08:15 of eight quarters
    assert peak_of(volumes, [(0.0, 7200.0)]).peak_start_s == 3600.0
    assert peak_of(spread(5, 5), [(0.0, 1800.0)]).peak_start_s is None
    assert peak_of([], [(0.0, 3600.0)]) == Peak("cam", "A", "in", 0, 0, None, 0.0, 0, None)


def test_heavy_vehicles_are_a_share_of_motor_vehicles_when_others_pass_too() -> None:
    passed = [crossing(1.0, label) for label in ("bus", "truck", "car", "motorcycle", "person", "bicycle", "person")]
    peak = peak_of(passed, [(0.0, 900.0)])
    assert (peak.road_users, peak.vehicles, peak.heavy_share) == (7, 4, 0.5)
    both = peaks(count_bins(SCENE, [*passed, crossing(2.0, "car", "out")], np.array([(0.0, 900.0)]), QUARTER))[2]
    assert (both.direction, both.vehicles, both.heavy_share) == ("both", 5, 0.4)


@given(st.lists(st.tuples(st.floats(-100, 9000), st.sampled_from(LABELS), st.sampled_from(["in", "out"]))))
def test_no_crossing_is_lost_when_counted_into_bins(rows: list[tuple[float, str, str]]) -> None:
    crossings = [crossing(*row) for row in rows]
    others = [msgspec.structs.replace(c, camera="other") for c in crossings]
    bins = count_bins(SCENE, crossings + others, np.array([(0.0, 600.0)]), QUARTER)
    assert bins.count.sum() == len(crossings)


def test_pts_become_times_of_day_when_a_camera_told_its_clock_twice() -> None:
    clocks = [Clock("cam", 0, 0.0, 1000.0, "arrival"), Clock("cam", 0, 60.0, 1060.5, "rtcp")]
    assert utc_of(np.array([-1.0, 0.0, 59.0, 60.0, 100.0]), clocks).tolist() == [999.0, 1000.0, 1059.0, 1060.5, 1100.5]


ZONED = msgspec.structs.replace(SCENE, zones=(Zone("Z", ((0.0, 0.0), (640.0, 0.0), (640.0, 360.0))),))


def visit(entered_s: float, left_s: float | None, **other: Any) -> Visit:
    values = {"camera": "cam", "zone": "Z", "track_id": 1, "label": "car", "entered_seq": 0, "entered": "edge"}
    left = {"left_seq": None, "left": None if left_s is None else "edge"}
    return Visit(**{**values, "entered_s": entered_s, "left_s": left_s, **left, **other})


def zone_rows(visits: list[Visit], spans: list[tuple[float, float]], label: str = "all") -> list[dict[str, Any]]:
    bins = count_bins(ZONED, [], np.array(spans), QUARTER)
    rows = zones_table([bins], {"cam": np.array(spans)}, visits, QUARTER).to_pylist()
    return [row for row in rows if row["class"] == label]


def test_occupancy_is_of_the_observed_time_when_a_visit_lasts_over_bins() -> None:
    rows = zone_rows([visit(800.0, 1000.0), visit(850.0, 860.0)], [(0.0, 1800.0)])
    assert [row["visits"] for row in rows] == [2, 0]
    assert [row["mean_inside"] for row in rows] == [pytest.approx(110 / 900, abs=1e-3), pytest.approx(0.111, abs=1e-3)]
    assert [row["most_inside"] for row in rows] == [2, 1]
    assert [(row["dwell_known"], row["dwell_mean_s"]) for row in rows] == [(1, 10.0), (1, 200.0)]


def test_a_zone_is_not_empty_but_unknown_when_the_camera_was_away() -> None:
    rows = zone_rows([visit(800.0, 890.0)], [(0.0, 900.0), (1800.0, 2250.0)])
    figures = ("visits", "mean_inside", "most_inside", "dwell_known", "dwell_mean_s")
    assert [rows[1][name] for name in figures] == [None] * 5
    assert [rows[2][name] for name in figures] == [0, 0.0, 0, 0, None]


def test_a_dwell_time_is_not_averaged_when_its_beginning_or_end_was_not_seen() -> None:
    cut = [visit(10.0, 20.0, entered="born"), visit(10.0, 20.0, left="lost"), visit(10.0, 700.0, left="unseen")]
    (row,) = zone_rows([*cut, visit(10.0, 40.0)], [(0.0, 900.0)])
    assert (row["visits"], row["dwell_known"], row["dwell_mean_s"]) == (4, 1, 30.0)


def test_who_is_inside_when_a_run_is_killed_was_inside_until_the_last_picture() -> None:
    (row,) = zone_rows([visit(450.0, None)], [(0.0, 900.0)])
    assert (row["mean_inside"], row["dwell_known"]) == (0.5, 0)


def test_movements_have_no_count_when_nothing_was_observed() -> None:
    scene = msgspec.structs.replace(SCENE, movements=(Movement("A to B", "A", "B"), Movement("B to A", "B", "A")))
    spans = np.array([(0.0, 900.0), (1800.0, 2250.0)])
    turns = [Turn("cam", "A to B", "A", "B", k, "bus", at_s, "gates") for k, at_s in enumerate((5.0, 6.0, 1900.0))]
    table = movements_table([count_bins(scene, [], spans, QUARTER)], turns, QUARTER)
    assert {row["movement"] for row in table.to_pylist()} == {"A to B"}  # the other was not made
    rows = [row for row in table.to_pylist() if row["class"] == "bus"]
    assert [(row["observed_s"], row["count"], row["flow_per_h"]) for row in rows] == [
        (900.0, 2, 8.0), (0.0, None, None), (450.0, 1, 8.0)]  # fmt: skip
