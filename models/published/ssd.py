"""SSD (Liu et al., 2016) on VGG-16: one shot, dense."""

from __future__ import annotations

from torchvision.models.detection import SSD300_VGG16_Weights, ssd300_vgg16

from models.published.family import Family

FAMILY = Family(
    build=ssd300_vgg16,
    weights=SSD300_VGG16_Weights.COCO_V1,
    head="head.classification_head.module_list.0.bias",
    rows_per_class=4,
    fixed_hw=(300, 300),
)
