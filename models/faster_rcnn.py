"""Faster R-CNN (Ren et al., 2015) on the features of roadtally-small: torchvision's, with slim heads.

    (B, 3, H, W) ─ Features ─> four levels ─ ProposalHead ─> every cell judged ─ best, suppressed ─> proposals
    three levels, proposals ─ RoIAlign 7x7 ─ two layers of `hidden` ─> classes and corrections of each proposal

A proposal is looked up in the level where it is up to seven cells wide: below 56 px at stride 8, below 112 at 16. The
score of a class is what the first stage says of it, corrected by the second (models.proposals.TRUST).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign, batched_nms, clip_boxes_to_image

from models.arch import FasterRcnnArch
from models.features import Features
from models.nanodet import STRIDES, NanoDet, decode
from models.network import Network, cell_grid
from models.proposal_head import CellAnchors, ProposalHead
from models.proposals import BEST, LEAST, LEAST_SIDE, LEVEL_PX, LEVELS, OVERLAP, SIDE, TRUST

POOLED = [str(k) for k in range(LEVELS)]
NOTHING = 2.0  # logit of the background before training
SMALL = 1e-3  # spread of the corrections before training


class FasterRcnn(Network):
    """f32 (B, 3, H, W) BGR 0..255 -> (B, P, classes + 1 + classes + 4): of each proposal, probabilities of the first
    stage, logits of the background and the classes, and the box xyxy in pixels of the best class of the second. P is
    the most that a picture of the batch has, at most arch.proposals; where a picture has fewer, the rest is zero."""

    arch: FasterRcnnArch

    def __init__(self, arch: FasterRcnnArch) -> None:
        super().__init__()
        self.arch = arch
        best = max(BEST, arch.proposals)
        self.rcnn = FasterRCNN(
            Features(arch),
            rpn_anchor_generator=CellAnchors(),
            rpn_head=ProposalHead(arch),
            rpn_pre_nms_top_n_train=best,
            rpn_pre_nms_top_n_test=best,
            rpn_post_nms_top_n_train=arch.proposals,
            rpn_post_nms_top_n_test=arch.proposals,
            rpn_nms_thresh=OVERLAP,
            rpn_score_thresh=LEAST,
            box_roi_pool=MultiScaleRoIAlign(POOLED, SIDE, 1, canonical_scale=LEVEL_PX, canonical_level=4),
            box_head=TwoMLPHead(SIDE * SIDE * arch.pyramid, arch.hidden),
            box_predictor=_predictor(arch),
        )

    @property
    def features(self) -> Features:
        found: Features = self.rcnn.backbone
        return found

    def forward(self, x: Tensor) -> Tensor:
        maps = self.features(x)
        found, sure = self._proposals(self._cell_rows(maps), x)
        kinds, deltas = self._judge(maps, found, x)
        best = kinds[:, 1:].argmax(1) + 1
        xyxy = self.rcnn.roi_heads.box_coder.decode_single(deltas[torch.arange(len(best)), best], torch.cat(found))
        return _padded(torch.cat((torch.cat(sure), kinds, xyxy), 1), [len(one) for one in found])

    def probabilities(self, raw: Tensor) -> Tensor:
        classes = self.arch.classes
        kinds = raw[..., classes:-4].softmax(-1)[..., 1:]
        return torch.cat((kinds**TRUST * raw[..., :classes], raw[..., -4:]), -1)

    def learn(self, x: Tensor, truth_xyxy: list[Tensor]) -> tuple[Tensor, ...]:
        """Rows of the cells (B, A, classes + 32), and rows of all proposals (R, 1 + 4 + (1 + classes) x 5): the
        picture's place in the batch, the proposal xyxy, logits, deltas by class. The true boxes are proposals, too."""
        maps = self.features(x)
        rows = self._cell_rows(maps)
        proposed, _ = self._proposals(rows.detach(), x)
        found = [torch.cat(pair) for pair in zip(proposed, truth_xyxy, strict=True)]
        kinds, deltas = self._judge(maps, found, x)
        place = torch.cat([xyxy.new_full((len(xyxy), 1), k) for k, xyxy in enumerate(found)])
        return rows, torch.cat((place, torch.cat(found), kinds, deltas.flatten(1)), 1)

    def adopt(self, network: NanoDet) -> None:
        self.features.adopt(network)
        self.rcnn.rpn.head.adopt(network)

    def adopted(self) -> list[nn.Module]:
        return [self.features, self.rcnn.rpn.head]

    def _cell_rows(self, maps: dict[str, Tensor]) -> Tensor:
        rows: Tensor = self.rcnn.rpn.head.rows(maps.values())
        return rows.float()

    def _proposals(self, rows: Tensor, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """xyxy (N, 4) and probabilities (N, classes) of each picture, best first: what torchvision's RPN does, which
        does not say which cells its proposals come from."""
        height, width = x.shape[-2:]
        cells, strides = (part.to(x.device) for part in cell_grid(height, width, STRIDES))
        xyxy = clip_boxes_to_image(decode(rows, cells, strides), (height, width))
        sure = rows[..., : self.arch.classes].sigmoid()
        kept = [self._kept(*pair, strides[:, 0]) for pair in zip(xyxy, sure.amax(2), strict=True)]
        return [xyxy[k, cell] for k, cell in enumerate(kept)], [sure[k, cell] for k, cell in enumerate(kept)]

    def _kept(self, xyxy: Tensor, score: Tensor, strides: Tensor) -> Tensor:
        """The cells of one picture, (A, 4) and (A,), whose boxes are proposed."""
        levels = [(strides == stride).nonzero()[:, 0] for stride in STRIDES]
        most = max(BEST, self.arch.proposals)
        best = torch.cat([cells[score[cells].topk(min(most, len(cells))).indices] for cells in levels])
        whole = (xyxy[best, 2:] - xyxy[best, :2] >= LEAST_SIDE).all(1)
        best = best[whole & (score[best] >= LEAST)]
        kept = batched_nms(xyxy[best], score[best], strides[best], OVERLAP)
        return best[kept[: self.arch.proposals]]

    def _judge(self, maps: dict[str, Tensor], found: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (R, 1 + classes) and deltas (R, 1 + classes, 4) of all proposals, f32."""
        heads: Any = self.rcnn.roi_heads
        levels = {name: maps[name].float() for name in POOLED}  # RoIAlign knows no bf16 on a CPU
        pooled = heads.box_roi_pool(levels, found, [tuple(x.shape[-2:])] * len(x))
        kinds, deltas = heads.box_predictor(heads.box_head(pooled.to(heads.box_head.fc6.weight.dtype)))
        return kinds.float(), deltas.float().reshape(-1, kinds.shape[1], 4)


def _predictor(arch: FasterRcnnArch) -> FastRCNNPredictor:
    """Begins with the proposals as they are."""
    predictor = FastRCNNPredictor(arch.hidden, arch.classes + 1)
    nn.init.normal_(predictor.bbox_pred.weight, std=SMALL)
    nn.init.zeros_(predictor.bbox_pred.bias)
    nn.init.constant_(predictor.cls_score.bias, -1.0)
    predictor.cls_score.bias.data[0] = NOTHING
    return predictor


def _padded(rows: Tensor, counts: list[int]) -> Tensor:
    """(R, outputs) of several pictures -> (B, most of a picture, outputs), filled up with zeros."""
    filled = rows.new_zeros((len(counts), max(counts), rows.shape[1]))
    for one, part in zip(filled, torch.split(rows, counts), strict=True):
        one[: len(part)] = part
    return filled
