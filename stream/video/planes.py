"""The layout of a YUV 4:2:0 picture in one buffer."""

from __future__ import annotations

import numpy as np


def yuv_planes(yuv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of the planes of u8 (H*3/2, W): Y (H, W), U and V (H/2, W/2). Writing to a view writes to `yuv`.

    Raises ValueError if `yuv` is not a contiguous picture of even width and height.
    """
    rows, width = yuv.shape
    height = rows * 2 // 3
    if yuv.dtype != np.uint8 or rows % 3 or width % 2 or not yuv.flags.c_contiguous:
        raise ValueError(f"yuv: expected contiguous uint8 (H*3/2, W) of even H and W, got {yuv.dtype} {yuv.shape}")
    flat, luma, chroma = yuv.reshape(-1), width * height, width * height // 4
    half = (height // 2, width // 2)
    return yuv[:height], flat[luma : luma + chroma].reshape(half), flat[luma + chroma :].reshape(half)
