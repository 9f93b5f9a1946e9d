"""FCOS (Tian et al., 2019): one shot without anchors."""

from __future__ import annotations

from torchvision.models.detection import FCOS_ResNet50_FPN_Weights, fcos_resnet50_fpn

from models.published.family import Family

FAMILY = Family(
    build=fcos_resnet50_fpn,
    weights=FCOS_ResNet50_FPN_Weights.COCO_V1,
    head="head.classification_head.cls_logits.bias",
)
