"""What differs between the families of torchvision's detectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture. Knobs are named as its constructor names them; empty: it has none.

    fixed_hw: the size that it was trained at and always sees, its pictures stretched to it; None: any size.
    """

    build: Callable[..., nn.Module]
    weights: Any  # torchvision's enum member of the published weights
    head: str  # the parameter whose rows are classes: what a checkpoint is recognised by
    rows_per_class: int = 1
    score: str = "score_thresh"
    nms: str = "nms_thresh"
    proposals: str = ""
    fixed_hw: tuple[int, int] | None = None
    masks: bool = False

    @property
    def name(self) -> str:
        return str(self.build.__name__)

    def new(self, classes: int, score: float, nms_iou: float, proposals: int) -> nn.Module:
        """The network with random weights. classes: with the background where the family counts it."""
        knobs: dict[str, Any] = {self.score: score, self.nms: nms_iou}
        if self.proposals and proposals:
            knobs |= {self.proposals: proposals, self.proposals.replace("post", "pre"): max(proposals, 1000)}
        network = self.build(weights=None, weights_backbone=None, num_classes=classes, **knobs)
        return network.eval().requires_grad_(False)
