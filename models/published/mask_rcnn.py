"""Mask R-CNN (He et al., 2017): Faster R-CNN with the silhouette of each object."""

from __future__ import annotations

from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights, maskrcnn_resnet50_fpn_v2

from models.published.family import Family

FAMILY = Family(
    build=maskrcnn_resnet50_fpn_v2,
    weights=MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
    head="roi_heads.box_predictor.cls_score.bias",
    score="box_score_thresh",
    nms="box_nms_thresh",
    proposals="rpn_post_nms_top_n_test",
    masks=True,
)
