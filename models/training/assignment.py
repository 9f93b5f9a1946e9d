"""SimOTA: which cells answer for which box, decided by cost during training (Ge et al., 2021, section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as fn

from models.overlap import pair_iou

CENTRE_RADIUS = 2.5  # cells within this many strides of a box's centre may answer for it
BEST_OVERLAPS = 10  # the sum of the best IoUs is the number of cells that a box gets
IOU_WEIGHT = 3.0
OUTSIDE = 1e5  # cost of a cell that is not both in the box and near its centre


@dataclass(frozen=True, slots=True)
class Assigned:
    """cell i64 (P,) and box i64 (P,): the positive cells and their boxes; iou f32 (P,) of prediction and box."""

    cell: Tensor
    box: Tensor
    iou: Tensor


@torch.no_grad()
def assign(
    predicted_xyxy: Tensor, logits: Tensor, cells: tuple[Tensor, Tensor], xyxy: Tensor, label: Tensor
) -> Assigned:
    """One picture: predictions (A, 4), logits of objectness and classes (A, 1 + C), the grid's (cells (A, 2), strides
    (A, 1)), truth (G, 4) and labels i64 (G,), G > 0. A cell answers for at most one box."""
    near, inside = _candidates(cells, xyxy)  # (G, A)
    chosen = (near | inside).any(0).nonzero()[:, 0]
    near_and_inside = (near & inside)[:, chosen]
    overlap = pair_iou(xyxy, predicted_xyxy[chosen])  # (G, K)
    probability = (logits[chosen, 1:].sigmoid() * logits[chosen, :1].sigmoid()).sqrt().clamp(1e-6, 1 - 1e-6)
    absent = -(1 - probability).log()  # cost of each class being absent, (K, C)
    present = -probability.log()
    kind = (absent.sum(1, keepdim=True) - absent + present)[:, label].T  # (G, K)
    cost = kind - IOU_WEIGHT * (overlap + 1e-8).log() + OUTSIDE * ~near_and_inside
    return match(cost, overlap, chosen)


@torch.no_grad()
def assign_softly(
    predicted_xyxy: Tensor, logits: Tensor, cells: tuple[Tensor, Tensor], xyxy: Tensor, label: Tensor
) -> Assigned:
    """As `assign`, where class scores tell the fit (NanoDet-Plus): logits are of the classes alone (A, C), and a class
    costs as much as its score differs from the IoU. A cell stands for its corner, and answers only for a box that holds
    it, or, where no corner is in a small box, for the box nearest to it."""
    corner, middle = cells[0] * cells[1], (xyxy[:, :2] + xyxy[:, 2:]) / 2
    inside = ((corner[None] > xyxy[:, None, :2]) & (corner[None] < xyxy[:, None, 2:])).all(2)  # (G, A)
    near = ((corner[None] - middle[:, None]).abs() <= cells[1][None] / 2).all(2)
    chosen = (near | inside).any(0).nonzero()[:, 0]
    overlap = pair_iou(xyxy, predicted_xyxy[chosen])  # (G, K)
    logit = logits[chosen][:, label].T
    difference = (overlap - logit.sigmoid()).square()
    kind = fn.binary_cross_entropy_with_logits(logit, overlap, reduction="none") * difference
    cost = kind - IOU_WEIGHT * (overlap + 1e-7).log() + OUTSIDE * ~inside[:, chosen]
    return match(cost, overlap, chosen)


def match(cost: Tensor, overlap: Tensor, chosen: Tensor) -> Assigned:
    """Each box gets its cheapest cells, as many as its best IoUs add up to; a cell that two boxes want goes to the
    one that it costs less. cost and overlap (G, K) of box and candidate, chosen (K,): the candidates' cells."""
    wanted = overlap.topk(min(BEST_OVERLAPS, len(chosen)), 1).values.sum(1).int().clamp(min=1)
    best = cost.topk(min(BEST_OVERLAPS, len(chosen)), 1, largest=False).indices  # (G, 10)
    taken = torch.zeros_like(cost, dtype=torch.bool)
    taken.scatter_(1, best, torch.arange(best.shape[1], device=best.device) < wanted[:, None])
    contested = taken.sum(0) > 1
    taken[:, contested] = False
    taken[cost[:, contested].argmin(0), contested.nonzero()[:, 0]] = True
    box, column = taken.nonzero(as_tuple=True)
    return Assigned(chosen[column], box, overlap[box, column])


def _candidates(cells: tuple[Tensor, Tensor], xyxy: Tensor) -> tuple[Tensor, Tensor]:
    """Cells near each box's centre, and cells inside each box: bool (G, A) both."""
    centre = (cells[0] + 0.5) * cells[1]  # (A, 2) px
    inside = ((centre[None] > xyxy[:, None, :2]) & (centre[None] < xyxy[:, None, 2:])).all(2)
    middle = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    near = ((centre[None] - middle[:, None]).abs() < CENTRE_RADIUS * cells[1][None]).all(2)
    return near, inside
