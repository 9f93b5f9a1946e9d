"""The head that judges and corrects anchors: RetinaNet's, and the first stage of Faster R-CNN.

The towers are those of NanoDet-Plus (two 5x5 convolutions by channel a level), so that they start as they were trained;
RetinaNet's own four dense 3x3 convolutions, twice, would cost three times the trunk.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.anchors import SHAPES, STRIDES
from models.arch import NanoDetArch
from models.nanodet import NanoDet, Tower

PRIOR = -4.0  # logit of a score before training: most anchors are nothing
SMALL = 0.01  # spread of new weights


class AnchorHead(nn.Module):
    """Levels (B, C, h, w), finest first -> rows of every anchor: scores of `kinds`, then four deltas."""

    def __init__(self, arch: NanoDetArch, kinds: int) -> None:
        super().__init__()
        self.kinds = kinds
        self.towers = nn.ModuleList(_tower(arch, kinds) for _ in STRIDES)

    def rows(self, levels: Iterable[Tensor]) -> Tensor:
        """(B, A, kinds + 4), in the order of models.anchors.anchors."""
        found = [
            self._level(tower, level).permute(0, 3, 4, 1, 2) for tower, level in zip(self.towers, levels, strict=True)
        ]
        return torch.cat([rows.flatten(1, 3) for rows in found], 1)

    def forward(self, levels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """As torchvision's RPNHead: scores (B, shapes x kinds, h, w) and deltas (B, shapes x 4, h, w) of each level."""
        found = [self._level(tower, level) for tower, level in zip(self.towers, levels, strict=True)]
        return [x[:, :, : self.kinds].flatten(1, 2) for x in found], [
            x[:, :, self.kinds :].flatten(1, 2) for x in found
        ]

    def adopt(self, network: NanoDet) -> None:
        """Begin with the towers of a trained network, but for their last layer."""
        trained = {name: value for name, value in network.head.state_dict().items() if ".pred." not in name}
        self.towers.load_state_dict(trained, strict=False)

    def _level(self, tower: nn.Module, level: Tensor) -> Tensor:
        x: Tensor = tower(level)
        return x.reshape(len(x), len(SHAPES), self.kinds + 4, *x.shape[2:])


def _tower(arch: NanoDetArch, kinds: int) -> Tower:
    tower = Tower(arch, len(SHAPES) * (kinds + 4))
    nn.init.normal_(tower.pred.weight, std=SMALL)
    bias = torch.zeros(len(SHAPES), kinds + 4)
    bias[:, :kinds] = PRIOR
    tower.pred.bias = nn.Parameter(bias.flatten())
    return tower
