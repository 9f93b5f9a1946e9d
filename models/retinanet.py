"""RetinaNet (Lin et al., 2017) on the features of roadtally-small: one shot on anchors of four levels."""

from __future__ import annotations

import torch
from torch import Tensor

from models.anchor_head import AnchorHead
from models.arch import RetinaNetArch
from models.features import Features
from models.nanodet import NanoDet
from models.network import Network


class RetinaNet(Network):
    """f32 (B, 3, H, W) BGR 0..255 -> (B, A, classes + 4): logits and deltas of every anchor."""

    def __init__(self, arch: RetinaNetArch) -> None:
        super().__init__()
        self.arch = arch
        self.features, self.head = Features(arch), AnchorHead(arch, arch.classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head.rows(self.features(x).values())

    def probabilities(self, raw: Tensor) -> Tensor:
        return torch.cat((raw[..., :-4].sigmoid(), raw[..., -4:]), -1)

    def adopt(self, network: NanoDet) -> None:
        self.features.adopt(network)
        self.head.adopt(network)
