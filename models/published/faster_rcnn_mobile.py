"""Faster R-CNN (Ren et al., 2015) on MobileNetV3-Large: two stages, meant for pictures of 800."""

from __future__ import annotations

from torchvision.models.detection import FasterRCNN_MobileNet_V3_Large_FPN_Weights, fasterrcnn_mobilenet_v3_large_fpn

from models.published.family import Family

FAMILY = Family(
    build=fasterrcnn_mobilenet_v3_large_fpn,
    weights=FasterRCNN_MobileNet_V3_Large_FPN_Weights.COCO_V1,
    head="roi_heads.box_predictor.cls_score.bias",
    score="box_score_thresh",
    nms="box_nms_thresh",
    proposals="rpn_post_nms_top_n_test",
)
