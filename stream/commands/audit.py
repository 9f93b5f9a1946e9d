"""Check the counts of a finished run by eye."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.commands.results import Run

if TYPE_CHECKING:
    from stream.audit.estimate import Estimate


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
    from stream.commands.console import console
    from stream.results.corrections import read_corrections
    from stream.results.replay import lanes_of, stored_config
    from stream.results.summary import stored_crossings

    entered = read_corrections(corrections) if corrections else []
    lanes, crossings = lanes_of(folder, stored_config(folder)), stored_crossings(folder)
    estimates = estimate(crossings, entered) if entered else []
    strips = find_strips(lanes, crossings)
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
    from stream.commands.console import console
    from stream.commands.tables import new_table

    numbers = ("counted", "of it checked", "missed", "extra", "count", "from", "to")
    table = new_table("counts as corrected, with 95 % confidence", ("camera", "line", "direction"), numbers)
    for row in estimates:
        found = (row.counted, row.checked, row.missed, row.extra)
        bounds = ("–" if value is None else f"{value:.1f}" for value in (row.count, row.low, row.high))
        table.add_row(row.camera, row.line, row.direction, *(str(number) for number in found), *bounds)
    console.print(table)
