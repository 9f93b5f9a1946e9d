"""Run a video or a configuration, check one, or serve another host's run."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from stream.commands.signature import fields_as_options
from stream.errors import ConfigError

if TYPE_CHECKING:
    from stream.config.schema import Config

Out = Annotated[Path | None, typer.Option("--out", help="Folder of the results.")]
MASKS_EVERY = 5
Recording = Literal["annotated", "original", "events", "none"]
Weights = Annotated[str | None, typer.Option("--weights", help="Detector: a name from `roadtally models`, or a file.")]
Lines = Annotated[
    list[str] | None,
    typer.Option("--line", help="NAME:x1,y1,x2,y2 in pixels, or as fractions of the picture when all are <= 1."),
]


@dataclass(frozen=True, kw_only=True)
class DrawingOptions:
    """What is drawn over the picture of a camera."""

    line: Lines = None
    zone: Annotated[
        list[str] | None, typer.Option("--zone", help="NAME:x1,y1,x2,y2,x3,y3 and so on: the corners, in order.")
    ] = None
    movement: Annotated[
        list[str] | None,
        typer.Option("--movement", help="NAME:ORIGIN,DESTINATION, two lines. By default all, where there are several."),
    ] = None

    def drawn(self) -> dict[str, dict[str, Any]]:
        """Keys of a camera with their values, only those given. Raises ConfigError."""
        from stream.config.options import read_drawing

        return read_drawing(self.line, self.zone, self.movement)


@dataclass(frozen=True, kw_only=True)
class RunOptions(DrawingOptions):
    """Of `roadtally run`."""

    source: Annotated[
        str | None, typer.Argument(help="A video file, a camera's address, or a configuration (.yaml).")
    ] = None
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the results; else runs/NAME, or that of the configuration.")
    ] = None
    weights: Weights = None
    inline: Annotated[bool, typer.Option("--inline", help="One process, no sockets: for debugging.")] = False
    record: Annotated[Recording | None, typer.Option(help="What is recorded.", show_default="annotated")] = None
    masks: Annotated[bool, typer.Option("--masks", help="Silhouettes too, on every fifth picture.")] = False
    no_video: Annotated[bool, typer.Option("--no-video", help="The same as --record none.")] = False
    profile: Annotated[Path | None, typer.Option(help="Operating points, as `roadtally tune` wrote them.")] = None
    port: Annotated[int | None, typer.Option(help="Serve /healthz and /metrics on this port of this machine.")] = None
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any other key of the configuration: detector.input=640.")
    ] = None
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder, which was cut off.")] = None

    def changes(self) -> dict[str, Any]:
        """Dotted keys of the configuration with their values, only those given. Raises ConfigError."""
        from stream.config.file import read_profile

        given = {
            "output.dir": self.out,
            "detector.model": self.weights,
            "output.record": "none" if self.no_video else self.record,
            "health.port": self.port,
            "placement.mode": "inline" if self.inline else None,
            "masks.every": MASKS_EVERY if self.masks else None,
        }
        profile = read_profile(self.profile) if self.profile else {}
        return profile | {key: value for key, value in given.items() if value is not None}


@fields_as_options
def run(options: RunOptions) -> None:
    """Count road users in a video, or run a configuration."""
    from stream.results.folder import take_up

    changes, drawn, settings = options.changes(), options.drawn(), options.settings or []
    if options.resume is not None:
        if options.source or changes or settings or drawn:
            raise ConfigError("--resume", "goes alone: a run goes on as it was configured", "leave the rest out")
        _run(take_up(options.resume, os.environ), resume=True)
    if options.source is None:
        raise ConfigError("run", "expected a video, a configuration, or --resume", "see `roadtally run --help`")
    _run(configured(options.source, drawn, changes, settings))


def _run(config: Config, *, resume: bool = False) -> NoReturn:
    from stream.commands.display import show_report
    from stream.commands.progress import watching
    from stream.running.launch import launch, look, planned
    from stream.running.outcome import Interrupts

    interrupts = Interrupts()
    with signals(interrupts), planned(config, look(config, lambda: interrupts.count > 0)) as plan:
        with watching(plan) as watch:
            report = launch(config, plan, watch, interrupts, resume=resume)
        show_report(report, plan)
    raise typer.Exit(report.exit_code)


def check(config_file: Annotated[str, typer.Argument(metavar="CONFIG", help="A configuration, or a video.")]) -> None:
    """Show what a configuration would run: workers, endpoints, shared memory; and every problem at once. After a run,
    also what its tracks say against the lines."""
    from stream.commands.display import show_complaints, show_plan
    from stream.records.store import STORE
    from stream.results.summary import stored_users
    from stream.running.launch import look, planned

    config = configured(config_file, {}, {}, [])
    with planned(config, look(config)) as plan:
        show_plan(plan)
        if (Path(plan.folder) / STORE).exists():
            show_complaints(stored_users(Path(plan.folder)), [camera.scene for camera in plan.cameras])


def worker(
    name: Annotated[str, typer.Option(help="Name of the worker, as `roadtally check` shows it.")],
    control: Annotated[str, typer.Option(help="Control address of the supervisor: tcp://host:port.")],
) -> None:
    """Run one worker of another host's run: a detector on a machine with a GPU, say."""
    from stream.running.worker import main as serve

    raise typer.Exit(serve(name, control))


def configured(source: str, drawn: dict[str, dict[str, Any]], changes: dict[str, Any], settings: list[str]) -> Config:
    """The configuration of a file, or of a video with options; options go over the file. drawn: of read_drawing."""
    from stream.config.file import load, parse
    from stream.config.options import read_settings
    from stream.sources import masked

    changes.update(read_settings(settings))
    if source.endswith((".yaml", ".yml")):
        for key in drawn:
            what = f"goes with a video; a configuration names its {key} itself"
            raise ConfigError(f"--{key[:-1]}", what, f"edit {source}")
        return load(Path(source), changes)
    raw = {"cameras": [{"source": source, **drawn}]}
    where = masked(source)
    changes.setdefault("output.dir", f"runs/{parse(raw, where).cameras[0].name}")
    return parse(raw, where, changes)


class signals:  # noqa: N801 - reads as a statement
    """SIGINT and SIGTERM counted while the context lasts: the first drains, the second aborts."""

    def __init__(self, interrupts: Any) -> None:
        self._interrupts = interrupts

    def __enter__(self) -> None:
        self._before = {s: signal.signal(s, self._interrupts) for s in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
