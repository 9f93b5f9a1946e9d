"""The head of RetinaNet and SSD on the embedded features: what each anchor of each level shows, and how it is off.

The towers are those of NanoDet-Plus (two 5x5 convolutions by channel a level), so that they start as they were trained.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.anchors import STRIDES
from models.arch import NanoDetArch
from models.nanodet import NanoDet, Tower

PRIOR = -4.0  # logit of a class before training: most anchors are nothing
SMALL = 0.01  # spread of new weights


class AnchorHead(nn.Module):
    """Levels (B, C, h, w), finest first -> rows of every anchor: logits, then four deltas.

    shapes: of the anchors of a cell, see models.anchors; kinds: logits of an anchor, those of the classes last.
    """

    def __init__(self, arch: NanoDetArch, shapes: tuple[tuple[float, float], ...], kinds: int) -> None:
        super().__init__()
        self.classes, self.shapes, self.kinds = arch.classes, shapes, kinds
        self.towers = nn.ModuleList(self._tower(arch) for _ in STRIDES)

    def forward(self, levels: Iterable[Tensor]) -> Tensor:
        """(B, A, kinds + 4), in the order of models.anchors.anchors."""
        found = []
        for tower, level in zip(self.towers, levels, strict=True):
            x = tower(level)  # (B, shapes x (kinds + 4), h, w)
            x = x.reshape(len(x), len(self.shapes), self.kinds + 4, *x.shape[2:])
            found.append(x.permute(0, 3, 4, 1, 2).flatten(1, 3))
        return torch.cat(found, 1)

    def adopt(self, network: NanoDet) -> None:
        """Begin with the towers of a trained network, and with its classes for each shape."""
        trained, stored = network.head.state_dict(), self.towers.state_dict()
        for name, value in trained.items():
            if ".pred." not in name:
                stored[name] = value
                continue
            rows = stored[name].reshape(len(self.shapes), self.kinds + 4, *value.shape[1:])
            rows[:, self.kinds - self.classes : self.kinds] = value[: self.classes]
        self.towers.load_state_dict(stored)

    def _tower(self, arch: NanoDetArch) -> Tower:
        tower = Tower(arch, len(self.shapes) * (self.kinds + 4))
        nn.init.normal_(tower.pred.weight, std=SMALL)
        bias = torch.zeros(len(self.shapes), self.kinds + 4)
        bias[:, self.kinds - self.classes : self.kinds] = PRIOR
        tower.pred.bias = nn.Parameter(bias.flatten())
        return tower
