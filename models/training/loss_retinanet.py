"""The loss of RetinaNet under partial truth.

Where it was published with fixed overlaps to decide which anchor answers for which box, here the cheapest anchors do
(models.training.assignment), and the score of an anchor learns the IoU of its box, as in NanoDet-Plus: on objects of a
few cells fixed overlaps find no anchor.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

from models.anchors import SHAPES, STRIDES, anchors
from models.network import cell_grid
from models.training.labels import Boxes
from models.training.loss import Loss
from models.training.loss_nanodet import BOX_WEIGHT, quality_loss

CODER = BoxCoder((1.0, 1.0, 1.0, 1.0))


def retinanet_loss(raw: Tensor, truth: list[Boxes], input_hw: tuple[int, int]) -> Loss:
    """raw f32 (B, A, C + 4) logits and deltas of every anchor, and the truth of each picture."""
    start = torch.from_numpy(anchors(input_hw)).to(raw.device)
    xyxy = torch.stack([CODER.decode_single(one, start) for one in raw[..., -4:]])
    cells, strides = cell_grid(*input_hw, STRIDES)
    grid = tuple(part.repeat_interleave(len(SHAPES), 0).to(raw.device) for part in (cells, strides))
    found = quality_loss(raw[..., :-4], xyxy, (grid[0], grid[1]), truth)
    parts = {"kind": found.kind, "box": found.box}
    total = found.kind + BOX_WEIGHT * found.box
    return Loss(total, {name: float(part.detach()) for name, part in parts.items()}, len(found.cell))
