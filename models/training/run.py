"""The state of a training run, and its check-points: written in one move, read without unpickling."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from models.arch import AnyArch, NanoDetArch
from models.families import FAMILIES, family_name, new_network
from models.files.checkpoints import COCO_ROAD_USERS, take_classes
from models.files.plain import read_plain
from models.files.weights import read_weights
from models.layers import ACTIVATIONS
from models.network import Network
from models.training.optimiser import ScaledAdam
from stream.errors import ConfigError, ModelError
from stream.messages import LABELS

CHECKPOINT = "checkpoint.pt"
RENEW = "remove it to start anew"


@dataclass(slots=True)
class Run:
    """All that a check-point holds. history: the rows of the log, see train.train."""

    network: Network
    averaged: Network
    optimiser: ScaledAdam
    step: int = 0
    elapsed_s: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


def begin(network: Network, device: str, frozen: bool = False) -> Run:
    """A run at step 0. frozen: what it has from another network stays. Raises ConfigError where that is nothing."""
    averaged = new_network(network.arch)
    averaged.load_state_dict(network.state_dict())
    return _on_device(device, network, averaged, frozen)


def resume(folder: Path, device: str, frozen: bool = False) -> Run | None:
    """The run whose check-point lies in the folder; None without one. Raises ModelError on a damaged file."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    stored = read_plain(path, RENEW)
    networks = [new_network(_arch_of(stored)) for _ in range(2)]
    networks[0].load_state_dict(stored["network"])
    networks[1].load_state_dict(stored["averaged"])
    run = _on_device(device, networks[0], networks[1], frozen)
    run.optimiser.load_state_dict(stored["optimiser"])
    run.step, run.elapsed_s, run.history = stored["step"], stored["elapsed_s"], json.loads(stored["history"])
    return run


def save(run: Run, folder: Path) -> None:
    """Write a check-point in one move, so that an interruption leaves the old one whole."""
    path = folder / CHECKPOINT
    part = path.with_suffix(".part")
    torch.save(
        {
            "family": family_name(run.network.arch),
            "arch": asdict(run.network.arch),
            "network": run.network.state_dict(),
            "averaged": run.averaged.state_dict(),
            "optimiser": run.optimiser.state_dict(),
            "step": run.step,
            "elapsed_s": run.elapsed_s,
            "history": json.dumps(run.history),
        },
        part,
    )
    part.replace(path)


def averaged_network(folder: Path) -> Network:
    """The averaged network of the check-point in a folder, for export. Raises ModelError on a damaged file."""
    stored = read_plain(folder / CHECKPOINT, RENEW)
    network = new_network(_arch_of(stored))
    network.load_state_dict(stored["averaged"])
    return network


def start_network(path: Path, activation: str = "", family: str = "") -> Network:
    """A network of our six classes from a published checkpoint (80 or 6 classes) or from own weights.

    activation: the one to train with, where it is not that of the checkpoint; the weights learn to live with it.
    family: of models.families, where it is not that of the checkpoint; its new head goes on the trained features.
    """
    network = read_weights(path).network()
    if network.arch.classes == 80:
        network = take_classes(network, COCO_ROAD_USERS)
    if network.arch.classes != len(LABELS):
        raise ModelError(str(path), f"expected 80 or {len(LABELS)} classes, got {network.arch.classes}")
    if family not in ("", family_name(network.arch)):
        network = _in_family(network, family, str(path))
    if activation in ("", network.arch.activation):
        return network
    if activation not in ACTIVATIONS:
        raise ConfigError("activation", f"expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    other = new_network(replace(network.arch, activation=activation))
    other.load_state_dict(network.state_dict())
    return other


def _in_family(network: Network, family: str, where: str) -> Network:
    """A network of another family on the features of a NanoDet-Plus."""
    arch = FAMILIES[family].arch if family in FAMILIES else None
    if arch is None or not issubclass(arch, NanoDetArch) or type(network.arch) is not NanoDetArch:
        able = [name for name, one in FAMILIES.items() if issubclass(one.arch, NanoDetArch)]
        what = f"expected one of {', '.join(able)} on the features of a NanoDet-Plus, got {family!r} on {where}"
        raise ConfigError("family", what, "start from roadtally-small")
    other = new_network(arch(**asdict(network.arch)))
    other.adopt(network)
    return other


def _arch_of(stored: dict[str, Any]) -> AnyArch:
    return FAMILIES[stored.get("family", "yolox")].arch(**stored["arch"])  # there was one family once


def _on_device(device: str, network: Network, averaged: Network, frozen: bool) -> Run:
    network.to(memory_format=torch.channels_last).to(device).train()
    averaged.to(device).eval().requires_grad_(False)
    if frozen and not network.adopted():
        what = f"a {family_name(network.arch)} has no part that comes from another network"
        raise ConfigError("frozen", what, "train all of it")
    for part in network.adopted() if frozen else ():
        part.requires_grad_(False)
    return Run(network, averaged, ScaledAdam(p for p in network.parameters() if p.requires_grad))
