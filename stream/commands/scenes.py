"""Synthetic traffic: make a clip with exact truth, and show the whole pipeline on one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from stream.commands.run import Weights, signals
from stream.commands.signature import fields_as_options

Seed = Annotated[int, typer.Option(help="The same seed gives the same traffic.")]
Light = Annotated[Literal["day", "dusk", "night"], typer.Option(help="Time of day.")]
Duration = Annotated[float, typer.Option("--duration", help="Seconds.")]


@dataclass(frozen=True, kw_only=True)
class SynthOptions:
    """Of `roadtally synth`."""

    out: Annotated[Path, typer.Option("--out", help="Folder of the clip and its truth.")] = Path("runs/synth")
    place: Annotated[
        Literal["road", "crossroads", "t-junction"],
        typer.Option(help="A straight road, or a junction, with its true turning movements."),
    ] = "road"
    seed: Seed = 7
    light: Light = "day"
    duration_s: Duration = 20.0
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 25.0
    size: Annotated[str, typer.Option(help="Width x height.")] = "640x360"
    density: Annotated[
        float, typer.Option(help="1: about 850 vehicles a lane and hour, or 220 on an arm of a junction.")
    ] = 1.0
    pictures: Annotated[
        int, typer.Option(help="No clip, but so many pictures of many places and lights, for `roadtally train`.")
    ] = 0


@fields_as_options
def synth(options: SynthOptions) -> None:
    """Make a synthetic traffic clip with its true boxes, crossings and turning movements."""
    from stream.config.options import read_size
    from stream.synth import make

    if options.pictures:
        _pictures(options.out, options.pictures, options.seed)
        return
    width, height = read_size("--size", options.size)
    settings = _settings(
        place=options.place,
        seed=options.seed,
        light=options.light,
        duration_s=options.duration_s,
        fps=options.fps,
        width=width,
        height=height,
        density=options.density,
    )
    result = make(settings, options.out)
    for path in (result.clip, result.gt, result.crossings, result.line_file, result.movements):
        if path is not None:
            typer.echo(f"  {path}")
    lines = (f"--line {line.name}:{line.x1:g},{line.y1:g},{line.x2:g},{line.y2:g}" for line in result.lines)
    typer.echo(f"count it: roadtally run {result.clip} {' '.join(lines)}")


def _pictures(out: Path, count: int, seed: int) -> None:
    from models.training.synthetic import make_synthetic
    from stream.commands.console import console

    with console.status("drawing") as status:
        for done in make_synthetic(out, count, seed):
            status.update(f"{done} of {count} pictures")
    console.print(f"{count} pictures in {out}; next: roadtally train DATA {out} --share 0.1 ...", highlight=False)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("runs/demo"),
    seed: Seed = 7,
    light: Light = "day",
    duration_s: Duration = 20.0,
    weights: Weights = None,
) -> None:
    """Make a synthetic clip, count it with the whole pipeline, and compare with the truth."""
    from stream.commands.display import show_report, show_truth
    from stream.commands.progress import watching
    from stream.config.file import parse
    from stream.evaluation.counts import read_truth, score
    from stream.running.launch import launch, look, planned
    from stream.running.outcome import Interrupts
    from stream.synth import make

    clip = make(_settings(seed=seed, light=light, duration_s=duration_s), out / "scene")
    lines = {line.name: (line.x1, line.y1, line.x2, line.y2) for line in clip.lines}
    raw: dict[str, Any] = {"cameras": [{"source": str(clip.clip), "lines": lines}], "output": {"dir": str(out)}}
    if weights is not None:
        raw["detector"] = {"model": weights}
    config = parse(raw, "demo")
    interrupts = Interrupts()
    with signals(interrupts), planned(config, look(config)) as plan:
        with watching(plan) as watch:
            report = launch(config, plan, watch, interrupts)
        show_report(report, plan)
    if report.outcome.error is None:
        show_truth(score(report.summary.crossings, read_truth(clip.crossings), plan.cameras[0].info.fps))
    raise typer.Exit(report.exit_code)


def _settings(**values: Any) -> Any:
    from pydantic import ValidationError

    from stream.config.problems import describe
    from stream.errors import ConfigError
    from stream.synth import SynthSettings

    try:
        return SynthSettings.model_validate(values)
    except ValidationError as error:
        problems = "\n  ".join(describe(error, values, SynthSettings))
        raise ConfigError("synth", problems, "see roadtally synth --help") from None
