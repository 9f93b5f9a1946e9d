"""SSD (Liu et al., 2016) on the features of roadtally-small: one shot on default boxes of four levels.

Each default box is of one class or of the background: one softmax, where RetinaNet asks for each class by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.anchor_head import AnchorHead
from models.anchors import DEFAULT_BOXES
from models.arch import SsdArch
from models.features import Features
from models.nanodet import NanoDet
from models.network import Network


class Ssd(Network):
    """f32 (B, 3, H, W) BGR 0..255 -> (B, A, 1 + classes + 4): logits of the background and the classes, and deltas, of
    every default box."""

    def __init__(self, arch: SsdArch) -> None:
        super().__init__()
        self.arch = arch
        self.features, self.head = Features(arch), AnchorHead(arch, DEFAULT_BOXES, 1 + arch.classes)

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = self.head(self.features(x).values())
        return rows

    def probabilities(self, raw: Tensor) -> Tensor:
        """(B, A, classes + 4): that of the background is left out."""
        return torch.cat((raw[..., :-4].softmax(-1)[..., 1:], raw[..., -4:]), -1)

    def adopt(self, network: NanoDet) -> None:
        self.features.adopt(network)
        self.head.adopt(network)

    def adopted(self) -> list[nn.Module]:
        return [self.features]
