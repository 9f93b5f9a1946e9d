"""A head on anchors begins with the boxes of the network whose features it stands on.

Its towers are those of that network; so what they make of a cell tells the box, and only the last layer, which is
linear, has to say it in another way. It is solved for by ridge regression on a few hundred pictures: seconds, where
gradients took the better part of an hour.
"""

from __future__ import annotations

from itertools import islice
from typing import cast

import torch
from torch import Tensor

from models.anchor_head import AnchorHead
from models.anchors import STRIDES, anchors
from models.nanodet import NanoDet, Tower, decode
from models.network import cell_grid
from models.training.batches import Batches
from models.training.loss_retinanet import CODER

LOOKS = 40  # batches
LEAST = 0.02  # best class of a cell whose box is of interest; it weighs as much as that
RIDGE = 1e-3  # part of the mean square of the inputs


@torch.no_grad()
def begin_boxes(head: AnchorHead, start: NanoDet, batches: Batches, looks: int = LOOKS) -> None:
    """Let the deltas of every anchor give the box that `start` sees in the anchor's cell."""
    towers = cast("list[Tower]", list(head.towers))
    inside = towers[0].pred.in_channels + 1  # and a one
    squares = torch.zeros(len(STRIDES), inside, inside, dtype=torch.float64)
    products = torch.zeros(len(STRIDES), inside, 4 * len(head.shapes), dtype=torch.float64)
    for batch in islice(batches.after(0), looks):
        pictures = torch.from_numpy(batch.pictures).permute(0, 3, 1, 2).float()
        levels = start.pyramid(*start.backbone(pictures - start.mean))
        boxes = _boxes(start, head, levels, batch.pictures.shape[1:3])
        for k, (tower, level) in enumerate(zip(towers, levels, strict=True)):
            sure, deltas = boxes[k]
            x = _inputs(tower, level)[sure > LEAST].double()
            weighed = x * sure[sure > LEAST, None]
            squares[k] += weighed.T @ x
            products[k] += weighed.T @ deltas[sure > LEAST].double()
    for k, tower in enumerate(towers):
        ridge = RIDGE * squares[k].diagonal().mean().clamp(min=1e-6) * torch.eye(inside)
        _put(head, tower, torch.linalg.solve(squares[k] + ridge, products[k]).float())


def _inputs(tower: Tower, level: Tensor) -> Tensor:
    """What the last layer of a tower sees of each cell, and a one: (B x h x w, C + 1)."""
    x = tower.convs(level).permute(0, 2, 3, 1).flatten(0, 2)
    return torch.cat((x, x.new_ones(len(x), 1)), 1)


def _boxes(
    start: NanoDet, head: AnchorHead, levels: tuple[Tensor, ...], input_hw: tuple[int, int]
) -> list[tuple[Tensor, Tensor]]:
    """Of each level: the best class of its cells (B x h x w,), and the deltas from the anchors of each to its box
    (B x h x w, shapes x 4)."""
    rows = [tower(level).flatten(2).transpose(1, 2) for tower, level in zip(start.head, levels, strict=True)]
    counts = [row.shape[1] for row in rows]
    raw = torch.cat(rows, 1)
    cells, strides = cell_grid(*input_hw, STRIDES)
    sure = raw[..., : head.classes].sigmoid().amax(2)
    xyxy = decode(raw, cells, strides)
    half = torch.maximum((xyxy[..., 2:] - xyxy[..., :2]) / 2, 0.1 * strides)  # never empty
    centre = (xyxy[..., :2] + xyxy[..., 2:]) / 2
    wanted = torch.cat((centre - half, centre + half), -1).repeat_interleave(len(head.shapes), 1)
    from_anchors = torch.from_numpy(anchors(input_hw, head.shapes))
    deltas = torch.stack([CODER.encode_single(one, from_anchors) for one in wanted])
    deltas = deltas.reshape(len(raw), raw.shape[1], -1)
    parts = zip(torch.split(sure, counts, 1), torch.split(deltas, counts, 1), strict=True)
    return [(a.flatten(), b.flatten(0, 1)) for a, b in parts]


def _put(head: AnchorHead, tower: Tower, solved: Tensor) -> None:
    """solved (C + 1, shapes x 4) -> the rows of the deltas in the last layer of a tower."""
    shape = (len(head.shapes), head.kinds + 4)
    tower.pred.weight.view(*shape, -1)[:, -4:] = solved[:-1].T.reshape(shape[0], 4, -1)
    bias = tower.pred.bias
    assert bias is not None
    bias.view(shape)[:, -4:] = solved[-1].reshape(-1, 4)
