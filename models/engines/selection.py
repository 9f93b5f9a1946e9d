"""What models.postprocess does, for a whole batch at once and on the device: no shape depends on what is seen, so that
it can be part of a graph. Picture by picture in Python it takes a tenth to a third of a millisecond, which would hold
up a fast card.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from models import nanodet, yolox
from models.anchors import DEFAULT_BOXES, LARGEST, anchors
from models.network import cell_grid
from models.overlap import pair_iou
from models.postprocess import MAX_CANDIDATES, PostProcess, suppress
from stream.messages import Detections

Hw = tuple[int, int]
ROUNDS = 12  # of the suppression: enough for a box that hides a box that hides a box ..., a dozen deep


class Reading(NamedTuple):
    """models.postprocess.Reading in torch. scores: rows (..., outputs) -> (..., classes); boxes: chosen rows
    (B, K, outputs) and their numbers (B, K) -> xyxy (B, K, 4) px."""

    scores: Callable[[Tensor], Tensor]
    boxes: Callable[[Tensor, Tensor], Tensor]


class Selection(nn.Module):
    """Rows f32 (B, A, outputs) of a network -> f32 (B, K, 7), the best K cells of each picture, best first: xyxy px,
    score (-1 below the threshold or outside of the picture), our label, and 1 for a detection, 0 for none. Where a
    picture needs more ROUNDS, the last are NaN."""

    def __init__(self, post: PostProcess, input_hw: Hw, device: torch.device) -> None:
        super().__init__()
        self._post, self._reading = post, READINGS[post.family](input_hw, device)
        self._labels = torch.tensor(post.labels, device=device)
        self._limit = torch.tensor((input_hw[1], input_hw[0]) * 2, dtype=torch.float32, device=device)

    def forward(self, raw: Tensor) -> Tensor:
        score, kind = self._reading.scores(raw).max(-1)
        label = self._labels[kind]
        score = score.where((score >= self._post.score) & (label >= 0), -1.0)
        score, number = (one[:, :MAX_CANDIDATES] for one in score.sort(dim=1, descending=True, stable=True))
        label = label.gather(1, number)
        rows = raw.gather(1, number[..., None].expand(-1, -1, raw.shape[2]))
        xyxy = self._reading.boxes(rows, number).clamp(min=0).minimum(self._limit)
        score = score.where((xyxy[..., 2:] > xyxy[..., :2]).all(-1), -1.0)
        kept = _kept(xyxy, label, score >= 0, self._post.nms_iou)
        return torch.cat((xyxy, score[..., None], label[..., None], kept[..., None]), -1)

    def read(self, rows: np.ndarray) -> Detections:
        """What is found in one picture, from its rows f32 (K, 7)."""
        if np.isnan(rows[0, 6]):
            rows = rows[rows[:, 4] >= 0]
            rows = rows[suppress(rows[:, :4], rows[:, 5], self._post.nms_iou)]
        else:
            rows = rows[rows[:, 6] > 0]
        return Detections(rows[:, :4].copy(), rows[:, 4].copy(), rows[:, 5].astype(np.int16))


def _kept(xyxy: Tensor, label: Tensor, passes: Tensor, most_iou: float) -> Tensor:
    """Greedy suppression within a class, of boxes best first: f32 (B, K), see Selection. A box stays when no better one
    that stays hides it; what that says of all boxes is asked again until it no longer changes."""
    hides = ((pair_iou(xyxy, xyxy) > most_iou) & (label[:, :, None] == label[:, None])).triu(1)
    kept = before = passes
    for _ in range(ROUNDS):
        before, kept = kept, passes & ~(hides & kept[:, :, None]).any(1)
    settled = (before == kept).all(1, keepdim=True)
    return kept.float().where(settled, torch.nan)


def _grid(input_hw: Hw, strides: tuple[int, ...], device: torch.device) -> list[Tensor]:
    return [part.to(device) for part in cell_grid(*input_hw, strides)]


def _yolox(input_hw: Hw, device: torch.device) -> Reading:
    cells, strides = _grid(input_hw, yolox.STRIDES, device)
    return Reading(
        lambda raw: raw[..., 4:5] * raw[..., 5:],
        lambda rows, number: yolox.decode(rows, cells[number], strides[number]),
    )


def _nanodet(input_hw: Hw, device: torch.device) -> Reading:
    cells, strides = _grid(input_hw, nanodet.STRIDES, device)
    return Reading(
        lambda raw: raw[..., : -4 * nanodet.BINS],
        lambda rows, number: nanodet.decode(rows, cells[number], strides[number]),
    )


def _anchored(start: np.ndarray, device: torch.device) -> Reading:
    """start: the anchors f32 (A, 4)."""
    xyxy = torch.from_numpy(start).to(device)
    return Reading(
        lambda raw: raw[..., :-4],
        lambda rows, number: _corrected(xyxy[number], rows[..., -4:]),
    )


def _corrected(xyxy: Tensor, deltas: Tensor) -> Tensor:
    """models.anchors.corrected. torchvision's makes tensors of numbers on its way, which a capture forbids."""
    size = xyxy[..., 2:] - xyxy[..., :2]
    centre = (xyxy[..., :2] + xyxy[..., 2:]) / 2 + deltas[..., :2] * size
    half = size * deltas[..., 2:].clamp(max=LARGEST).exp() / 2
    return torch.cat((centre - half, centre + half), -1)


READINGS: dict[str, Callable[[Hw, torch.device], Reading]] = {
    "yolox": _yolox,
    "nanodet": _nanodet,
    "retinanet": lambda input_hw, device: _anchored(anchors(input_hw), device),
    "ssd": lambda input_hw, device: _anchored(anchors(input_hw, DEFAULT_BOXES), device),
}
"""By the name in models.families: those of one stage."""
