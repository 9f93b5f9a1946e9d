"""A detector of your own: pictures labelled, and learnt from."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream.commands.signature import fields_as_options

if TYPE_CHECKING:
    from rich.status import Status

    from stream.messages import Detections


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Of `roadtally train`."""

    data: Annotated[
        list[Path], typer.Argument(help="Folders: annotations.json (COCO) and pictures, or YOLO txt files.")
    ]
    start: Annotated[str, typer.Option(help="Weights to start from: a name from `roadtally models`, or a file.")]
    out: Annotated[Path, typer.Option("--out", help="Folder of check-points and weights; a run there goes on.")]
    steps: Annotated[int, typer.Option(help="Updates of the weights.")] = 6000
    minutes: Annotated[float, typer.Option(help="At most so long.")] = float("inf")
    batch: Annotated[int, typer.Option(help="Pictures of 416x256 a step.")] = 16
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu"
    threads: Annotated[int, typer.Option(help="Processor threads.")] = 2
    activation: Annotated[str, typer.Option(help="silu or hswish, where another than that of the start.")] = ""
    family: Annotated[str, typer.Option(help="Put a new head on a NanoDet-Plus: ssd, retinanet, faster-rcnn.")] = ""
    frozen: Annotated[bool, typer.Option("--frozen", help="Let only the head learn, not the features.")] = False
    share: Annotated[
        list[float] | None,
        typer.Option(help="Part of the draws for each set after the first, in order; none: as their sizes say."),
    ] = None


@fields_as_options
def train(options: TrainOptions) -> None:
    """Train the detector on your own pictures; interrupted training goes on where it was."""
    from models.registry import weights_path
    from models.training.train import TrainSettings, train
    from stream.commands.console import console

    settings = TrainSettings(
        tuple(options.data),
        weights_path(options.start),
        options.out,
        shares=tuple(options.share or ()),
        activation=options.activation,
        family=options.family,
        frozen=options.frozen,
        steps=options.steps,
        minutes=options.minutes,
        batch=options.batch,
        device=options.device,
        threads=options.threads,
    )
    with console.status("reading the pictures") as status:
        train(settings, lambda row: _tell(row, status))
    console.print(f"weights: {options.out / 'weights.safetensors'}", highlight=False)


def _tell(row: dict[str, Any], status: Status) -> None:
    """What stays on the screen: how it begins, and each score. The rest is a line that changes."""
    from stream.commands.console import console

    text = ", ".join(f"{key} {value}" for key, value in row.items())
    if "ap50" in row or "batch" in row:
        console.print(text, highlight=False)
    else:
        status.update(text)


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """Of `roadtally label`."""

    source: Annotated[Path, typer.Argument(help="A clip, or a folder of pictures.")]
    out: Annotated[Path, typer.Option("--out", help="Folder of the data set that is made.")]
    weights: Annotated[str, typer.Option("--weights", help="The detector that looks.")] = "roadtally-small"
    every_s: Annotated[float, typer.Option(help="Of a clip: seconds between pictures.")] = 0.2
    most: Annotated[int, typer.Option(help="Of a clip: keep so many pictures, where most goes on; 0: all.")] = 0
    threads: Annotated[int, typer.Option(help="Processor threads; 0: all cores.")] = 0


@fields_as_options
def label(options: LabelOptions) -> None:
    """Label pictures or a clip by many looks at each, for `roadtally train` to learn from."""
    from models.training.label import label_clip, label_folder
    from models.training.labeller import Labeller
    from stream.commands.console import console

    source, out = options.source, options.out
    pictures = boxes = 0
    with closing(Labeller(options.weights, threads=options.threads)) as labeller, console.status("labelling") as status:
        looks: Iterable[tuple[object, Detections]] = (
            label_folder(source, out, labeller)
            if source.is_dir()
            else label_clip(source, out, labeller, options.every_s, options.most)
        )
        for _, found in looks:
            pictures, boxes = pictures + 1, boxes + len(found)
            status.update(f"{pictures} pictures, {boxes} boxes")
    console.print(f"looked at {pictures} pictures and found {boxes} boxes; the data set is in {out}", highlight=False)
    console.print(f"next: roadtally train {out} --start {options.weights} --out ...", highlight=False)
