"""The loss of Faster R-CNN under partial truth: that of the cells, as in NanoDet-Plus, and that of the proposals.

A proposal that overlaps no true box but an ignored one pulls in no direction; one that a true box owns counts as much
as the box is trusted.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as fn
from torchvision.models.detection._utils import BoxCoder

from models.overlap import pair_iou
from models.training.labels import IGNORE, Boxes
from models.training.loss import Loss, known_cells
from models.training.loss_nanodet import nanodet_loss, paired_giou

OWNED = 0.5  # IoU from which a proposal is of the box that it overlaps
BOX_WEIGHT = 1.0
CODER = BoxCoder((10.0, 10.0, 5.0, 5.0))  # as torchvision's RoIHeads


def faster_rcnn_loss(rows: Tensor, judged: Tensor, truth: list[Boxes], input_hw: tuple[int, int]) -> Loss:
    """rows f32 (B, A, C + 32) of the cells and judged f32 (R, 1 + 4 + (1 + C) x 5) of the proposals, see
    models.faster_rcnn.FasterRcnn.learn.

    Class: cross entropy with the background, mean over the known proposals by weight. Box: GIoU of the corrected
    proposals that a true box owns.
    """
    first = nanodet_loss(rows, truth, input_hw)
    classes = (judged.shape[1] - 5) // 5
    place, xyxy = judged[:, 0].long(), judged[:, 1:5]
    kinds, deltas = judged[:, 5 : 5 + classes], judged[:, 5 + classes :].reshape(-1, classes, 4)
    label, weight, wanted = _targets(place, xyxy, truth)
    entropy = fn.cross_entropy(kinds, label, reduction="none")
    kind = (entropy * weight).sum() / weight.sum().clamp(min=1)
    own = label.nonzero()[:, 0]
    share = weight[own] / weight[own].sum().clamp(min=1e-3)
    corrected = CODER.decode_single(deltas[own, label[own]], xyxy[own])
    box = (share * (1 - paired_giou(corrected, wanted[own]))).sum()
    parts = first.parts | {"judged_kind": float(kind.detach()), "judged_box": float(box.detach())}
    return Loss(first.total + kind + BOX_WEIGHT * box, parts, first.positives)


@torch.no_grad()
def _targets(place: Tensor, xyxy: Tensor, truth: list[Boxes]) -> tuple[Tensor, Tensor, Tensor]:
    """Of each proposal: class with 0 for the background (R,), weight (R,), the box that owns it (R, 4)."""
    label, weight, wanted = torch.zeros_like(place), xyxy.new_ones(len(xyxy)), xyxy.clone()
    for k, boxes in enumerate(truth):
        real = boxes.label != IGNORE
        mine = (place == k).nonzero()[:, 0]
        centre = (xyxy[mine, :2] + xyxy[mine, 2:]) / 2
        weight[mine] = known_cells(xyxy[mine], centre, torch.from_numpy(boxes.xyxy[~real]).to(xyxy.device))
        if not real.any() or not len(mine):
            continue
        true_xyxy, worth = (torch.from_numpy(v[real]).to(xyxy.device) for v in (boxes.xyxy, boxes.weight))
        best, owner = pair_iou(xyxy[mine], true_xyxy).max(1)
        owned = best >= OWNED
        mine, owner = mine[owned], owner[owned]
        label[mine] = torch.from_numpy(boxes.label[real]).long().to(xyxy.device)[owner] + 1
        weight[mine], wanted[mine] = worth[owner], true_xyxy[owner]
    return label, weight, wanted
