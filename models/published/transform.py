"""What torchvision's networks see of our pictures: already of their size, so that nothing is scaled twice."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from models.published.family import Family


class Fitted(nn.Module):
    """Stands for a network's GeneralizedRCNNTransform. f32 (B, 3, H, W) RGB 0..1 -> normalised, at the fixed size where
    the family has one. Boxes come back in pixels of (H, W); masks stay aligned to their boxes."""

    mean: Tensor
    spread: Tensor

    def __init__(self, published: GeneralizedRCNNTransform, family: Family) -> None:
        super().__init__()
        self._fixed_hw = family.fixed_hw
        for name, values in (("mean", published.image_mean), ("spread", published.image_std)):
            self.register_buffer(name, Tensor(values).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor, targets: None = None) -> tuple[ImageList, None]:
        pictures = (pictures - self.mean) / self.spread
        if self._fixed_hw is not None and tuple(pictures.shape[2:]) != self._fixed_hw:
            pictures = interpolate(pictures, self._fixed_hw, mode="bilinear", antialias=True)
        height, width = pictures.shape[2:]
        return ImageList(pictures, [(height, width)] * len(pictures)), targets

    def postprocess(
        self, found: list[dict[str, Tensor]], seen_hw: list[tuple[int, int]], given_hw: list[Any]
    ) -> list[dict[str, Tensor]]:
        for one, seen, given in zip(found, seen_hw, given_hw, strict=True):
            scale = [given[1] / seen[1], given[0] / seen[0]] * 2
            one["boxes"] = one["boxes"] * one["boxes"].new_tensor(scale)
        return found
