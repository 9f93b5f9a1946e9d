"""The numbers of the two stages of Faster R-CNN, and where a proposal is looked up. Importing this needs no torch."""

from __future__ import annotations

import numpy as np

from models.anchors import STRIDES

BEST = 256  # cells of a level that reach the suppression
OVERLAP = 0.7  # IoU from which a proposal repeats a better one
LEAST = 0.05  # score of a proposal
LEVELS = 3  # of strides 8, 16 and 32, that proposals are looked up in
LEAST_SIDE = 1e-3  # px, of a proposal inside the picture
SIDE = 7  # cells of a looked-up proposal
LEVEL_PX = 56  # from here on a proposal belongs to the second level, from twice as much to the third

TRUST = 0.25  # power of the second stage's word in a score; 1 was 1.5 AP50 worse on 78 pictures, 0 was 0.5 worse


def points(xyxy: np.ndarray, level: int, level_hw: tuple[int, int]) -> np.ndarray:
    """Where RoIAlign (He et al., 2017) with one sample a cell reads a level for boxes (N, 4) px: f32 (1, N x 7, 7, 2),
    x and y from -1, the first cell of the level, to 1, the last. A box is at least one cell wide; what of a narrower
    one then lies beyond the level reads its border, where torchvision reads 0."""
    low = xyxy[:, :2] / STRIDES[level]
    size = np.maximum(xyxy[:, 2:] / STRIDES[level] - low, 1.0)
    steps = ((np.arange(SIDE) + 0.5) / SIDE)[:, None]
    places = low[:, None] + steps * size[:, None]  # (N, 7, 2) in cells
    places = 2 * places / np.maximum(np.array(level_hw[::-1]) - 1, 1) - 1
    found = np.empty((len(xyxy), SIDE, SIDE, 2), np.float32)
    found[..., 0], found[..., 1] = places[:, None, :, 0], places[:, :, None, 1]
    return found.reshape(1, -1, SIDE, 2)


def level_of(xyxy: np.ndarray) -> np.ndarray:
    """Of proposals (N, 4) px: the level that each is looked up in, by its size (Lin et al., 2017), (N,). A proposal is
    at most seven cells wide there, but in the last level."""
    size = np.sqrt(np.maximum((xyxy[:, 2:] - xyxy[:, :2]).prod(1), 1e-6))
    return np.clip(np.floor(1 + np.log2(size / LEVEL_PX) + 1e-6), 0, LEVELS - 1).astype(np.int64)
