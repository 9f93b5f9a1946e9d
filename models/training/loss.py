"""Losses under partial truth: what is unknown pulls in no direction. Here that of YOLOX, and what all share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as fn

from models.network import cell_grid
from models.overlap import pair_iou
from models.training.assignment import Assigned, assign
from models.training.labels import IGNORE, Boxes
from models.yolox import STRIDES, decode

BOX_WEIGHT = 5.0
IGNORE_OVERLAP = 0.4  # a prediction that overlaps an ignored box by more is left alone wherever its cell lies


@dataclass(frozen=True, slots=True)
class Loss:
    """The sum to minimise, and its parts for the log; `positives` cells answered for a box."""

    total: Tensor
    parts: dict[str, float]
    positives: int


def yolox_loss(raw: Tensor, truth: list[Boxes], input_hw: tuple[int, int]) -> Loss:
    """raw f32 (B, A, 5 + C) logits and the truth of each picture.

    Box: 1 - IoU² (weight 5). Class: cross entropy towards the IoU. Objectness: cross entropy over all cells but those
    of ignored boxes. Each positive cell counts with the weight of its box; the sums are over the positive weight.
    """
    cells = tuple(part.to(raw.device) for part in cell_grid(*input_hw, STRIDES))
    grid, centre = (cells[0], cells[1]), (cells[0] + 0.5) * cells[1]
    xyxy = decode(raw, *grid)
    device = raw.device
    box, kind, objectness = (torch.zeros((), device=device) for _ in range(3))
    weight_sum, positives = 0.0, 0
    for k, boxes in enumerate(truth):
        real = boxes.label != IGNORE
        target = torch.zeros(raw.shape[1], device=device)
        weight = known_cells(xyxy[k].detach(), centre, torch.from_numpy(boxes.xyxy[~real]).to(device))
        if real.any():
            true_xyxy = torch.from_numpy(boxes.xyxy[real]).to(device)
            label = torch.from_numpy(boxes.label[real]).long().to(device)
            worth = torch.from_numpy(boxes.weight[real]).to(device)
            found = assign(xyxy[k].detach(), raw[k, :, 4:].detach(), grid, true_xyxy, label)
            part = worth[found.box]
            target[found.cell], weight[found.cell] = 1.0, part
            box = box + (part * (1 - _paired_iou(xyxy[k, found.cell], true_xyxy[found.box]) ** 2)).sum()
            kind = kind + _class_loss(raw[k, found.cell, 5:], label, found, part)
            weight_sum, positives = weight_sum + float(part.sum()), positives + len(part)
        objectness = objectness + fn.binary_cross_entropy_with_logits(raw[k, :, 4], target, weight, reduction="sum")
    scale = 1 / max(weight_sum, 1.0)
    total = (BOX_WEIGHT * box + objectness + kind) * scale
    parts = {"box": box, "objectness": objectness, "kind": kind}
    return Loss(total, {name: float(part.detach()) * scale for name, part in parts.items()}, positives)


def _class_loss(logits: Tensor, label: Tensor, found: Assigned, part: Tensor) -> Tensor:
    """Cross entropy of all classes; the target of the true class is the IoU, so that the score tells the fit."""
    target = fn.one_hot(label[found.box], logits.shape[1]) * found.iou[:, None]
    return (fn.binary_cross_entropy_with_logits(logits, target, reduction="none") * part[:, None]).sum()


def known_cells(xyxy: Tensor, centre: Tensor, ignored_xyxy: Tensor) -> Tensor:
    """1 for cells whose score may be judged, 0 for those in an ignored box or predicting one, f32 (A,). xyxy (A, 4):
    what the cells predict; centre (A, 2): where they stand, px."""
    if not len(ignored_xyxy):
        return torch.ones(len(xyxy), device=xyxy.device)
    inside = ((centre[None] > ignored_xyxy[:, None, :2]) & (centre[None] < ignored_xyxy[:, None, 2:])).all(2).any(0)
    predicts = (pair_iou(ignored_xyxy, xyxy) > IGNORE_OVERLAP).any(0)
    return (~(inside | predicts)).float()


def _paired_iou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """IoU row by row: (N, 4) and (N, 4) -> (N,)."""
    low, high = torch.maximum(a_xyxy[:, :2], b_xyxy[:, :2]), torch.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    sizes = [(b[:, 2:] - b[:, :2]).prod(1) for b in (a_xyxy, b_xyxy)]
    return shared / (sizes[0] + sizes[1] - shared + 1e-7)
