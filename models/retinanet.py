"""RetinaNet (Lin et al., 2017) on the features of roadtally-small: one shot on anchors of four levels.

The towers are those of NanoDet-Plus (two 5x5 convolutions by channel a level), so that they start as they were
trained; the published head, four dense 3x3 convolutions for the classes and four for the boxes, costs three trunks.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.anchors import SHAPES, STRIDES
from models.arch import RetinaNetArch
from models.features import Features
from models.nanodet import NanoDet, Tower
from models.network import Network

PRIOR = -4.0  # logit of a class before training: most anchors are nothing
SMALL = 0.01  # spread of new weights


class AnchorHead(nn.Module):
    """Levels (B, C, h, w), finest first -> rows of every anchor: logits of the classes, then four deltas."""

    def __init__(self, arch: RetinaNetArch) -> None:
        super().__init__()
        self.classes = arch.classes
        self.towers = nn.ModuleList(_tower(arch) for _ in STRIDES)

    def forward(self, levels: Iterable[Tensor]) -> Tensor:
        """(B, A, classes + 4), in the order of models.anchors.anchors."""
        found = []
        for tower, level in zip(self.towers, levels, strict=True):
            x = tower(level)  # (B, shapes x (classes + 4), h, w)
            x = x.reshape(len(x), len(SHAPES), self.classes + 4, *x.shape[2:])
            found.append(x.permute(0, 3, 4, 1, 2).flatten(1, 3))
        return torch.cat(found, 1)

    def adopt(self, network: NanoDet) -> None:
        """Begin with the towers of a trained network, and with its classes for each shape."""
        trained, stored = network.head.state_dict(), self.towers.state_dict()
        for name, value in trained.items():
            if ".pred." not in name:
                stored[name] = value
                continue
            rows = stored[name].reshape(len(SHAPES), self.classes + 4, *value.shape[1:])
            rows[:, : self.classes] = value[: self.classes]
        self.towers.load_state_dict(stored)


class RetinaNet(Network):
    """f32 (B, 3, H, W) BGR 0..255 -> (B, A, classes + 4): logits and deltas of every anchor."""

    def __init__(self, arch: RetinaNetArch) -> None:
        super().__init__()
        self.arch = arch
        self.features, self.head = Features(arch), AnchorHead(arch)

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


def _tower(arch: RetinaNetArch) -> Tower:
    tower = Tower(arch, len(SHAPES) * (arch.classes + 4))
    nn.init.normal_(tower.pred.weight, std=SMALL)
    bias = torch.zeros(len(SHAPES), arch.classes + 4)
    bias[:, : arch.classes] = PRIOR
    tower.pred.bias = nn.Parameter(bias.flatten())
    return tower
