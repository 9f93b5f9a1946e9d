"""The parts of torchvision's detection networks that become graphs, each as a module that torch can trace.

The arithmetic of boxes is torchvision's own. It stands behind the last convolution of each graph, and so OpenVINO
computes it in f32 also where the network runs in bf16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.fcos import FCOS
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.models.detection.ssd import SSD
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops import boxes as box_ops

Hw = tuple[int, int]


def is_two_stage(network: nn.Module) -> bool:
    return isinstance(network, GeneralizedRCNN)


class OneShot(nn.Module):
    """u8 (1, H, W, 3) BGR -> xyxy f32 (A, 4) in pixels of (H, W), scores f32 (A, columns)."""

    def __init__(self, network: Any, columns: Sequence[int]) -> None:
        super().__init__()
        self.network, self.columns = network, list(columns)
        self.read = next(read for kind, read in READINGS.items() if isinstance(network, kind))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        images, features = _features(self.network, pictures)
        found = self.network.head(list(features.values()))
        (anchors,) = self.network.anchor_generator(images, list(features.values()))
        xyxy, scores = self.read(self.network, {name: value[0] for name, value in found.items()}, anchors)
        seen, given = images.image_sizes[0], pictures.shape[1:3]
        xyxy = box_ops.clip_boxes_to_image(xyxy, seen)
        return xyxy * xyxy.new_tensor([given[1] / seen[1], given[0] / seen[0]] * 2), scores[:, self.columns]


def _ssd(network: Any, found: dict[str, Tensor], anchors: Tensor) -> tuple[Tensor, Tensor]:
    xyxy = network.box_coder.decode_single(found["bbox_regression"], anchors)
    return xyxy, found["cls_logits"].softmax(1)


def _retinanet(network: Any, found: dict[str, Tensor], anchors: Tensor) -> tuple[Tensor, Tensor]:
    xyxy = network.box_coder.decode_single(found["bbox_regression"], anchors)
    return xyxy, found["cls_logits"].sigmoid()


def _fcos(network: Any, found: dict[str, Tensor], anchors: Tensor) -> tuple[Tensor, Tensor]:
    xyxy = network.box_coder.decode(found["bbox_regression"], anchors)
    return xyxy, (found["cls_logits"].sigmoid() * found["bbox_ctrness"].sigmoid()).sqrt()


READINGS: dict[type[nn.Module], Callable[[Any, dict[str, Tensor], Tensor], tuple[Tensor, Tensor]]] = {
    SSD: _ssd,
    RetinaNet: _retinanet,
    FCOS: _fcos,
}
"""What the head of each kind gives -> boxes and scores by class of every anchor."""


class FirstStage(nn.Module):
    """u8 (1, H, W, 3) BGR -> rois xyxy f32 (N, 4) px, N not known before; the level of the pyramid that each is looked
    up in i64 (N,); the levels f32 (1, C, h, w), finest first."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network, self.pool = network, network.roi_heads.box_roi_pool

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        images, features = _features(self.network, pictures)
        (rois,), _ = self.network.rpn(images, features)
        levels = [level for name, level in features.items() if name in self.pool.featmap_names]
        if self.pool.scales is None:  # torchvision finds out with the first picture
            self.pool.scales, self.pool.map_levels = scales(self.pool, levels, images.image_sizes)
        return rois, level_of(self.pool, rois), *levels


class BoxStage(nn.Module):
    """Pooled f32 (N, C, k, k) of the levels, rois f32 (N, 4) -> xyxy f32 (N, columns, 4) px, clipped; scores f32
    (N, columns); and the level that each box would be looked up in i64 (N, columns)."""

    def __init__(self, network: Any, columns: Sequence[int], input_hw: Hw) -> None:
        super().__init__()
        self.heads, self.columns, self.input_hw = network.roi_heads, list(columns), input_hw

    def forward(self, pooled: Tensor, rois: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        kinds, shifts = self.heads.box_predictor(self.heads.box_head(pooled))
        xyxy = self.heads.box_coder.decode(shifts, [rois])[:, self.columns]
        xyxy = box_ops.clip_boxes_to_image(xyxy, self.input_hw)
        level = level_of(self.heads.box_roi_pool, xyxy.reshape(-1, 4)).reshape(-1, len(self.columns))
        return xyxy, kinds.softmax(-1)[:, self.columns], level


class MaskStage(nn.Module):
    """Pooled f32 (N, C, k, k) of boxes -> probabilities f32 (N, columns, 28, 28)."""

    def __init__(self, network: Any, columns: Sequence[int]) -> None:
        super().__init__()
        self.heads, self.columns = network.roi_heads, list(columns)

    def forward(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.heads.mask_predictor(self.heads.mask_head(pooled))
        return logits[:, self.columns].sigmoid()


def scales(pool: MultiScaleRoIAlign, levels: list[Tensor], sizes: list[Hw]) -> tuple[list[float], Any]:
    """Pixels of each level a pixel of the picture, and the rule that chooses between them."""
    from torchvision.ops.poolers import _setup_scales

    found: tuple[list[float], Any] = _setup_scales(levels, sizes, pool.canonical_scale, pool.canonical_level)
    return found


def level_of(pool: MultiScaleRoIAlign, xyxy: Tensor) -> Tensor:
    """Which level of the pyramid a box is looked up in: by its size (Lin et al., 2017)."""
    if len(pool.scales or ()) == 1:
        return torch.zeros_like(xyxy[:, 0], dtype=torch.int64)
    level: Tensor = pool.map_levels([xyxy])
    return level


def _features(network: Any, pictures: Tensor) -> tuple[Any, dict[str, Tensor]]:
    images, _ = network.transform(pictures.permute(0, 3, 1, 2).flip(1).float() / 255)
    features = network.backbone(images.tensors)
    return images, {"0": features} if isinstance(features, Tensor) else features
