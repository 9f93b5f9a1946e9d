"""What is made of a finished run: count it again, report it, audit it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.commands.run import Lines, Movements, Out, Zones

if TYPE_CHECKING:
    from stream.audit.estimate import Estimate
    from stream.replay import Recount
    from stream.reports.report import Findings
    from stream.reports.times import Axis

Run = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run: its --out.")]
Camera = Annotated[
    str | None, typer.Option("--camera", help="Whose lines and zones are replaced, where a run has several.")
]


def replay(
    folder: Run,
    line: Lines = None,
    zone: Zones = None,
    movement: Movements = None,
    out: Out = None,
    camera: Camera = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Another key of the run's configuration: counting.anchor=centre.")
    ] = None,
) -> None:
    """Count a run again, with other lines or settings: from its trajectories, without video and detector."""
    from stream.display import console, show_complaints
    from stream.options import read_drawing, read_settings
    from stream.replay import drawing_changes, lanes_of, recount, stored_config, tally_of
    from stream.summary import stored_users, write_tally
    from stream.tables import show_tally

    config = stored_config(folder)
    changes = drawing_changes(config, read_drawing(line, zone, movement), camera)
    config = stored_config(folder, {**changes, **read_settings(set_ or [])})
    lanes = lanes_of(folder, config)
    recounts = [recount(lane, config.counting) for lane in lanes]
    scenes, users = [lane.scene for lane in lanes], stored_users(folder)
    tally = tally_of(lanes, recounts, users)
    show_tally(console, tally, scenes)
    show_complaints(users, scenes)
    paths = write_tally(make_folder(out or folder / "replay"), tally, scenes)
    _show_pace(recounts)
    for lane, one in zip(lanes, recounts, strict=True):
        if not one.ended:
            console.print(f"[yellow]{lane.scene.camera}: the run did not end in order; counted up to there[/yellow]")
    for path in paths:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def _show_pace(recounts: Sequence[Recount]) -> None:
    from stream.display import console

    frames, updates = sum(one.frames for one in recounts), sum(one.updates for one in recounts)
    busy_s, counting_s = sum(one.busy_s for one in recounts), sum(one.counting_s for one in recounts)
    pace = f"counting alone {updates / max(counting_s, 1e-9) / 1e6:.2f} million a second"
    console.print(f"{frames} frames, {updates} boxes of tracks in {busy_s:.2f} s; {pace}", highlight=False)


def report(
    folder: Run,
    line: Lines = None,
    zone: Zones = None,
    movement: Movements = None,
    out: Out = None,
    camera: Camera = None,
    bin_min: Annotated[float, typer.Option("--bin", help="Length of a bin, minutes; a whole share of an hour.")] = 15.0,
    start: Annotated[
        datetime | None, typer.Option("--start", help="Wall-clock time at which the video begins: 2026-05-04T07:00.")
    ] = None,
) -> None:
    """Tables and plots of a run: counts by bin, peak hours, heavy vehicles, trajectories. --line counts again."""
    from stream.options import read_drawing
    from stream.replay import drawing_changes, lanes_of, recount, stored_config, tally_of
    from stream.reports.report import make_report
    from stream.summary import summarise

    axis = _axis(bin_min, start)
    config = stored_config(folder)
    drawn = drawing_changes(config, read_drawing(line, zone, movement), camera)
    config = stored_config(folder, drawn) if drawn else config
    lanes = lanes_of(folder, config)
    summary = summarise(folder, [lane.scene for lane in lanes])
    tally = summary.tally
    if drawn:
        tally = tally_of(lanes, [recount(lane, config.counting) for lane in lanes], summary.moving)
    findings = make_report(folder, lanes, summary.moving, tally, (axis, make_folder(out or folder / "report")))
    _show_findings(findings)


def audit(
    folder: Run,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page; by default audit.html in the run's folder.")
    ] = None,
    corrections: Annotated[
        Path | None, typer.Option("--corrections", help="A file that such a page saved: go on with it.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="So many strips, drawn at random."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same strips.")] = 7,
) -> None:
    """One page with the audit strips and a picture of each crossing, to check the counts by eye."""
    from stream.audit.estimate import estimate
    from stream.audit.page import PAGE, find_strips, write_page
    from stream.corrections import read_corrections
    from stream.display import console
    from stream.replay import lanes_of, stored_config
    from stream.summary import stored_crossings

    entered = read_corrections(corrections) if corrections else []
    crossings = stored_crossings(folder)
    estimates = estimate(crossings, entered) if entered else []
    strips = find_strips(lanes_of(folder, stored_config(folder)), crossings)
    if sample is not None and sample < len(strips):
        drawn = random.Random(seed).sample(range(len(strips)), sample)
        strips = [strips[k] for k in sorted(drawn)]
    path = write_page(folder, strips, entered, out or folder / PAGE)
    counted = sum(len(strip.crossings) for strip in strips)
    if estimates:
        show_estimates(estimates)
    size = path.stat().st_size / 2**20
    console.print(f"{len(strips)} strips, {counted} crossings, {size:.1f} MiB", highlight=False)
    console.print(f"  {path}", highlight=False, soft_wrap=True)


def show_estimates(estimates: list[Estimate]) -> None:
    """Corrected counts with their intervals."""
    from stream.display import console
    from stream.tables import new_table

    numbers = ("counted", "of it checked", "missed", "extra", "count", "from", "to")
    table = new_table("counts as corrected, with 95 % confidence", ("camera", "line", "direction"), numbers)
    for row in estimates:
        found = (row.counted, row.checked, row.missed, row.extra)
        bounds = ("–" if value is None else f"{value:.1f}" for value in (row.count, row.low, row.high))
        table.add_row(row.camera, row.line, row.direction, *(str(number) for number in found), *bounds)
    console.print(table)


def _show_findings(findings: Findings) -> None:
    from stream.display import console
    from stream.tables import new_table

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
    return Axis(bin_min * 60, start)


def make_folder(folder: Path) -> Path:
    """Make a folder for results. Raises OutputError."""
    from stream.errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(str(folder), f"cannot be made: {error.strerror}", "choose another folder: --out") from error
    return folder
