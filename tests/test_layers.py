"""Imports point one way: a module may import only from its own layer's packages below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the ground up. A module imports from lines above its own, or from its own line.
LAYERS = (
    ("stream.errors", "stream"),
    ("stream.geometry", "stream.colours", "stream.messages", "stream.metrics", "stream.rows", "stream.scene",
     "stream.settings", "stream.truth", "stream.front", "stream.sources", "stream.latency"),
    ("stream.association", "stream.doubles", "stream.kalman", "stream.tracktable", "stream.matching", "stream.tracking",
     "stream.counting", "stream.prototypes", "stream.suggestion", "stream.strips", "stream.corrections",
     "stream.silhouettes", "stream.batching", "stream.budget", "stream.load", "stream.looks", "stream.gate",
     "stream.region", "stream.problems",
     "stream.ledger", "stream.health", "stream.medians", "stream.sight", "stream.video", "stream.drawing",
     "stream.overlay", "stream.synth", "stream.found", "stream.fewpairs"),
    ("models",),
    ("stream.transport", "stream.section", "stream.placement", "stream.config", "stream.config_file", "stream.options",
     "stream.problems"),
    ("stream.operating",),
    ("stream.cameras",),
    ("stream.topology",),
    ("stream.store", "stream.trajectories", "stream.claim"),
    ("stream.stages", "stream.sinks"),
    ("stream.chain", "stream.movements", "stream.summary", "stream.recovery", "stream.outcome", "stream.folder",
     "stream.remote", "stream.replay", "stream.render"),
    ("stream.reports", "stream.audit"),
    ("stream.evaluation",),
    ("stream.tuning",),
    ("stream.presence", "stream.intake", "stream.worker", "stream.inline"),
    ("stream.supervisor", "stream.crew", "stream.restarts", "stream.processes", "stream.health_server"),
    ("stream.launch",),
    ("stream.display", "stream.tables"),
    ("stream.commands",),
    ("stream.cli",),
)  # fmt: skip
ALGORITHMS = LAYERS[2]
TORCH = {"torch", "torchvision", "openvino", "nncf", "onnx"}


def modules() -> list[Path]:
    return sorted(p for folder in ("stream", "models") for p in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(name: str) -> int:
    best = max((p for layer in LAYERS for p in layer if name == p or name.startswith(p + ".")), key=len, default="")
    matches = [i for i, layer in enumerate(LAYERS) if best in layer]
    assert matches and (best != "stream" or name == "stream"), f"{name} stands in no layer: add it to LAYERS"
    return matches[0]


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
    own = layer_of(name_of(path))
    for name in imports_of(path):
        if name.partition(".")[0] in ("stream", "models"):
            assert layer_of(name) <= own, f"{name_of(path)} imports {name} from a layer above"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_models_import_networks_when_read(path: Path) -> None:
    if name_of(path).partition(".")[0] == "models":
        return
    assert not {name.partition(".")[0] for name in imports_of(path)} & TORCH


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_algorithms_know_no_socket_when_read(path: Path) -> None:
    if layer_of(name_of(path)) == LAYERS.index(ALGORITHMS):
        assert "zmq" not in {name.partition(".")[0] for name in imports_of(path)}
