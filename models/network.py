"""What the networks have in common, and how the engines run them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.arch import AnyArch


class Network(nn.Module):
    """f32 (B, 3, H, W) BGR 0..255 -> logits (B, A, outputs of a cell), finest grid first, row by row."""

    arch: AnyArch

    def probabilities(self, raw: Tensor) -> Tensor:
        """The same rows with probabilities in place of the logits of objectness and class; boxes stay undecoded."""
        raise NotImplementedError

    def learn(self, x: Tensor, truth_xyxy: list[Tensor]) -> tuple[Tensor, ...]:
        """What the loss of the family is computed from; truth_xyxy: the true boxes (N, 4) of each picture."""
        return (self(x),)

    def adopt(self, network: Any) -> None:
        """Begin with what a network of another family has learnt, where that can be taken over."""
        raise NotImplementedError

    def adopted(self) -> list[nn.Module]:
        """The parts that `adopt` fills, which may stay as they are while the rest learns."""
        return []


class Deployed(nn.Module):
    """The network as the engines run it: u8 (B, H, W, 3) BGR in, f32 (B, A, outputs) out, with probabilities; the boxes
    stay undecoded (models.postprocess decodes the few that pass the threshold)."""

    def __init__(self, network: Network, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, pictures: Tensor) -> Tensor:
        raw = self.network(pictures.permute(0, 3, 1, 2).to(self.dtype)).float()
        return self.network.probabilities(raw)


def cell_grid(height: int, width: int, strides: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The cells of an (height, width) input in output order: column and row f32 (A, 2), stride f32 (A, 1) in pixels.
    A side that a stride does not divide has one cell more."""
    cells, sizes = [], []
    for stride in strides:
        rows, columns = torch.meshgrid(
            torch.arange(-(-height // stride)), torch.arange(-(-width // stride)), indexing="ij"
        )
        cells.append(torch.stack((columns, rows), -1).reshape(-1, 2).float())
        sizes.append(torch.full((len(cells[-1]), 1), float(stride)))
    return torch.cat(cells), torch.cat(sizes)
