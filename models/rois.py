"""What both engines of the segmenter do with boxes and masks. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stream.errors import ModelError


def boxes_inside(xyxy: np.ndarray, input_hw: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes f32 (N, 4), and the indices of those that can be pooled: finite, with area, touching the picture."""
    boxes = np.ascontiguousarray(xyxy, np.float32)
    inside = np.clip(boxes, 0, np.array([input_hw[1], input_hw[0]] * 2, np.float32))
    usable = np.isfinite(boxes).all(1) & (inside[:, 2:] > inside[:, :2]).all(1)
    return boxes, np.flatnonzero(usable)


def check_picture(picture: np.ndarray, opened: Iterable[tuple[int, int]]) -> None:
    """Raises ModelError unless it is u8 (h, w, 3) of an input that was opened."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[:2] not in opened or picture.shape[2] != 3:
        shapes = ", ".join(f"({h}, {w}, 3)" for h, w in opened)
        raise ModelError("segmenter", f"expected a u8 picture of {shapes}, got {picture.dtype} {picture.shape}")


def as_bytes(probabilities: np.ndarray) -> np.ndarray:
    """f32 0..1 -> u8 0..255."""
    return (probabilities * 255 + 0.5).astype(np.uint8)
