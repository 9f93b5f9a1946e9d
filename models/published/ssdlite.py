"""SSDLite (Sandler et al., 2018) on MobileNetV3-Large: one shot, for a CPU."""

from __future__ import annotations

from torchvision.models.detection import SSDLite320_MobileNet_V3_Large_Weights, ssdlite320_mobilenet_v3_large

from models.published.family import Family

FAMILY = Family(
    build=ssdlite320_mobilenet_v3_large,
    weights=SSDLite320_MobileNet_V3_Large_Weights.COCO_V1,
    head="head.classification_head.module_list.5.1.bias",
    rows_per_class=6,
    fixed_hw=(320, 320),
)
