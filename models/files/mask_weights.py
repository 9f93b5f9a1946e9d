"""Weights of the mask network: what a file holds, and whether it is whole. Only `network` and `write` need torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.arch import MaskArch
from models.files.stored import stored_tensors, write_stored
from stream.errors import ModelError

if TYPE_CHECKING:
    from models.masks import MaskNetwork

FORMAT = "roadtally-mask-1"


@dataclass(frozen=True, slots=True)
class MaskWeights:
    """A file of a trunk, a pyramid and a mask branch. tensors: f32 by name, the state dict of MaskNetwork."""

    path: Path
    arch: MaskArch
    tensors: Mapping[str, np.ndarray]

    def network(self) -> MaskNetwork:
        """The network in torch. Raises ModelError where the tensors do not fit the architecture."""
        import torch

        from models.masks import MaskNetwork

        network = MaskNetwork(self.arch)
        try:
            network.load_state_dict({name: torch.from_numpy(value) for name, value in self.tensors.items()})
        except RuntimeError as error:
            raise ModelError(str(self.path), f"the tensors do not fit the architecture ({error})") from error
        return network.eval().requires_grad_(False)


def read_mask_weights(path: Path) -> MaskWeights:
    """Raises ModelError on a file that is missing, damaged, truncated, or of another network."""
    if not path.is_file():
        raise ModelError(str(path), "no such weights file", "use roadtally-mask, which comes with roadtally")
    metadata, tensors = stored_tensors(path, (FORMAT,))
    return MaskWeights(path, MaskArch(**json.loads(metadata["arch"])), tensors)


def write_mask_weights(network: MaskNetwork, path: Path, notes: Mapping[str, str]) -> None:
    """Store a network in fp16; `notes` (plain text) go into the metadata."""
    tensors = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    write_stored(path, tensors, {**notes, "format": FORMAT, "arch": json.dumps(asdict(network.arch))})
