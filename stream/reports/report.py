"""A report of a run: tables and plots, made of its events or of a recount with other lines."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from math import hypot
from pathlib import Path

import msgspec
import numpy as np

from stream.messages import Clock, Crossing
from stream.replay import Lane
from stream.reports.bins import Bins, Peak, count_bins, peaks
from stream.reports.plots import plot_counts, plot_trajectories
from stream.reports.tables import bins_table, peaks_table, write_tables
from stream.reports.times import Axis, observed_spans, utc_of
from stream.sinks.background import BACKGROUND
from stream.summary import stored_clocks, summarise
from stream.trajectories import read_times

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


def make_report(folder: Path, lanes: Sequence[Lane], crossings: Sequence[Crossing], axis: Axis, out: Path) -> Findings:
    """Write the report of the run in `folder` to `out`. crossings: of all its lanes. Raises OutputError."""
    spans = {lane.scene.camera: observed_spans([read_times(path) for path in lane.files]) for lane in lanes}
    clocks = {lane.scene.camera: stored_clocks(folder, lane.scene.camera) for lane in lanes}
    if axis.start is None and all(clocks.values()):
        axis, crossings, spans = _by_time_of_day(axis, crossings, spans, clocks)
    all_bins = [count_bins(lane.scene, crossings, spans[lane.scene.camera], axis) for lane in lanes]
    found = [peak for bins in all_bins for peak in peaks(bins)]
    paths = write_tables(out, "counts", bins_table(all_bins, axis)) + write_tables(
        out, "peaks", peaks_table(found, axis)
    )
    users = summarise(folder, {lane.scene.camera: hypot(lane.scene.width, lane.scene.height) for lane in lanes}).moving
    for lane, bins in zip(lanes, all_bins, strict=True):
        scene, name = lane.scene, f"{lane.scene.camera}_" if len(lanes) > 1 else ""
        mine = [user for user in users if user.camera == scene.camera]
        background = lane.files[0].parent / BACKGROUND
        if scene.lines:
            fine = msgspec.structs.replace(axis, bin_s=_plot_bin_s(bins, axis))
            drawn = count_bins(scene, crossings, spans[scene.camera], fine)
            paths.append(plot_counts(drawn, fine, out / f"{name}counts.png"))
        paths.append(plot_trajectories(scene, mine, background, out / f"{name}trajectories.png"))
    return Findings(paths, axis, all_bins, found)


def _by_time_of_day(
    axis: Axis, crossings: Sequence[Crossing], spans: Spans, clocks: Mapping[str, Sequence[Clock]]
) -> tuple[Axis, list[Crossing], Spans]:
    """The same on the cameras' clocks: seconds since the first of them was seen, in the local time of this machine."""
    utc = {camera: utc_of(span, clocks[camera]) for camera, span in spans.items()}
    zero_s = float(int(min(clock.utc_s for of_camera in clocks.values() for clock in of_camera)))
    start = datetime.datetime.fromtimestamp(zero_s)  # the local time of this machine
    moved = []
    for crossing in crossings:
        utc_s = float(utc_of(np.array([crossing.pts_s]), clocks[crossing.camera])[0])
        moved.append(msgspec.structs.replace(crossing, pts_s=utc_s - zero_s))
    return Axis(axis.bin_s, start), moved, {camera: span - zero_s for camera, span in utc.items()}


def _plot_bin_s(bins: Bins, axis: Axis) -> float:
    wanted_s = float(bins.observed_s.sum()) / PLOT_BINS
    return min(axis.bin_s, next((nice for nice in NICE_S if nice >= wanted_s), axis.bin_s))
