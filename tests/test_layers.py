"""Imports point one way: a package may import only from the floors below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the ground up. The packages of one floor know nothing of each other.
FLOORS = [floor.split() for floor in (
    "models models.arch models.grids models.layers models.noise models.overlap stream stream.errors "
    "stream.geometry stream.messages stream.metrics stream.scene stream.settings stream.sources stream.truth",
    "models.anchors models.contract models.darknet models.network models.rois stream.budget stream.rows stream.whole "
    "stream.synth stream.tracking stream.transport stream.video",
    "models.families models.nanodet models.postprocess models.proposals models.yolox stream.config "
    "stream.counting",
    "models.anchor_head models.features models.proposal_head stream.records stream.sight",
    "models.faster_rcnn models.masks models.retinanet models.ssd stream.drawing",
    "models.files",
    "models.engines",
    "models.foreign models.published",
    "models.registry",
    "models.bench models.listing models.scoring stream.plan",
    "models.quantise models.training stream.sinks",
    "stream.results stream.stages",
    "stream.audit stream.reports stream.running",
    "stream.evaluation",
    "stream.tuning",
    "stream.commands",
    "stream.cli",
)]  # fmt: skip
ALGORITHMS = {"stream.video", "stream.tracking", "stream.budget", "stream.synth", "stream.counting", "stream.sight",
              "stream.drawing"}  # fmt: skip
TORCH = {"torch", "torchvision", "openvino", "nncf", "onnx"}


def modules() -> list[Path]:
    return sorted(p for folder in ("stream", "models") for p in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(name: str) -> str:
    return ".".join(name.split(".")[:2])


def floor_of(package: str) -> int:
    found = [i for i, floor in enumerate(FLOORS) if package in floor]
    assert found, f"{package} stands on no floor: add it to FLOORS"
    return found[0]


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module}
            if node.module in ("stream", "models"):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
                names -= {node.module, f"{node.module}.__version__"}
    return names


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_down_when_read(path: Path) -> None:
    own = package_of(name_of(path))
    for name in imports_of(path):
        if name.partition(".")[0] in ("stream", "models") and package_of(name) != own:
            assert floor_of(package_of(name)) < floor_of(own), f"{name_of(path)} imports {name}, not from a floor below"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_models_import_networks_when_read(path: Path) -> None:
    if name_of(path).partition(".")[0] == "models":
        return
    assert not {name.partition(".")[0] for name in imports_of(path)} & TORCH


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_algorithms_know_no_socket_when_read(path: Path) -> None:
    if package_of(name_of(path)) in ALGORITHMS:
        assert "zmq" not in {name.partition(".")[0] for name in imports_of(path)}
