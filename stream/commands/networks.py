"""Networks: what there is, how fast it is here, and in whole numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

models = typer.Typer(help="List the detectors, or measure one on this machine.", invoke_without_command=True)


@models.callback()
def list_all(context: typer.Context) -> None:
    """All detectors and the mask network: kind, input, classes, licence, whether the weights are here, engines."""
    if context.invoked_subcommand is not None:
        return
    from rich.table import Table

    from models.listing import list_models
    from models.registry import DEFAULT
    from stream.commands.console import console

    infos = list_models()
    table = Table(title="networks", title_justify="left")
    for heading in ("name", "kind", "input", "weights", "classes", "licence", "engines here"):
        table.add_column(heading, overflow="fold")
    for info in infos:
        name = f"{info.name} (default)" if info.name == DEFAULT else info.name
        size = f"{info.bytes / 2**20:.1f} MiB" if info.bytes else "not here"
        facts = (", ".join(info.classes), info.licence, ", ".join(info.engines))
        table.add_row(name, info.kind, info.input, size, *facts)
    console.print(table)
    missing = [info.path for info in infos if not info.bytes]
    if missing:
        names = ", ".join(path.name for path in missing)
        text = f"Weights that are not here are fetched at the first use; offline, place them into {missing[0].parent}:"
        console.print(text, names, highlight=False, soft_wrap=True)
    console.print("Also by path: a .safetensors of `roadtally train`; a published YOLOX (.onnx, .pth) or NanoDet-Plus")
    console.print("(.onnx); NAME:FILE, your checkpoint of a family above; a .yaml that describes an ONNX, OpenVINO or")
    console.print("Darknet network; module:Class of your own. docs/detectors.md tells of each.")


@models.command("bench")
def bench_all(
    names: Annotated[list[str] | None, typer.Argument(help="Names of `roadtally models`, or files.")] = None,
    sizes: Annotated[str, typer.Option(help="Network inputs, width x height.")] = "416x256,640x384",
    batches: Annotated[str, typer.Option(help="Pictures a pass.")] = "1,4",
    engine: Annotated[str, typer.Option(help="auto, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, f32, bf16, fp16 or int8.")] = "auto",
) -> None:
    """Milliseconds a picture on this machine, with all passes in flight and alone."""
    from models.bench import bench
    from models.contract import DetectorSpec
    from models.registry import DEFAULT
    from stream.commands.console import console
    from stream.commands.tables import new_table
    from stream.config.options import read_size, read_whole_numbers

    inputs = tuple(read_size("--sizes", size)[::-1] for size in sizes.split(","))
    at_once = tuple(read_whole_numbers("--batches", batches))
    for name in names or [DEFAULT]:
        spec = DetectorSpec(model=name, input_hw=inputs, engine=engine, precision=precision)
        table = new_table(name, (), ("input", "batch", "pictures/s", "ms a picture", "ms alone"))
        table.caption_justify = "left"
        for row in bench(spec, at_once):
            height, width = row.input_hw
            figures = (f"{row.pictures_per_s:.0f}", f"{row.ms_per_picture:.2f}", f"{row.latency_ms:.2f}")
            table.add_row(f"{width}x{height}", str(row.batch), *figures)
            table.caption = row.on
        console.print(table)


@models.command("quantise")
def quantise_one(
    name: Annotated[str, typer.Argument(help="A name from `roadtally models`, or a file.")],
    source: Annotated[Path, typer.Argument(help="A clip of the camera, or a folder of its pictures.")],
    size: Annotated[int, typer.Option("--input", help="Longest side of the network input.")] = 416,
) -> None:
    """Make the int8 version of a detector from pictures of your camera, and say what it brings here."""
    from models.quantise import quantise
    from stream.commands.console import console

    with console.status("looking at the pictures"):
        gain = quantise(name, source, size)
    native = f"{gain.native} {gain.native_ms:.2f} ms"
    console.print(f"{gain.path}\na picture on one thread: int8 {gain.int8_ms:.2f} ms, {native}", highlight=False)
    worth = gain.int8_ms < gain.native_ms
    console.print("use it: --set detector.precision=int8" if worth else "int8 is not faster here: leave it")
