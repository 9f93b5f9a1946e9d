"""Which families there are. Importing this needs no torch: `roadtally models` lists them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.files.kept import cache_folder

if TYPE_CHECKING:
    from models.published.family import Family


@dataclass(frozen=True, slots=True)
class Entry:
    """part: "module:Family"; kind: in words; file: of the weights published for COCO, its name ends with the beginning
    of its sha256; input: what the network sees, for people."""

    part: str
    kind: str
    file: str
    input: str = "any, 32 px steps"

    def family(self) -> Family:
        """Imports torchvision."""
        module, attribute = self.part.split(":")
        found: Family = getattr(importlib.import_module(module), attribute)
        return found

    @property
    def path(self) -> Path:
        """Where the published weights are, or are to be placed."""
        return published_folder() / self.file


def published_folder() -> Path:
    """XDG_CACHE_HOME/roadtally/published."""
    return cache_folder() / "published"


FAMILIES: dict[str, Entry] = {
    "ssdlite320_mobilenet_v3_large": Entry(
        "models.published.ssdlite:FAMILY", "one shot", "ssdlite320_mobilenet_v3_large_coco-a79551df.pth", "320x320"
    ),
    "ssd300_vgg16": Entry("models.published.ssd:FAMILY", "one shot", "ssd300_vgg16_coco-b556d3b4.pth", "300x300"),
    "retinanet_resnet50_fpn_v2": Entry(
        "models.published.retinanet:FAMILY", "one shot", "retinanet_resnet50_fpn_v2_coco-5905b1c5.pth"
    ),
    "fcos_resnet50_fpn": Entry("models.published.fcos:FAMILY", "one shot", "fcos_resnet50_fpn_coco-99b0c9b7.pth"),
    "fasterrcnn_mobilenet_v3_large_320_fpn": Entry(
        "models.published.faster_rcnn_mobile_320:FAMILY",
        "two stages",
        "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
    ),
    "fasterrcnn_mobilenet_v3_large_fpn": Entry(
        "models.published.faster_rcnn_mobile:FAMILY", "two stages", "fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth"
    ),
    "fasterrcnn_resnet50_fpn_v2": Entry(
        "models.published.faster_rcnn:FAMILY", "two stages", "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth"
    ),
    "maskrcnn_resnet50_fpn_v2": Entry(
        "models.published.mask_rcnn:FAMILY", "two stages, masks", "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth"
    ),
}
"""By their names in torchvision."""
