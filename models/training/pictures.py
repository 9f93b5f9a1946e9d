"""Decoded pictures in one flat file, so that a training run decodes each picture once in its life."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.scoring.pictures import read_picture
from models.training.labels import Labelled

MAX_SIDE = 640  # pictures are stored no larger than this


class PictureStore:
    """u8 BGR pictures by index over all data sets, memory-mapped from one file a set beside the check-points.

    A file is named after what it holds (paths, sizes, dates), so another data set gets another file. Pictures that
    cannot be read raise ConfigError when the file is made.
    """

    def __init__(self, sets: Sequence[list[Labelled]], folder: Path) -> None:
        self._stored = [item for pictures in sets for item in _stored(pictures, folder)]

    def __getitem__(self, index: int) -> tuple[np.ndarray, float]:
        """The picture, and its stored pixels per original pixel."""
        pixels, shape, scale = self._stored[index]
        return pixels.reshape(*shape, 3), scale

    def __len__(self) -> int:
        return len(self._stored)


def _stored(pictures: list[Labelled], folder: Path) -> list[tuple[np.ndarray, tuple[int, int], float]]:
    """Of each picture of a set: pixels u8 (H * W * 3,) in the mapped file, (H, W), stored pixels per original pixel."""
    key = "".join(f"{p.path}{(s := p.path.stat()).st_size}{s.st_mtime_ns}" for p in pictures)
    stem = folder / f"pictures-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    pixels_path, shapes_path = stem.with_suffix(".u8"), stem.with_suffix(".npy")
    if not shapes_path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(shapes_path, _decode(pictures, pixels_path))
    shapes = np.load(shapes_path)  # f64 (N, 3): height, width, stored pixels per original pixel
    ends = np.cumsum(shapes[:, 0] * shapes[:, 1] * 3).astype(np.int64)
    pixels = np.memmap(pixels_path, np.uint8, "r")
    return [
        (pixels[end - 3 * int(height * width) : end], (int(height), int(width)), float(scale))
        for end, (height, width, scale) in zip(ends.tolist(), shapes, strict=True)
    ]


def _decode(pictures: list[Labelled], pixels_path: Path) -> np.ndarray:
    shapes = []
    with pixels_path.open("wb") as file:
        for picture in pictures:
            pixels = read_picture(picture.path)
            scale = min(1.0, MAX_SIDE / max(pixels.shape[:2]))
            if scale < 1:
                pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            shapes.append((*pixels.shape[:2], scale))
            file.write(np.ascontiguousarray(pixels).tobytes())
    return np.array(shapes)
