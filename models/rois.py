"""What both engines of the segmenter do with boxes and masks. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from stream.errors import ModelError
from stream.messages import MASK_SIZE

Branch = Callable[[np.ndarray], np.ndarray]
"""Boxes f32 (K, 4) of one picture -> probabilities f32 (K, 28, 28)."""


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


def masks_in_parts(
    look: Callable[[np.ndarray], Branch], picture: np.ndarray, xyxy: np.ndarray, at_once: int
) -> np.ndarray:
    """Masks u8 (N, 28, 28) of boxes f32 (N, 4): what `look` at the picture gives for those that can be pooled, at most
    `at_once` of them together; zeros for the others. Where none can be pooled there is no look."""
    boxes, usable = boxes_inside(xyxy, picture.shape[:2])
    found = np.zeros((len(xyxy), MASK_SIZE, MASK_SIZE), np.uint8)
    if len(usable):
        branch = look(picture)
        for part in np.array_split(usable, -(-len(usable) // at_once)):
            found[part] = (branch(boxes[part]) * 255 + 0.5).astype(np.uint8)
    return found
