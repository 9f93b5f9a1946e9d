"""Faster R-CNN (Ren et al., 2015) on ResNet-50 with a pyramid, as retrained by Li et al. (2021)."""

from __future__ import annotations

from torchvision.models.detection import FasterRCNN_ResNet50_FPN_V2_Weights, fasterrcnn_resnet50_fpn_v2

from models.published.family import Family

FAMILY = Family(
    build=fasterrcnn_resnet50_fpn_v2,
    weights=FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
    head="roi_heads.box_predictor.cls_score.bias",
    score="box_score_thresh",
    nms="box_nms_thresh",
    proposals="rpn_post_nms_top_n_test",
)
