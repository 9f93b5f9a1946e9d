"""Published detectors of torchvision, one file a family, behind the Detector protocol.

A model is named FAMILY (weights published for COCO, fetched once) or FAMILY:FILE (a checkpoint of your own), with
`?proposals=N` for the two-stage families: `fasterrcnn_resnet50_fpn_v2?proposals=300`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.published.catalogue import FAMILIES
from models.published.name import Name, read_name
from stream.errors import ModelError

if TYPE_CHECKING:
    from models.contract import Detector, DetectorSpec


def published_name(model: str) -> Name | None:
    """The parts of a model's name where it is of one of these families, else None. Raises ModelError."""
    return read_name(model) if model.partition(":")[0].partition("?")[0] in FAMILIES else None


def open_published(name: Name, spec: DetectorSpec) -> Detector:
    """On the engine that `spec` names, not auto. Raises ModelError on weights that are missing, damaged or foreign, and
    on knobs that the family does not have."""
    from models.published.files import checkpoint_path, read_checkpoint

    entry = FAMILIES[name.family]
    if name.proposals and entry.kind == "one shot":
        raise ModelError(name.family, "it has no proposals: it is no two-stage network", "leave out ?proposals=")
    path = checkpoint_path(entry, name)
    if spec.engine == "openvino":
        from models.engines.traced.detector import TracedDetector
        from models.published.traceable import traceable

        return TracedDetector(traceable(name, path), spec)
    from models.published.detector import TorchvisionDetector

    return TorchvisionDetector(entry.family(), name, read_checkpoint(path, published=not name.file), spec)
