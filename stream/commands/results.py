"""What is made of a finished run: count it again, report it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.commands.run import DrawingOptions, Out
from stream.commands.signature import fields_as_options

if TYPE_CHECKING:
    from stream.reports.report import Findings
    from stream.reports.times import Axis
    from stream.results.replay import Recount

Run = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run: its --out.")]


@dataclass(frozen=True, kw_only=True)
class RecountOptions(DrawingOptions):
    """Of what counts a run again."""

    folder: Run
    out: Out = None
    camera: Annotated[
        str | None, typer.Option("--camera", help="Whose lines and zones are replaced, where a run has several.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(RecountOptions):
    """Of `roadtally replay`."""

    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Another key of the run's configuration: counting.anchor=centre.")
    ] = None


@fields_as_options
def replay(options: ReplayOptions) -> None:
    """Count a run again, with other lines or settings: from its trajectories, without video and detector."""
    from stream.commands.console import console
    from stream.commands.display import show_complaints
    from stream.commands.tables import show_tally
    from stream.config.options import read_settings
    from stream.results.replay import drawing_changes, lanes_of, recount, stored_config, tally_of
    from stream.results.summary import stored_users, write_tally

    folder = options.folder
    changes = drawing_changes(stored_config(folder), options.drawn(), options.camera)
    config = stored_config(folder, {**changes, **read_settings(options.settings or [])})
    lanes = lanes_of(folder, config)
    recounts = [recount(lane, config.counting) for lane in lanes]
    scenes, users = [lane.scene for lane in lanes], stored_users(folder)
    tally = tally_of(lanes, recounts, users)
    show_tally(console, tally, scenes)
    show_complaints(users, scenes)
    paths = write_tally(make_folder(options.out or folder / "replay"), tally, scenes)
    _show_pace(recounts)
    for lane, one in zip(lanes, recounts, strict=True):
        if not one.ended:
            console.print(f"{lane.scene.camera}: the run did not end in order; counted up to there", style="yellow")
    for path in paths:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def _show_pace(recounts: Sequence[Recount]) -> None:
    from stream.commands.console import console

    frames, updates = sum(one.frames for one in recounts), sum(one.updates for one in recounts)
    busy_s, counting_s = sum(one.busy_s for one in recounts), sum(one.counting_s for one in recounts)
    pace = f"counting alone {updates / max(counting_s, 1e-9) / 1e6:.2f} million a second"
    console.print(f"{frames} frames, {updates} boxes of tracks in {busy_s:.2f} s; {pace}", highlight=False)


@dataclass(frozen=True, kw_only=True)
class ReportOptions(RecountOptions):
    """Of `roadtally report`."""

    bin_min: Annotated[float, typer.Option("--bin", help="Length of a bin, minutes; a whole share of an hour.")] = 15.0
    start: Annotated[
        datetime | None, typer.Option("--start", help="Wall-clock time at which the video begins: 2026-05-04T07:00.")
    ] = None


@fields_as_options
def report(options: ReportOptions) -> None:
    """Tables and plots of a run: counts by bin, peak hours, heavy vehicles, trajectories. --line counts again."""
    from stream.reports.report import make_report
    from stream.results.replay import drawing_changes, lanes_of, recount, stored_config, tally_of
    from stream.results.summary import summarise

    folder, axis = options.folder, _axis(options.bin_min, options.start)
    config = stored_config(folder)
    drawn = drawing_changes(config, options.drawn(), options.camera)
    config = stored_config(folder, drawn) if drawn else config
    lanes = lanes_of(folder, config)
    summary = summarise(folder, [lane.scene for lane in lanes])
    tally = summary.tally
    if drawn:
        tally = tally_of(lanes, [recount(lane, config.counting) for lane in lanes], summary.moving)
    findings = make_report(folder, lanes, summary.moving, tally, (axis, make_folder(options.out or folder / "report")))
    _show_findings(findings)


def _show_findings(findings: Findings) -> None:
    from stream.commands.console import console
    from stream.commands.tables import new_table

    numbers = ("road users", "motor vehicles", "heavy", "peak hour from", "vehicles in it", "peak-hour factor")
    table = new_table("peak hours", ("camera", "line", "direction"), numbers)
    for peak in findings.peaks:
        cells = (
            None if peak.heavy_share is None else f"{peak.heavy_share:.1%}",
            None if peak.peak_start_s is None else findings.axis.label(peak.peak_start_s),
            None if peak.peak_vehicles is None else str(peak.peak_vehicles),
            None if peak.peak_hour_factor is None else f"{peak.peak_hour_factor:.3f}",
        )
        counts = (str(peak.road_users), str(peak.vehicles))
        table.add_row(peak.camera, peak.line, peak.direction, *counts, *(cell or "–" for cell in cells))
    console.print(table)
    if not findings.peaks:
        console.print("the run has no lines, so nothing was counted; --line counts again", highlight=False)
    elif all(peak.peak_start_s is None for peak in findings.peaks):
        console.print("no hour was observed whole, so there is no peak hour", highlight=False)
    for bins in findings.bins:
        seconds = bins.observed_s.sum()
        console.print(f"{bins.scene.camera}: {seconds:.1f} s observed", highlight=False)
    for path in findings.paths:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def _axis(bin_min: float, start: datetime | None) -> Axis:
    from stream.errors import ConfigError
    from stream.reports.times import Axis

    if not 0 < bin_min <= 60 or abs(60 / bin_min - round(60 / bin_min)) > 1e-9:
        raise ConfigError("--bin", f"expected minutes that divide an hour, got {bin_min:g}", "for example --bin 15")
    return Axis(bin_min * 60, start and start.replace(tzinfo=None))  # its own clock, wherever the report is made


def make_folder(folder: Path) -> Path:
    """Make a folder for results. Raises OutputError."""
    from stream.errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError.refused(folder, "made", error, "choose another folder: --out") from error
    return folder
