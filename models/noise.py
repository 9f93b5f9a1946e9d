"""Pictures of noise, for trials of a network: they make for many proposals."""

from __future__ import annotations

import numpy as np


def noise(input_hw: tuple[int, int], batch: int) -> np.ndarray:
    """u8 (B, h, w, 3), the same each time."""
    return np.random.default_rng(0).integers(0, 256, (batch, *input_hw, 3), np.uint8)
