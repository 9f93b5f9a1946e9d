"""Weights files: what they hold, whether they are whole, and how they become a network. Nothing is unpickled.

Own weights are safetensors in fp16 with the architecture, the labels and a sha256 of the tensors in their metadata.
Published checkpoints (YOLOX .onnx and .pth, NanoDet-Plus .onnx; 80 COCO classes or our six) open by path. Only
`Weights.network` and `write_weights` need torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.arch import AnyArch, FasterRcnnArch
from models.families import FAMILIES, family_of
from models.files.stored import stored_metadata, stored_tensors, write_stored
from stream.errors import ModelError
from stream.messages import LABELS

if TYPE_CHECKING:
    from models.network import Network

COCO_LABELS = {0: 0, 1: 1, 2: 2, 3: 3, 5: 4, 7: 5}
"""Our label of the road users among the 80 classes of COCO."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A weights file that was looked at: its sha256, and our label of each class of the network (-1: none). proposals:
    of a two-stage network, where not as many as it was made for; 0: as many."""

    path: Path
    sha256: str
    labels: tuple[int, ...]
    proposals: int = 0

    def network(self) -> Network:
        """The network in torch, f32. Raises ModelError on a damaged or foreign file."""
        from models.files import checkpoints

        if self.path.suffix == ".onnx":
            network: Network = checkpoints.read_onnx(self.path)
        elif self.path.suffix == ".pth":
            network = checkpoints.read_pth(self.path)
        else:
            return checkpoints.from_tensors(*self.tensors(), where=str(self.path))
        self._knobbed(network.arch)
        return network

    def tensors(self) -> tuple[AnyArch, dict[str, np.ndarray]]:
        """Architecture and f32 tensors by name, without torch for own weights. Raises ModelError."""
        if self.path.suffix == ".safetensors":
            arch, tensors = _tensors_of(self.path)
            return self._knobbed(arch), tensors
        network = self.network()
        return network.arch, {name: value.numpy() for name, value in network.state_dict().items()}

    def _knobbed(self, arch: AnyArch) -> AnyArch:
        if not self.proposals:
            return arch
        if not isinstance(arch, FasterRcnnArch):
            what = "it has no proposals: it is no two-stage network"
            raise ModelError(str(self.path), what, "leave out ?proposals=")
        return replace(arch, proposals=self.proposals)


def read_weights(path: Path) -> Weights:
    """Look at a weights file. Raises ModelError if it is missing, damaged, truncated or foreign."""
    if not path.is_file():
        raise ModelError(str(path), "no such weights file", "see `roadtally models` for the names")
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if path.suffix == ".safetensors":
        return Weights(path, sha256, _labels_of(path))
    if path.suffix in (".onnx", ".pth"):
        if not content:
            raise ModelError(str(path), "the file is empty", "download it again")
        return Weights(path, sha256, tuple(COCO_LABELS.get(k, -1) for k in range(80)))
    raise ModelError(str(path), f"expected .safetensors, .onnx or .pth, got {path.suffix or 'no suffix'}")


def write_weights(network: Network, path: Path, notes: dict[str, str]) -> None:
    """Store a network of our six classes in fp16; `notes` (plain text) go into the metadata."""
    tensors = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    metadata = notes | {
        "format": family_of(network.arch).format,
        "arch": json.dumps(asdict(network.arch)),
        "labels": json.dumps(LABELS),
    }
    write_stored(path, tensors, metadata)


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of own weights. Raises ModelError on a damaged, truncated or foreign file."""
    return stored_metadata(path, _formats())


def _formats() -> list[str]:
    return [family.format for family in FAMILIES.values()]


def _labels_of(path: Path) -> tuple[int, ...]:
    names = json.loads(read_metadata(path)["labels"])
    return tuple(LABELS.index(name) if name in LABELS else -1 for name in names)


def _tensors_of(path: Path) -> tuple[AnyArch, dict[str, np.ndarray]]:
    """The tensors of own weights, checked against their sha256."""
    metadata, tensors = stored_tensors(path, _formats())
    family = next(family for family in FAMILIES.values() if family.format == metadata["format"])
    return family.arch(**json.loads(metadata["arch"])), tensors
