"""The loss of SSD under partial truth: cross entropy with the hardest of the background, and GIoU of the boxes.

A default box answers for the true box that it overlaps enough; where none does, as of most small ones, those answer
that come near to the best. What overlaps an ignored box pulls in no direction. GIoU stands for the published smooth
L1: it sees a small box as large as a large one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as fn

from models.anchors import DEFAULT_BOXES, anchors
from models.overlap import pair_iou
from models.training.labels import IGNORE, Boxes
from models.training.loss import Loss, known_cells
from models.training.loss_nanodet import paired_giou
from models.training.loss_retinanet import CODER

OWNED = 0.5  # IoU from which a default box answers for a true box
NEAR_BEST = 0.8  # of the best IoU: from there, too
HARD = 3  # of the background, boxes for each that answers
LEAST_HARD = 10  # of it in each picture
BOX_WEIGHT = 2.0


def ssd_loss(raw: Tensor, truth: list[Boxes], input_hw: tuple[int, int]) -> Loss:
    """raw f32 (B, A, 1 + C + 4), see models.ssd.Ssd, and the truth of each picture."""
    start = torch.from_numpy(anchors(input_hw, DEFAULT_BOXES)).to(raw.device)
    kind, box = raw.new_zeros(()), raw.new_zeros(())
    weight_sum, positives = 0.0, 0
    for rows, boxes in zip(raw, truth, strict=True):
        label, weight, wanted = _targets(start, boxes)
        entropy = fn.cross_entropy(rows[:, :-4], label, reduction="none") * weight
        own, rest = label.nonzero()[:, 0], (label == 0).nonzero()[:, 0]
        hard = entropy[rest].topk(min(max(HARD * len(own), LEAST_HARD), len(rest))).values
        kind = kind + entropy[own].sum() + hard.sum()
        corrected = CODER.decode_single(rows[own, -4:], start[own])
        box = box + (weight[own] * (1 - paired_giou(corrected, wanted[own]))).sum()
        weight_sum, positives = weight_sum + float(weight[own].sum()), positives + len(own)
    kind, box = kind / max(weight_sum, 1.0), box / max(weight_sum, 1.0)
    parts = {"kind": float(kind.detach()), "box": float(box.detach())}
    return Loss(kind + BOX_WEIGHT * box, parts, positives)


@torch.no_grad()
def _targets(start: Tensor, boxes: Boxes) -> tuple[Tensor, Tensor, Tensor]:
    """Of each default box xyxy (A, 4) of a picture: class with 0 for the background (A,), weight (A,), the true box
    that it answers for (A, 4)."""
    real = boxes.label != IGNORE
    centre = (start[:, :2] + start[:, 2:]) / 2
    label, wanted = start.new_zeros(len(start), dtype=torch.long), start.clone()
    weight = known_cells(start, centre, torch.from_numpy(boxes.xyxy[~real]).to(start.device))
    if not real.any():
        return label, weight, wanted
    true_xyxy, worth = (torch.from_numpy(values[real]).to(start.device) for values in (boxes.xyxy, boxes.weight))
    overlap = pair_iou(true_xyxy, start)  # (G, A)
    enough = (NEAR_BEST * overlap.amax(1, keepdim=True)).clamp(max=OWNED)
    best, owner = torch.where(overlap >= enough, overlap, 0).max(0)
    own = best > 0
    owner = owner[own]
    label[own] = torch.from_numpy(boxes.label[real]).long().to(start.device)[owner] + 1
    weight[own], wanted[own] = worth[owner], true_xyxy[owner]
    return label, weight, wanted
