"""What the study compares: every family, at several input sizes, with fewer and more proposals, on each engine."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from models.listing import list_models
from models.published.catalogue import FAMILIES
from models.registry import MODELS, engines_here, weights_path

SHARED = Path(__file__).resolve().parents[1] / "../shared"
OWN_INPUTS = (256, 320, 416, 512, 640)
OWN_PROPOSALS = (20, 50, 200)
FOREIGN: dict[str, str] = {
    "yolox_nano": "",
    "nanodet_plus_m_416": "classes: coco\nlayout: nanodet",
    "nanodet_plus_m_1.5x_416": "classes: coco\nlayout: nanodet",
    "picodet_s_416": "classes: coco\nlayout: picodet\nsize: [416, 416]",
    "deimv2_hgnetv2_femto_coco": "classes: coco",
}
"""Published ONNX files of ../shared/weights -> their description, but for the file; none where `roadtally train` reads
them, too: a YOLOX file is of one input size, its network is not."""
PUBLISHED: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "ssdlite320_mobilenet_v3_large": ((320,), (0,)),
    "ssd300_vgg16": ((320,), (0,)),
    "retinanet_resnet50_fpn_v2": ((416,), (0,)),
    "fcos_resnet50_fpn": ((416,), (0,)),
    "fasterrcnn_mobilenet_v3_large_320_fpn": ((320, 416), (0, 50, 300)),
    "fasterrcnn_mobilenet_v3_large_fpn": ((416, 640), (0, 50, 300)),
    "fasterrcnn_resnet50_fpn_v2": ((416,), (0, 50, 300)),
    "maskrcnn_resnet50_fpn_v2": ((416,), (0, 300)),
}
"""Family of torchvision -> input sizes, and numbers of proposals at the first of them, 0 being the family's own."""
SQUARE = ("ssdlite320_mobilenet_v3_large", "ssd300_vgg16")


class Row(msgspec.Struct, frozen=True):
    """name: for people; input: long side, the picture being 16:9, or square where the network is; model: what
    open_detector takes; weights: what it was trained on, "road users" or "COCO", or "none": random, and timed only."""

    name: str
    input: int
    engine: str
    precision: str
    model: str
    weights: str

    @property
    def key(self) -> str:
        return f"{self.name} {self.input} {self.engine} {self.precision}"

    @property
    def seen(self) -> str:
        """What its accuracy depends on: engines agree, and so share it."""
        precision = "f32" if (self.engine, self.precision) == ("torch", "auto") else self.precision
        return f"{self.name} {self.input} {precision}"

    @property
    def input_hw(self) -> tuple[int, int]:
        square = self.name in SQUARE
        return (self.input if square else -(-self.input * 9 // 16 // 32) * 32), self.input

    @property
    def stamp(self) -> str:
        """Changes with the weights."""
        path = weights_path(self.model.partition("?")[0]) if self.name.partition(",")[0] in MODELS else None
        file = path or Path(self.model.partition(":")[2].partition("?")[0] or self.model)
        if file.is_file():
            return _stamp(file, file.stat().st_mtime_ns)
        return hashlib.sha256(self.model.encode()).hexdigest()[:12]


@functools.cache
def _stamp(file: Path, changed_ns: int) -> str:
    """Weights are looked up for each row and each of its lines, and some are as large as 170 MB."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def all_rows(store: Path, more: Sequence[str], *, quick: bool) -> list[Row]:
    """store: a folder for descriptions and random weights; more: NAME=WEIGHTS trained on road users. quick: every
    detector at one size, in the precision that it takes by itself, on OpenVINO and on the engine chosen here."""
    rows = [*_own(), *_foreign(store), *_published(store)]
    rows += [
        Row(name, size, "openvino", "auto", path, "road users")
        for name, _, path in (text.partition("=") for text in more)
        for size in OWN_INPUTS
    ]
    if not quick:
        return rows
    chosen = engines_here()[0]
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        kind = row.name, row.engine
        if row.precision == "auto" and row.engine in ("openvino", chosen) and (row.input == 416 or kind not in found):
            found[kind] = row
    return list(found.values())


def _own() -> Iterator[Row]:
    for info in (one for one in list_models() if one.name in MODELS):
        for size in OWN_INPUTS:
            yield Row(info.name, size, "openvino", "auto", info.name, "road users")
        for engine, precision in (("openvino", "f32"), ("openvino", "int8"), ("torch", "auto")):
            if precision != "int8" or info.kind != "faster-rcnn":  # two stages are not quantised
                yield Row(info.name, 416, engine, precision, info.name, "road users")
        for count in OWN_PROPOSALS if info.kind == "faster-rcnn" else ():
            name, model = f"{info.name}, {count} proposals", f"{info.name}?proposals={count}"
            yield Row(name, 416, "openvino", "auto", model, "road users")


def _foreign(store: Path) -> Iterator[Row]:
    for name, text in FOREIGN.items():
        file = (SHARED / "weights" / f"{name}.onnx").resolve()
        if file.exists():
            model = store / f"{name}.yaml" if text else file
            if text:
                model.write_text(f"file: {file}\n{text}\n", encoding="utf-8")
            for size in (416,) if "size" in text or "deim" in name else (320, 416, 512):
                yield Row(name, size, "openvino", "auto", str(model), "COCO")


def _published(store: Path) -> Iterator[Row]:
    for name, (sizes, proposals) in PUBLISHED.items():
        there = FAMILIES[name].path.exists()
        model = name if there else f"{name}:{store / name}.pth"
        for count in proposals:
            knob, told = (f"?proposals={count}", f"{name}, {count} proposals") if count else ("", name)
            for size in sizes[:1] if count else sizes:
                row = Row(told, size, "openvino", "auto", model + knob, "COCO" if there else "none")
                yield row
                if not count:
                    yield msgspec.structs.replace(row, engine="torch")
                    yield msgspec.structs.replace(row, precision="f32")


def make_random_weights(row: Row) -> None:
    """For a family whose published weights are not here: random ones of 91 classes, kept in the store."""
    family, _, rest = row.model.partition(":")
    path = Path(rest.partition("?")[0])
    if row.weights == "none" and not path.exists():
        import torch

        torch.manual_seed(1)
        torch.save(FAMILIES[family].family().new(91, 0.1, 0.6, 0).state_dict(), path)
