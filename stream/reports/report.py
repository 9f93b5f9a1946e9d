"""A report of a run: tables and plots, made of its events or of a recount with other lines."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from stream.messages import Clock, Crossing, Gap, Visit
from stream.records.store import RoadUser
from stream.records.trajectories import read_times
from stream.reports.bins import Bins, Peak, count_bins, peaks
from stream.reports.movements import movements_table
from stream.reports.plots import plot_counts, plot_movements, plot_occupancy, plot_trajectories
from stream.reports.tables import bins_table, peaks_table, write_tables
from stream.reports.times import Axis, observed_spans, utc_of, without_gaps
from stream.reports.zones import occupancy, zones_table
from stream.results.movements import Turn
from stream.results.replay import Lane
from stream.results.summary import Tally, stored_clocks, stored_gaps
from stream.sinks.background import BACKGROUND

Event = TypeVar("Event", Crossing, Turn, Visit)
Spans = dict[str, np.ndarray]
"""Camera -> when it was observed: of times.observed_spans."""

PLOT_BINS = 24  # the plot of a short run has finer bins than its table
NICE_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)


class Findings(msgspec.Struct, frozen=True):
    """What was written, and what the closing table shows."""

    paths: list[Path]
    axis: Axis
    bins: list[Bins]
    peaks: list[Peak]


def make_report(
    folder: Path, lanes: Sequence[Lane], users: Sequence[RoadUser], tally: Tally, to: tuple[Axis, Path]
) -> Findings:
    """Write the report of the run in `folder`. users, tally: of all its lanes; to: the axis of the tables, and the
    folder they go to. Raises OutputError."""
    axis, out = to
    gaps = stored_gaps(folder)
    spans = {lane.scene.camera: _spans(lane, gaps) for lane in lanes}
    clocks = {lane.scene.camera: stored_clocks(folder, lane.scene.camera) for lane in lanes}
    if axis.start is None and all(clocks.values()):
        axis, tally, spans = _by_time_of_day(axis, tally, spans, clocks)
    all_bins = [count_bins(lane.scene, tally.crossings, spans[lane.scene.camera], axis) for lane in lanes]
    found = [peak for bins in all_bins for peak in peaks(bins)]
    paths = write_tables(out, "counts", bins_table(all_bins, axis))
    paths += write_tables(out, "peaks", peaks_table(found, axis))
    if any(lane.scene.movements for lane in lanes):
        paths += write_tables(out, "movements", movements_table(all_bins, tally.turns, axis))
    if any(lane.scene.zones for lane in lanes):
        paths += write_tables(out, "zones", zones_table(all_bins, spans, tally.visits, axis))
    for lane, bins in zip(lanes, all_bins, strict=True):
        prefix = f"{lane.scene.camera}_" if len(lanes) > 1 else ""
        fine = msgspec.structs.replace(axis, bin_s=_plot_bin_s(bins, axis))
        drawn = count_bins(lane.scene, tally.crossings, spans[lane.scene.camera], fine)
        paths += _plot_lane(lane, users, tally, (drawn, fine, spans[lane.scene.camera]), f"{out}/{prefix}")
    return Findings(paths, axis, all_bins, found)


def _spans(lane: Lane, gaps: Sequence[Gap]) -> np.ndarray:
    """When a lane was observed."""
    mine = [gap for gap in gaps if gap.camera == lane.scene.camera]
    return without_gaps(observed_spans([read_times(path) for path in lane.files]), mine)


def _plot_lane(
    lane: Lane, users: Sequence[RoadUser], tally: Tally, over: tuple[Bins, Axis, np.ndarray], out: str
) -> list[Path]:
    """The plots of one camera. over: its bins, their axis and when it was observed; out: how their names begin."""
    scene, (bins, axis, spans), paths = lane.scene, over, []
    mine = [user for user in users if user.camera == scene.camera]
    background = lane.files[0].parent / BACKGROUND
    if scene.lines:
        paths.append(plot_counts(bins, axis, Path(f"{out}counts.png")))
    if scene.zones:
        inside = {
            zone.name: occupancy(
                [v for v in tally.visits if (v.camera, v.zone) == (scene.camera, zone.name)], bins, spans
            ).mean
            for zone in scene.zones
        }
        paths.append(plot_occupancy(bins, inside, axis, Path(f"{out}zones.png")))
    paths.append(plot_trajectories(scene, mine, background, Path(f"{out}trajectories.png")))
    turns = [turn for turn in tally.turns if turn.camera == scene.camera]
    if turns:
        paths.append(plot_movements(scene, mine, turns, background, Path(f"{out}movements.png")))
    return paths


def _by_time_of_day(
    axis: Axis, tally: Tally, spans: Spans, clocks: Mapping[str, Sequence[Clock]]
) -> tuple[Axis, Tally, Spans]:
    """The same on the cameras' clocks: seconds since the first of them was seen, in the local time of this machine."""
    utc = {camera: utc_of(span, clocks[camera]) for camera, span in spans.items()}
    zero_s = float(int(min(clock.utc_s for of_camera in clocks.values() for clock in of_camera)))
    start = datetime.datetime.fromtimestamp(zero_s).astimezone()  # the local time of this machine

    def moved(event: Event, *fields: str) -> Event:
        known = {name: value for name in fields if (value := getattr(event, name)) is not None}
        times = utc_of(np.array(list(known.values())), clocks[event.camera]) - zero_s
        return msgspec.structs.replace(event, **dict(zip(known, times.tolist(), strict=True)))

    on_clock = Tally(
        [moved(crossing, "pts_s") for crossing in tally.crossings],
        [moved(turn, "pts_s") for turn in tally.turns],
        [moved(visit, "entered_s", "left_s") for visit in tally.visits],
    )
    return Axis(axis.bin_s, start), on_clock, {camera: span - zero_s for camera, span in utc.items()}


def _plot_bin_s(bins: Bins, axis: Axis) -> float:
    wanted_s = float(bins.observed_s.sum()) / PLOT_BINS
    return min(axis.bin_s, next((nice for nice in NICE_S if nice >= wanted_s), axis.bin_s))
