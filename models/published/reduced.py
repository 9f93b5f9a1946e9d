"""The parts of torchvision's networks that compute in fewer bits; all between them stays f32.

Under one autocast over all, anchors and boxes were fp16 or bf16, too, which know a place near 400 px to a quarter of a
pixel, or to two pixels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

PARTS = (
    *("backbone", "head", "rpn.head", "roi_heads.box_head", "roi_heads.box_predictor"),
    *("roi_heads.mask_head", "roi_heads.mask_predictor"),
)
"""Where they are, as far as a family has them."""
HEAVY = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


class Reduced(nn.Module):
    """A part of a network in fewer bits and channels-last, which gives f32. Its norms keep their numbers in f32."""

    def __init__(self, part: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.part, self.dtype = part.to(memory_format=torch.channels_last), dtype
        for layer in part.modules():
            if isinstance(layer, HEAVY):
                layer.to(dtype)

    def forward(self, *given: Any) -> Any:
        with torch.autocast(next(self.part.parameters()).device.type, self.dtype):
            return _in_f32(self.part(*given))


def reduce(network: nn.Module, dtype: torch.dtype) -> None:
    """Let the parts of a network of torchvision compute in fp16 or bf16."""
    for name in PARTS:
        *path, last = name.split(".")
        owner: Any = network
        for step in path:
            owner = getattr(owner, step, None)
        if isinstance(part := getattr(owner, last, None), nn.Module):
            setattr(owner, last, Reduced(part, dtype))


def _in_f32(found: Any) -> Any:
    """Tensors, alone or in lists, tuples and dicts."""
    if isinstance(found, Tensor):
        return found.float()
    if isinstance(found, dict):
        return {key: _in_f32(value) for key, value in found.items()}
    return type(found)(_in_f32(value) for value in found)
