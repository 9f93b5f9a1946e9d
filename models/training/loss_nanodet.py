"""The loss of NanoDet-Plus under partial truth: Quality Focal Loss, GIoU and Distribution Focal Loss.

Li et al. (2020), Generalized Focal Loss; Rezatofighi et al. (2019), GIoU. The class score of a cell that answers for a
box learns the IoU of its box; where it is already right it hardly pulls. A box counts as much as its cell is trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as fn

from models.nanodet import BINS, STRIDES, decode
from models.network import cell_grid
from models.training.assignment import assign_softly
from models.training.labels import IGNORE, Boxes
from models.training.loss import Loss, known_cells

BOX_WEIGHT, SIDE_WEIGHT = 2.0, 0.25  # as published
SIDES = 4 * BINS


def nanodet_loss(raw: Tensor, truth: list[Boxes], input_hw: tuple[int, int]) -> Loss:
    """raw f32 (B, A, C + 32) logits and the truth of each picture. The sides learn on the cells that answer for a box,
    by the same shares as the boxes."""
    grid = cell_grid(*input_hw, STRIDES)
    cells = (grid[0].to(raw.device), grid[1].to(raw.device))
    found = quality_loss(raw[..., :-SIDES], decode(raw, *cells), cells, truth)
    corner = cells[0] * cells[1]
    reach = (found.wanted_xyxy - corner[found.cell].tile(2)) / cells[1][found.cell] * raw.new_tensor([-1, -1, 1, 1])
    side = (found.share * distribution_focal(raw[found.picture, found.cell, -SIDES:], reach)).sum()
    parts = {"kind": found.kind, "box": found.box, "side": side}
    total = found.kind + BOX_WEIGHT * found.box + SIDE_WEIGHT * side
    return Loss(total, {name: float(part.detach()) for name, part in parts.items()}, len(found.cell))


@dataclass(frozen=True, slots=True)
class Quality:
    """The losses of classes and boxes, and of each positive cell (P,): its picture, itself, its share of the sum over
    the boxes, and the box that it answers for (P, 4)."""

    kind: Tensor
    box: Tensor
    picture: Tensor
    cell: Tensor
    share: Tensor
    wanted_xyxy: Tensor


def quality_loss(kinds: Tensor, xyxy: Tensor, cells: tuple[Tensor, Tensor], truth: list[Boxes]) -> Quality:
    """kinds (B, A, C) logits, xyxy (B, A, 4) px, cells as of models.network.cell_grid, and the truth of each picture.

    Class: quality focal loss over all cells but those of ignored boxes, each positive cell with the weight of its box,
    over the positive weight. Box: GIoU, mean over the positive cells, by weight and score.
    """
    corner = cells[0] * cells[1]
    target, weight = torch.zeros_like(kinds), kinds.new_ones(kinds.shape[:2])
    places, wanted = [kinds.new_zeros((0, 2), dtype=torch.long)], [kinds.new_zeros((0, 4))]
    for k, boxes in enumerate(truth):
        real = boxes.label != IGNORE
        weight[k] = known_cells(xyxy[k].detach(), corner, torch.from_numpy(boxes.xyxy[~real]).to(kinds.device))
        if not real.any():
            continue
        true_xyxy, worth = (torch.from_numpy(values[real]).to(kinds.device) for values in (boxes.xyxy, boxes.weight))
        label = torch.from_numpy(boxes.label[real]).long().to(kinds.device)
        found = assign_softly(xyxy[k].detach(), kinds[k].detach(), cells, true_xyxy, label)
        target[k, found.cell, label[found.box]] = found.iou
        weight[k, found.cell] = worth[found.box]
        places.append(torch.stack((torch.full_like(found.cell, k), found.cell), 1))
        wanted.append(true_xyxy[found.box])
    picture, cell = torch.cat(places).T  # of every positive cell
    kind = (quality_focal(kinds, target).sum(2) * weight).sum() / weight[picture, cell].sum().clamp(min=1)
    share = weight[picture, cell] * kinds[picture, cell].detach().sigmoid().amax(1)
    share = share / share.sum().clamp(min=1e-3)
    box = (share * (1 - paired_giou(xyxy[picture, cell], torch.cat(wanted)))).sum()
    return Quality(kind, box, picture, cell, share, torch.cat(wanted))


def quality_focal(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy towards a quality in 0..1, times the squared distance to it; same shape."""
    entropy = fn.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return entropy * (target - logits.sigmoid()).square()


def distribution_focal(logits: Tensor, reach: Tensor) -> Tensor:
    """Cross entropy of each side's distribution with the two bins round its true length, mean of the four sides.
    logits (N, 32), reach (N, 4) in strides, cut to what the bins can say -> (N,)."""
    reach = reach.clamp(0, BINS - 1 - 0.1)
    low = reach.long()
    part = reach - low
    logarithm = logits.reshape(-1, 4, BINS).log_softmax(2)
    near, far = (logarithm.gather(2, (low + k)[..., None])[..., 0] for k in (0, 1))
    return -(near * (1 - part) + far * part).mean(1)


def paired_giou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Generalised IoU row by row: (N, 4) and (N, 4) -> (N,), -1..1."""
    low, high = torch.maximum(a_xyxy[:, :2], b_xyxy[:, :2]), torch.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    sizes = [(b[:, 2:] - b[:, :2]).prod(1) for b in (a_xyxy, b_xyxy)]
    union = sizes[0] + sizes[1] - shared + 1e-7
    low, high = torch.minimum(a_xyxy[:, :2], b_xyxy[:, :2]), torch.maximum(a_xyxy[:, 2:], b_xyxy[:, 2:])
    hull = (high - low).prod(1) + 1e-7
    return shared / union - (hull - union) / hull
