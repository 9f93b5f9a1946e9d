"""Single pictures from files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from stream.errors import ConfigError

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def read_picture(path: Path) -> np.ndarray:
    """u8 (H, W, 3) BGR. Raises ConfigError if it is no picture."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ConfigError(str(path), "not a readable picture", "remove it from the data set or repair it")
    return pixels
