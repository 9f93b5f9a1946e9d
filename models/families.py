"""The kinds of network: everything that differs between them, by name. Importing this needs no torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.arch import AnyArch, Arch, FasterRcnnArch, NanoDetArch, RetinaNetArch, SsdArch

if TYPE_CHECKING:
    from models.network import Network


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of network; the parts are "module:name", imported when they are needed."""

    format: str  # of own weights files
    arch: type[AnyArch]
    network: str  # class, built from the arch
    graph: str  # function (arch, tensors by name) -> OpenVINO model
    loss: str  # function (what Network.learn gives, truth of each picture, input (height, width)) -> training.loss.Loss
    second: str = ""  # function (arch, tensors by name) -> OpenVINO model of the second stage, where there is one

    def part(self, name: str) -> Any:
        """What the field of that name points to."""
        module, attribute = getattr(self, name).split(":")
        return getattr(importlib.import_module(module), attribute)


FAMILIES: dict[str, Family] = {
    "yolox": Family(
        "roadtally-yolox-1",
        Arch,
        "models.yolox:YOLOX",
        "models.engines.graph_yolox:build",
        "models.training.loss:yolox_loss",
    ),
    "nanodet": Family(
        "roadtally-nanodet-1",
        NanoDetArch,
        "models.nanodet:NanoDet",
        "models.engines.graph_nanodet:build",
        "models.training.loss_nanodet:nanodet_loss",
    ),
    "retinanet": Family(
        "roadtally-retinanet-1",
        RetinaNetArch,
        "models.retinanet:RetinaNet",
        "models.engines.graph_retinanet:build",
        "models.training.loss_retinanet:retinanet_loss",
    ),
    "ssd": Family(
        "roadtally-ssd-1",
        SsdArch,
        "models.ssd:Ssd",
        "models.engines.graph_ssd:build",
        "models.training.loss_ssd:ssd_loss",
    ),
    "faster-rcnn": Family(
        "roadtally-faster-rcnn-1",
        FasterRcnnArch,
        "models.faster_rcnn:FasterRcnn",
        "models.engines.graph_faster_rcnn:build",
        "models.training.loss_faster_rcnn:faster_rcnn_loss",
        "models.engines.graph_faster_rcnn:build_second",
    ),
}


def family_name(arch: AnyArch) -> str:
    """The name of the family that an architecture belongs to."""
    return next(name for name, family in FAMILIES.items() if type(arch) is family.arch)


def family_of(arch: AnyArch) -> Family:
    return FAMILIES[family_name(arch)]


def new_network(arch: AnyArch) -> Network:
    """A network of random weights."""
    network: Network = family_of(arch).part("network")(arch)
    return network
