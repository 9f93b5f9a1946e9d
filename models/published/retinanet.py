"""RetinaNet (Lin et al., 2017): one shot on a pyramid, trained with the focal loss."""

from __future__ import annotations

from torchvision.models.detection import RetinaNet_ResNet50_FPN_V2_Weights, retinanet_resnet50_fpn_v2

from models.published.family import Family

FAMILY = Family(
    build=retinanet_resnet50_fpn_v2,
    weights=RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1,
    head="head.classification_head.cls_logits.bias",
    rows_per_class=9,
)
