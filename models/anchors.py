"""Anchors: the boxes that RetinaNet, SSD and the first stage of Faster R-CNN correct. Importing this needs no torch."""

from __future__ import annotations

from functools import cache

import numpy as np

from models.grids import cells

STRIDES = (8, 16, 32, 64)
SHAPES = ((2.5, 2.0), (1.25, 2.75))
"""Width and height in strides of the anchors of a cell: a vehicle, and a person or two-wheeler. Half of the road users
that we train with are smaller than 16 px in an input of 416: there the finest anchors are."""
DEFAULT_BOXES = ((1.5, 1.5), (2.1, 2.1), (2.1, 1.05), (1.05, 2.1))
"""Those of SSD: a square, the one between it and that of the next level, and that one wide and high."""
LARGEST = float(np.log(1000 / 16))  # no side grows by more than exp of this, as in torchvision


@cache
def anchors(input_hw: tuple[int, int], shapes: tuple[tuple[float, float], ...] = SHAPES) -> np.ndarray:
    """xyxy f32 (A, 4) px of an input: finest level first, row by row, the shapes of a cell together. They stand round
    the corner of their cell; a level's size is rounded up."""
    places, strides = cells(input_hw, STRIDES)
    corner = np.tile(places * strides, 2)[:, None]  # (cells, 1, 4)
    half = np.array([(-w, -h, w, h) for w, h in shapes]) * strides[:, :, None] / 2
    return (corner + half).reshape(-1, 4).astype(np.float32)


def corrected(xyxy: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Anchors (N, 4) moved by deltas (N, 4), the way of R-CNN (Girshick et al., 2014): shift of the centre in parts of
    the size, logarithm of the growth -> xyxy (N, 4)."""
    size = xyxy[:, 2:] - xyxy[:, :2]
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2 + deltas[:, :2] * size
    half = size * np.exp(np.minimum(deltas[:, 2:], LARGEST)) / 2
    return np.concatenate((centre - half, centre + half), 1)
