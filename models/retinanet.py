"""RetinaNet (Lin et al., 2017) on the features of roadtally-small: one shot on anchors of four levels.

The published head, four dense 3x3 convolutions for the classes and four for the boxes, costs three trunks; this one has
the towers of NanoDet-Plus.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.anchor_head import AnchorHead
from models.anchors import SHAPES
from models.arch import RetinaNetArch
from models.features import Features
from models.nanodet import NanoDet
from models.network import Network


class RetinaNet(Network):
    """f32 (B, 3, H, W) BGR 0..255 -> (B, A, classes + 4): logits and deltas of every anchor."""

    def __init__(self, arch: RetinaNetArch) -> None:
        super().__init__()
        self.arch = arch
        self.features, self.head = Features(arch), AnchorHead(arch, SHAPES, arch.classes)

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = self.head(self.features(x).values())
        return rows

    def probabilities(self, raw: Tensor) -> Tensor:
        return torch.cat((raw[..., :-4].sigmoid(), raw[..., -4:]), -1)

    def adopt(self, network: NanoDet) -> None:
        self.features.adopt(network)
        self.head.adopt(network)

    def adopted(self) -> list[nn.Module]:
        return [self.features]
