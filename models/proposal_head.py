"""The first stage of Faster R-CNN on the embedded features: what may be a road user, and where.

It is the head of NanoDet-Plus as it was trained: its best class says whether a cell proposes its box. What it says of
the classes is not thrown away, as Faster R-CNN does, but goes into the score beside what the second stage says (Zhou et
al., 2021: Probabilistic two-stage detection).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from models.arch import NanoDetArch
from models.nanodet import BINS, STRIDES, NanoDet, Tower, reaches
from models.network import cell_grid

ANCHOR = 4.0  # strides of the side of an anchor
SHORTEST = 1e-3  # strides of a side of a box


class ProposalHead(nn.Module):
    """Levels (B, C, h, w), finest first -> rows of NanoDet for every cell: classes, then sides as distributions."""

    def __init__(self, arch: NanoDetArch) -> None:
        super().__init__()
        self.classes = arch.classes
        self.towers = nn.ModuleList(Tower(arch, arch.classes + 4 * BINS) for _ in STRIDES)

    def rows(self, levels: Iterable[Tensor]) -> Tensor:
        """(B, A, classes + 32), in the order of models.network.cell_grid."""
        return torch.cat([tower(x).flatten(2) for tower, x in zip(self.towers, levels, strict=True)], 2).transpose(1, 2)

    def forward(self, levels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """As torchvision's RPNHead: logits (B, 1, h, w) and deltas from the anchors (B, 4, h, w) of each level."""
        logits, deltas = [], []
        for tower, level in zip(self.towers, levels, strict=True):
            x = tower(level)
            logits.append(x[:, : self.classes].amax(1, keepdim=True))
            left, top, right, bottom = reaches(x[:, self.classes :].movedim(1, -1)).unbind(-1)
            across, down = ((near + far).clamp(min=SHORTEST) for near, far in ((left, right), (top, bottom)))
            shift = ((right - left) / 2 / ANCHOR, (bottom - top) / 2 / ANCHOR)
            deltas.append(torch.stack((*shift, (across / ANCHOR).log(), (down / ANCHOR).log()), 1))
        return logits, deltas

    def adopt(self, network: NanoDet) -> None:
        self.towers.load_state_dict(network.head.state_dict())


class CellAnchors(AnchorGenerator):
    """A square round the corner of each cell. AnchorGenerator itself takes the stride of a rounded-up level for smaller
    than it is."""

    def num_anchors_per_location(self) -> list[int]:
        return [1]

    def forward(self, pictures: ImageList, levels: list[Tensor]) -> list[Tensor]:
        height, width = pictures.tensors.shape[-2:]
        cells, strides = (part.to(pictures.tensors.device) for part in cell_grid(height, width, STRIDES))
        corner, half = cells * strides, ANCHOR / 2 * strides
        return [torch.cat((corner - half, corner + half), 1)] * len(pictures.tensors)
