"""Published detectors of torchvision, one file a family, behind the Detector protocol.

A model is named FAMILY (weights published for COCO, fetched once) or FAMILY:FILE (a checkpoint of your own), with
`?proposals=N` for the two-stage families: `fasterrcnn_resnet50_fpn_v2?proposals=300`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from models.published.name import Name, read_name

if TYPE_CHECKING:
    from models.contract import Detector, DetectorSpec

FAMILIES: dict[str, str] = {
    "ssdlite320_mobilenet_v3_large": "models.published.ssdlite:FAMILY",
    "ssd300_vgg16": "models.published.ssd:FAMILY",
    "retinanet_resnet50_fpn_v2": "models.published.retinanet:FAMILY",
    "fcos_resnet50_fpn": "models.published.fcos:FAMILY",
    "fasterrcnn_mobilenet_v3_large_320_fpn": "models.published.faster_rcnn_mobile_320:FAMILY",
    "fasterrcnn_mobilenet_v3_large_fpn": "models.published.faster_rcnn_mobile:FAMILY",
    "fasterrcnn_resnet50_fpn_v2": "models.published.faster_rcnn:FAMILY",
    "maskrcnn_resnet50_fpn_v2": "models.published.mask_rcnn:FAMILY",
}
"""Name as torchvision has it -> module:Family."""


def published_name(model: str) -> Name | None:
    """The parts of a model's name where it is of one of these families, else None. Raises ModelError."""
    return read_name(model) if model.partition(":")[0].partition("?")[0] in FAMILIES else None


def open_published(name: Name, spec: DetectorSpec) -> Detector:
    """Raises ModelError on weights that are missing, damaged or foreign, and on knobs that the family does not have."""
    from models.published.detector import TorchvisionDetector
    from models.published.files import read_checkpoint, weights_file

    module, attribute = FAMILIES[name.family].split(":")
    family = getattr(importlib.import_module(module), attribute)
    path = Path(name.file).expanduser() if name.file else weights_file(family)
    return TorchvisionDetector(family, name, read_checkpoint(path, published=not name.file), spec)
