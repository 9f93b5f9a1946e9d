"""Batches by step number: everything in one follows from (seed, step), so that a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from models.training.augment import Picture, mosaic, single
from models.training.disturb import disturb
from models.training.labels import Boxes, Labelled
from models.training.pictures import PictureStore

# fmt: off
SHAPES: tuple[tuple[int, int], ...] = (
    (256, 416), (256, 416), (256, 416), (320, 416), (416, 416),
    (224, 384), (288, 512), (352, 512), (192, 320), (320, 320),
)
# fmt: on
"""Network (height, width) drawn from in training; 256x416 is what a 16:9 camera gets."""

AHEAD = 3  # batches prepared while the network works


@dataclass(frozen=True, slots=True)
class Batch:
    """pictures u8 (B, h, w, 3) BGR; boxes, one Boxes a picture, in its pixels."""

    pictures: np.ndarray
    boxes: list[Boxes]


class Batches:
    """Draws pictures by their weight and makes batches of about `pictures_at_416x256` pictures' worth of pixels."""

    def __init__(self, data: list[Labelled], store: PictureStore, size: int, seed: int, mosaic_share: float) -> None:
        self._data, self._store, self._size, self._seed, self._mosaic_share = data, store, size, seed, mosaic_share
        draw = np.array([item.draw for item in data])
        self._chance = np.cumsum(draw / draw.sum())

    def make(self, step: int) -> Batch:
        rng = np.random.default_rng((self._seed, step))
        height, width = SHAPES[rng.integers(len(SHAPES))]
        count = max(1, round(self._size * 256 * 416 / (height * width)))
        made = [self._one((height, width), rng) for _ in range(count)]
        return Batch(np.stack([picture for picture, _ in made]), [boxes for _, boxes in made])

    def after(self, step: int) -> Iterator[Batch]:
        """Batches step, step + 1, ... without end, prepared by one thread ahead of use."""
        with ThreadPoolExecutor(1, "augment") as thread:
            waiting = [thread.submit(self._make_quietly, step + k) for k in range(AHEAD)]
            try:
                while True:
                    yield waiting.pop(0).result()
                    step += 1
                    waiting.append(thread.submit(self._make_quietly, step + AHEAD - 1))
            finally:
                thread.shutdown(cancel_futures=True)

    def _make_quietly(self, step: int) -> Batch:
        cv2.setNumThreads(1)  # the cores belong to the network
        return self.make(step)

    def _one(self, input_hw: tuple[int, int], rng: np.random.Generator) -> Picture:
        if rng.random() < self._mosaic_share:
            picture, boxes = mosaic([self._draw(rng) for _ in range(4)], input_hw, rng)
        else:
            picture, boxes = single(self._draw(rng), input_hw, rng)
        return disturb(picture, rng), boxes

    def _draw(self, rng: np.random.Generator) -> Picture:
        index = min(int(np.searchsorted(self._chance, rng.random())), len(self._data) - 1)
        pixels, scale = self._store[index]
        boxes = self._data[index].boxes
        return pixels, Boxes(boxes.xyxy * np.float32(scale), boxes.label, boxes.weight)
