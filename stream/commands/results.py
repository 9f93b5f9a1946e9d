"""What is made of a finished run: count it again, report it, audit it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.commands.run import Lines, Out

Run = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run: its --out.")]
Camera = Annotated[str | None, typer.Option("--camera", help="Whose lines --line replaces, where a run has several.")]


def replay(
    folder: Run,
    line: Lines = None,
    out: Out = None,
    camera: Camera = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Another key of the run's configuration: counting.anchor=centre.")
    ] = None,
) -> None:
    """Count a run again, with other lines or settings: from its trajectories, without video and detector."""
    from rich.console import Console

    from stream.display import show_counts
    from stream.options import read_lines, read_settings
    from stream.replay import lanes_of, line_changes, recount, stored_config
    from stream.summary import Summary, write_crossings

    console = Console()
    config = stored_config(folder)
    changes = line_changes(config, read_lines(line or []), camera)
    config = stored_config(folder, {**changes, **read_settings(set_ or [])})
    lanes = lanes_of(folder, config)
    recounts = [recount(lane, config.counting) for lane in lanes]
    crossings = sorted(
        (c for one in recounts for c in one.crossings), key=lambda c: (c.pts_s, c.camera, c.line, c.track_id)
    )
    show_counts(Summary(crossings, [], []), [lane.scene for lane in lanes])
    target = out or folder / "replay"
    path = write_crossings(make_folder(target), crossings)
    busy_s, updates = sum(one.busy_s for one in recounts), sum(one.updates for one in recounts)
    frames = sum(one.frames for one in recounts)
    console.print(f"{frames} frames, {updates} boxes of tracks in {busy_s:.2f} s", highlight=False)
    for lane, one in zip(lanes, recounts, strict=True):
        if not one.ended:
            console.print(f"[yellow]{lane.scene.camera}: the run did not end in order; counted up to there[/yellow]")
    console.print(f"  {path}", highlight=False, soft_wrap=True)


def make_folder(folder: Path) -> Path:
    """Make a folder for results. Raises OutputError."""
    from stream.errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(str(folder), f"cannot be made: {error.strerror}", "choose another folder: --out") from error
    return folder
