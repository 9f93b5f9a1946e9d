"""Faster R-CNN (Ren et al., 2015) on the features of roadtally-small: torchvision's, with slim heads.

    (B, 3, H, W) ─ Features ─> four levels ─ AnchorHead ─> anchors judged ─ best, suppressed ─> proposals
    three levels, proposals ─ RoIAlign 7x7 ─ two layers of `hidden` ─> classes and corrections of each proposal

A proposal is looked up in the level where it is up to seven cells wide: below 56 px at stride 8, below 112 at 16.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign

from models.anchor_head import AnchorHead
from models.anchors import SHAPES, STRIDES, anchors
from models.arch import FasterRcnnArch
from models.features import Features
from models.nanodet import NanoDet
from models.network import Network
from models.proposals import BEST, LEAST, LEVEL_PX, LEVELS, OVERLAP, SIDE

POOLED = [str(k) for k in range(LEVELS)]
NOTHING = 2.0  # logit of the background before training


class Anchors(AnchorGenerator):
    """That of torchvision takes the stride of a rounded-up level for smaller than it is."""

    def num_anchors_per_location(self) -> list[int]:
        return [len(SHAPES)]

    def forward(self, pictures: ImageList, levels: list[Tensor]) -> list[Tensor]:
        height, width = pictures.tensors.shape[-2:]
        found = torch.from_numpy(anchors((height, width))).to(pictures.tensors.device)
        return [found] * len(pictures.tensors)


class FasterRcnn(Network):
    """f32 (B, 3, H, W) BGR 0..255 -> (B, P, 1 + classes + 4): logits of the background and the classes, and the box
    xyxy in pixels of the best class, of each proposal. P is the most that a picture of the batch has, at most
    arch.proposals; where a picture has fewer, the rest is background."""

    def __init__(self, arch: FasterRcnnArch) -> None:
        super().__init__()
        self.arch = arch
        best = max(BEST, arch.proposals)
        self.rcnn = FasterRCNN(
            Features(arch),
            rpn_anchor_generator=Anchors(),
            rpn_head=AnchorHead(arch, 1),
            rpn_pre_nms_top_n_train=best,
            rpn_pre_nms_top_n_test=best,
            rpn_post_nms_top_n_train=arch.proposals,
            rpn_post_nms_top_n_test=arch.proposals,
            rpn_nms_thresh=OVERLAP,
            rpn_score_thresh=LEAST,
            box_roi_pool=MultiScaleRoIAlign(POOLED, SIDE, 1, canonical_scale=LEVEL_PX, canonical_level=4),
            box_head=TwoMLPHead(SIDE * SIDE * arch.pyramid, arch.hidden),
            box_predictor=FastRCNNPredictor(arch.hidden, arch.classes + 1),
        )
        bias = self.rcnn.roi_heads.box_predictor.cls_score.bias
        bias.data = torch.full_like(bias, -1.0)
        bias.data[0] = NOTHING

    @property
    def features(self) -> Features:
        found: Features = self.rcnn.backbone
        return found

    def forward(self, x: Tensor) -> Tensor:
        maps = self.features(x)
        found = self._proposals(self._anchor_rows(maps), x)
        kinds, deltas = self._judge(maps, found, x)
        best = kinds[:, 1:].argmax(1) + 1
        xyxy = self.rcnn.roi_heads.box_coder.decode_single(deltas[torch.arange(len(best)), best], torch.cat(found))
        return _padded(torch.cat((kinds, xyxy), 1), [len(one) for one in found])

    def probabilities(self, raw: Tensor) -> Tensor:
        return torch.cat((raw[..., :-4].softmax(-1)[..., 1:], raw[..., -4:]), -1)

    def learn(self, x: Tensor, truth_xyxy: list[Tensor]) -> tuple[Tensor, ...]:
        """Rows of the anchors (B, A, 1 + 4), and rows of all proposals (R, 1 + 4 + (1 + classes) x 5): the picture's
        place in the batch, the proposal xyxy, logits, deltas by class. The true boxes are proposals, too."""
        maps = self.features(x)
        rows = self._anchor_rows(maps)
        found = [torch.cat(pair) for pair in zip(self._proposals(rows.detach(), x), truth_xyxy, strict=True)]
        kinds, deltas = self._judge(maps, found, x)
        place = torch.cat([xyxy.new_full((len(xyxy), 1), k) for k, xyxy in enumerate(found)])
        return rows, torch.cat((place, torch.cat(found), kinds, deltas.flatten(1)), 1)

    def adopt(self, network: NanoDet) -> None:
        self.features.adopt(network)
        self.rcnn.rpn.head.adopt(network)

    def _anchor_rows(self, maps: dict[str, Tensor]) -> Tensor:
        rows: Tensor = self.rcnn.rpn.head.rows(maps.values())
        return rows.float()

    def _proposals(self, rows: Tensor, x: Tensor) -> list[Tensor]:
        """xyxy (N, 4) of each picture, best first."""
        rpn: Any = self.rcnn.rpn
        height, width = x.shape[-2:]
        start = torch.from_numpy(anchors((height, width))).to(x.device)
        xyxy = torch.stack([rpn.box_coder.decode_single(one, start) for one in rows[..., 1:]])
        sizes = [-(-height // s) * -(-width // s) * len(SHAPES) for s in STRIDES]
        found: list[Tensor] = rpn.filter_proposals(xyxy, rows[..., :1], [(height, width)] * len(x), sizes)[0]
        return found

    def _judge(self, maps: dict[str, Tensor], found: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (R, 1 + classes) and deltas (R, 1 + classes, 4) of all proposals, f32."""
        heads: Any = self.rcnn.roi_heads
        levels = {name: maps[name].float() for name in POOLED}  # RoIAlign knows no bf16 on a CPU
        pooled = heads.box_roi_pool(levels, found, [tuple(x.shape[-2:])] * len(x))
        kinds, deltas = heads.box_predictor(heads.box_head(pooled.to(heads.box_head.fc6.weight.dtype)))
        return kinds.float(), deltas.float().reshape(-1, kinds.shape[1], 4)


def _padded(rows: Tensor, counts: list[int]) -> Tensor:
    """(R, outputs) of several pictures -> (B, most of a picture, outputs), filled up with certain background."""
    filled = rows.new_zeros((len(counts), max(counts), rows.shape[1]))
    filled[..., 0] = 100.0
    for one, part in zip(filled, torch.split(rows, counts), strict=True):
        one[: len(part)] = part
    return filled
