"""Families of torchvision as networks that OpenVINO runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.contract import DetectorSpec
from models.engines.traced.graphs import Traceable
from models.published.catalogue import FAMILIES
from models.published.files import read_checkpoint, sha256_of
from models.published.name import Name

if TYPE_CHECKING:
    from torch import nn


def traceable(name: Name, path: Path) -> Traceable:
    """path: the checkpoint. Torch is imported only when the graphs are not kept yet. Raises ModelError."""

    def build() -> tuple[nn.Module, tuple[int, ...]]:
        from models.published.network import MAPS, classes_of, network_of

        family, tensors = FAMILIES[name.family].family(), read_checkpoint(path, published=not name.file)
        labels = MAPS[classes_of(family, tensors, name.file)]
        columns = tuple(sorted(labels, key=lambda column: labels[column]))
        return network_of(family, tensors, name, DetectorSpec(name.family, ())), columns

    weights = path.stem if name.file else "COCO"
    key = f"{name.family} {name.proposals} {sha256_of(path, published=not name.file)}"
    return Traceable(f"{name.family} ({weights})", str(path), key, build)
