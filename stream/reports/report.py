"""A report of a run: tables and plots, made of its events or of a recount with other lines."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from pathlib import Path

import msgspec

from stream.messages import Crossing
from stream.replay import Lane
from stream.reports.bins import Bins, Peak, count_bins, peaks
from stream.reports.plots import plot_counts, plot_trajectories
from stream.reports.tables import bins_table, peaks_table, write_tables
from stream.reports.times import Axis, observed_spans
from stream.sinks.background import BACKGROUND
from stream.summary import summarise
from stream.trajectories import read_times

PLOT_BINS = 24  # the plot of a short run has finer bins than its table
NICE_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)


class Findings(msgspec.Struct, frozen=True):
    """What was written, and what the closing table shows."""

    paths: list[Path]
    bins: list[Bins]
    peaks: list[Peak]


def make_report(folder: Path, lanes: Sequence[Lane], crossings: Sequence[Crossing], axis: Axis, out: Path) -> Findings:
    """Write the report of the run in `folder` to `out`. crossings: of all its lanes. Raises OutputError."""
    spans = {lane.scene.camera: observed_spans([read_times(path) for path in lane.files]) for lane in lanes}
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
    return Findings(paths, all_bins, found)


def _plot_bin_s(bins: Bins, axis: Axis) -> float:
    wanted_s = float(bins.observed_s.sum()) / PLOT_BINS
    return min(axis.bin_s, next((nice for nice in NICE_S if nice >= wanted_s), axis.bin_s))
