"""Detectors on single pictures of any size, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import msgspec
import numpy as np

from models.contract import Detector, DetectorSpec
from models.registry import open_detector
from stream.geometry import PADDING, Letterbox, fit_input
from stream.messages import Detections

Detect = Callable[[np.ndarray], list[Detections]]
"""u8 (B, h, w, 3) letterboxed pictures -> Detections in network pixels, one a picture."""


def detect_picture(detect: Detect, picture: np.ndarray, long_side: int) -> Detections:
    """Detections in picture pixels of one u8 (H, W, 3) picture, letterboxed at the top left with padding 114."""
    height, width = picture.shape[:2]
    box = Letterbox((0, 0, width, height), fit_input((width, height), long_side))
    seen = detect(letterboxed(picture, box))[0]
    return Detections(box.to_picture(seen.xyxy), seen.score, seen.label)


def letterboxed(picture: np.ndarray, box: Letterbox) -> np.ndarray:
    """u8 (1, h, w, 3): the whole picture at the top left of a network input, padded with 114."""
    canvas = np.full((1, *box.input_hw, 3), PADDING, np.uint8)
    rows, columns = box.content_hw
    method = cv2.INTER_AREA if box.scale < 1 else cv2.INTER_LINEAR
    canvas[0, :rows, :columns] = cv2.resize(picture, (columns, rows), interpolation=method)
    return canvas


class StillDetector:
    """Opens a detector once for each network size that pictures need, when first needed. One thread uses it."""

    def __init__(self, model: str, score: float, threads: int = 0, precision: str = "auto") -> None:
        """model, precision: see DetectorSpec; what scores less than `score` is not reported."""
        self._spec = DetectorSpec(model, (), precision=precision, score=score, threads=threads, streams=1)
        self._opened: dict[tuple[int, int], Detector] = {}

    def detect(self, picture: np.ndarray, long_side: int) -> Detections:
        """What is in a u8 (H, W, 3) BGR picture, in its pixels. Raises ModelError where no detector can be opened."""
        return detect_picture(self._pass, picture, long_side)

    def close(self) -> None:
        for detector in self._opened.values():
            detector.close()

    def _pass(self, pictures: np.ndarray) -> list[Detections]:
        height, width = pictures.shape[1:3]
        if (height, width) not in self._opened:
            spec = msgspec.structs.replace(self._spec, input_hw=((height, width),))
            self._opened[height, width] = open_detector(spec)
        return self._opened[height, width].start(pictures).result()
