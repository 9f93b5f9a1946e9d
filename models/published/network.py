"""A network of torchvision from a checkpoint, whatever classes it tells apart."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from models.contract import DetectorSpec
from models.published.family import Family
from models.published.name import Name
from models.published.transform import Fitted
from stream.errors import ModelError

COCO = {1: 0, 2: 1, 3: 2, 4: 3, 6: 4, 8: 5}
"""Our label of the road users among torchvision's 91 categories of COCO, of which the first is the background."""
OWN = {k + 1: k for k in range(6)}
MAPS = {91: COCO, 7: OWN}
"""By the number of classes: that of a class -> our label."""


def classes_of(family: Family, tensors: dict[str, Tensor], file: str) -> int:
    """How many classes a checkpoint tells apart, from the rows of its head. Raises ModelError."""
    where = file or family.name
    if family.head not in tensors:
        what = f"holds no {family.head}: it is a checkpoint of another network"
        raise ModelError(where, what, f"expected one of torchvision's {family.name}")
    classes = len(tensors[family.head]) // family.rows_per_class
    if classes not in MAPS:
        what = f"expected 91 classes (COCO) or 7 (background, then our six), got {classes}"
        raise ModelError(where, what, "train it on one of these")
    return classes


def network_of(family: Family, tensors: dict[str, Tensor], name: Name, spec: DetectorSpec) -> nn.Module:
    """On the CPU, f32, for pictures that are already of their size. Raises ModelError on tensors that do not fit."""
    network = family.new(classes_of(family, tensors, name.file), spec.score, spec.nms_iou, name.proposals)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        lines: list[Any] = str(error).splitlines()
        what = f"its tensors do not fit {family.name} ({' '.join(line.strip() for line in lines[1:2])[:200]})"
        raise ModelError(name.file or family.name, what, f"expected one of torchvision's {family.name}") from error
    network.transform = Fitted(network.transform, family)
    return network
