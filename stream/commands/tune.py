"""Measure the operating points of this machine, on a clip or on what a live camera shows now."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from stream.commands.run import Lines, configured
from stream.commands.signature import fields_as_options
from stream.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream.config.schema import CameraConfig, Config
    from stream.plan.cameras import CameraPlan
    from stream.truth import TrueCrossing
    from stream.tuning.looks import Looks
    from stream.tuning.measure import Measured

RECORDED = "recorded.mp4"  # of a live camera, in the folder of the profile


@dataclass(frozen=True, kw_only=True)
class TuneOptions:
    """Of `roadtally tune`."""

    source: Annotated[
        str, typer.Argument(help="A clip of the camera, half a minute or more with traffic; or the camera's address.")
    ]
    line: Lines = None
    truth: Annotated[Path | None, typer.Option("--truth", help="CSV of its true crossings.")] = None
    out: Annotated[Path, typer.Option("--out", help="Folder of profile.yaml and points.png.")] = Path("profile")
    weights: Annotated[list[str] | None, typer.Option("--weights", help="Detectors; may be repeated.")] = None
    precision: Annotated[list[str] | None, typer.Option(help="Number formats; may be repeated.")] = None
    inputs: Annotated[str, typer.Option(help="Long sides of the network's input.")] = "416,320,256"
    every: Annotated[str, typer.Option(help="Pictures a look.")] = "1,2,3,4,6,8"
    seconds: Annotated[
        float, typer.Option(help="Of the clip, from its begin; of a camera, recorded first.", min=1.0)
    ] = 60.0
    settings: Annotated[list[str] | None, typer.Option("--set", help="Any other key of the configuration.")] = None


@fields_as_options
def tune(options: TuneOptions) -> None:
    """Measure what each operating point costs on this machine and how well it counts; write a profile for `run`."""
    from stream.commands.console import console
    from stream.config.options import read_whole_numbers
    from stream.sources import is_live, masked
    from stream.tuning.measure import measure
    from stream.tuning.plot import plot_points
    from stream.tuning.profile import write_profile

    sizes, steps = read_whole_numbers("--inputs", options.inputs), read_whole_numbers("--every", options.every)
    source, out = options.source, options.out
    config, camera = _camera(options, max(sizes))
    all_looks = _all_looks(options, sizes, config, camera)
    true = _truth(options.truth, Path(camera.source).stem, len(all_looks[0].seen))
    measured = measure(config, camera.scene, all_looks, steps, true)
    _show(measured, has_truth=true is not None)
    shown = masked(source) if is_live(source) else Path(source).name
    paths = [write_profile(out / "profile.yaml", measured, shown, has_truth=true is not None)]
    paths.append(plot_points(measured, out / "points.png", f"{camera.name}: operating points of this machine"))
    console.print("\n".join(str(path) for path in paths), highlight=False)


def _camera(options: TuneOptions, size: int) -> tuple[Config, CameraPlan]:
    """A live camera is recorded first; its plan is then that of the recording."""
    from stream.config.options import read_drawing
    from stream.plan.cameras import plan_camera
    from stream.sources import is_live
    from stream.video import probe

    settings = [*(options.settings or []), f"detector.input={size}", "output.record=none"]
    config = configured(options.source, read_drawing(options.line, None, None), {}, settings)
    (first, *more) = config.cameras
    if more:
        raise ConfigError("tune", f"expected one camera, got {1 + len(more)}", "tune one after the other")
    if not first.lines:
        raise ConfigError("tune", "expected a line to count at", "for example --line A:0.1,0.5,0.9,0.5")
    if is_live(first.source):
        first = first.model_copy(update={"source": str(_recorded(first, options.out / RECORDED, options.seconds))})
    return config, plan_camera(config, first, probe(first.source))


def _recorded(camera: CameraConfig, path: Path, seconds: float) -> Path:
    from stream.commands.console import console
    from stream.sources import masked, with_credentials
    from stream.tuning.record import record
    from stream.video import Patience, probe_live

    source = with_credentials(camera.source, camera.name, os.environ)
    with console.status(f"{masked(source)}: connecting") as status:
        info = probe_live(source, Patience.of(camera.timeout_s, source), camera.wait_s)

        def tell(recorded_s: float) -> None:
            status.update(f"{masked(source)}: recording, {recorded_s:.0f} s of {seconds:.0f} s")

        return record(source, info, path, seconds, tell)


def _all_looks(options: TuneOptions, sizes: list[int], config: Config, camera: CameraPlan) -> list[Looks]:
    """Of every network at every size, at the whole and, where that spares much, at the part near the lines."""
    from models.contract import DetectorSpec
    from models.registry import open_detector
    from stream.budget.looks import Look, Region
    from stream.commands.console import console
    from stream.plan.cameras import letterbox_of
    from stream.tuning.looks import look

    wanted = config.detector
    ways = [Look(input_, region) for input_ in sorted(sizes, reverse=True) for region in get_args(Region)]
    boxes = {letterbox_of(wanted, camera.scene, camera.letterbox, way): way for way in reversed(ways)}
    models, precisions = options.weights or [wanted.model], options.precision or [wanted.precision]
    found = []
    with console.status("") as status:
        warm = DetectorSpec(wanted.model, ((64, 64),), wanted.engine)
        open_detector(warm).close()  # what the engine itself takes is no network's memory
        for model, number in itertools.product(models, precisions):
            spec = DetectorSpec(model, (), wanted.engine, number, score=wanted.score, threads=wanted.threads)
            for way in reversed(boxes.values()):
                status.update(f"{model}, {number}, input {way.name}: looking at the clip")
                found.append(look(config, camera, spec, way, options.seconds))
    return found


def _truth(path: Path | None, clip: str, pictures: int) -> list[TrueCrossing] | None:
    """The rows of this clip, as far as it was looked at."""
    from stream.errors import TruthError
    from stream.evaluation.counts import read_truth

    if path is None:
        return None
    rows = [row for row in read_truth(path) if row.clip == clip]
    if not rows:
        raise TruthError(str(path), f"expected rows of the clip {clip}, got none", "give the truth of this clip")
    return [row for row in rows if row.last < pictures]


def _show(measured: Sequence[Measured], *, has_truth: bool) -> None:
    from stream.commands.console import console
    from stream.commands.tables import new_table
    from stream.tuning.profile import chosen

    networks = {one.network: None for one in measured}
    numbers = ("ms alone", "ms running", "latency ms", "memory MB")
    table = new_table("a look, by network", ("network",), numbers)
    for network in networks:
        figures = (network.ms, network.running_ms, network.latency_ms, network.memory_mb)
        table.add_row(network.name, *(f"{value:.1f}" for value in figures))
    console.print(table)
    points = chosen(measured)
    against = "the truth" if has_truth else "the dearest at every picture"
    title = f"operating points against {against}; * in the profile"
    table = new_table(
        title, ("", "network", "gate"), ("every", "looks %", "ms a picture", "AP", "missed", "extra", "error %")
    )
    for one in sorted(measured, key=lambda one: (one.gate, -one.network.input, one.every)):
        ap = "–" if one.ap is None else f"{100 * one.ap:.0f}"
        words = ("*" if one in points else "", one.network.name, "on" if one.gate else "off", str(one.every))
        cost = (f"{100 * one.looks:.0f}", f"{one.cost_ms:.2f}")
        table.add_row(*words, *cost, ap, str(one.missed), str(one.extra), f"{100 * one.error:.1f}")
    console.print(table)
