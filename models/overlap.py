"""How much boxes overlap, in torch."""

from __future__ import annotations

from torch import Tensor


def pair_iou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """IoU of every pair: (..., N, 4) and (..., M, 4) -> (..., N, M)."""
    low = a_xyxy[..., :, None, :2].maximum(b_xyxy[..., None, :, :2])
    high = a_xyxy[..., :, None, 2:].minimum(b_xyxy[..., None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    sizes = [(b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1) for b in (a_xyxy, b_xyxy)]
    return shared / (sizes[0][..., :, None] + sizes[1][..., None, :] - shared + 1e-7)
