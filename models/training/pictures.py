"""Decoded pictures in one flat file, so that a training run decodes each picture once in its life."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np

from models.training.labels import Labelled
from stream.errors import ConfigError

MAX_SIDE = 640  # pictures are stored no larger than this


class PictureStore:
    """u8 BGR pictures by index, memory-mapped from a file beside the check-points.

    The file is named after what it holds (paths, sizes, dates), so another data set gets another file. Pictures that
    cannot be read raise ConfigError when the file is made.
    """

    def __init__(self, pictures: list[Labelled], folder: Path) -> None:
        key = "".join(f"{p.path}{(s := p.path.stat()).st_size}{s.st_mtime_ns}" for p in pictures)
        stem = folder / f"pictures-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        self._pixels_path, shapes_path = stem.with_suffix(".u8"), stem.with_suffix(".npy")
        if not shapes_path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            np.save(shapes_path, self._decode(pictures))
        stored = np.load(shapes_path)  # f64 (N, 3): height, width, stored pixels per original pixel
        self._shapes, self._scale = stored[:, :2].astype(np.int64), stored[:, 2]
        self._ends = np.cumsum(self._shapes.prod(1) * 3)
        self._pixels = np.memmap(self._pixels_path, np.uint8, "r")

    def __getitem__(self, index: int) -> tuple[np.ndarray, float]:
        """The picture, and its stored pixels per original pixel."""
        height, width = self._shapes[index]
        end = self._ends[index]
        return self._pixels[end - height * width * 3 : end].reshape(height, width, 3), float(self._scale[index])

    def __len__(self) -> int:
        return len(self._shapes)

    def _decode(self, pictures: list[Labelled]) -> np.ndarray:
        shapes = []
        with self._pixels_path.open("wb") as file:
            for picture in pictures:
                pixels = read_picture(picture.path)
                scale = min(1.0, MAX_SIDE / max(pixels.shape[:2]))
                if scale < 1:
                    pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                shapes.append((*pixels.shape[:2], scale))
                file.write(np.ascontiguousarray(pixels).tobytes())
        return np.array(shapes)


def read_picture(path: Path) -> np.ndarray:
    """u8 (H, W, 3) BGR. Raises ConfigError if it is no picture."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ConfigError(str(path), "not a readable picture", "remove it from the data set or repair it")
    return pixels
