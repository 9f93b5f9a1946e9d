"""Boxes, segments and letterboxes. Pure functions on arrays; y points down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STRIDE = 32  # both sides of a network input are multiples of this


def iou(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair: (N, 4) and (M, 4) -> (N, M) in 0..1; zero-area boxes give 0."""
    overlap = intersection(a_xyxy, b_xyxy)
    union = area(a_xyxy)[:, None] + area(b_xyxy)[None, :] - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def intersection(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> np.ndarray:
    """Area shared by every pair, px²: (N, 4) and (M, 4) -> (N, M)."""
    width = np.minimum(a_xyxy[:, None, 2], b_xyxy[None, :, 2]) - np.maximum(a_xyxy[:, None, 0], b_xyxy[None, :, 0])
    height = np.minimum(a_xyxy[:, None, 3], b_xyxy[None, :, 3]) - np.maximum(a_xyxy[:, None, 1], b_xyxy[None, :, 1])
    return np.clip(width, 0, None) * np.clip(height, 0, None)


def area(xyxy: np.ndarray) -> np.ndarray:
    """px² of each box: (N, 4) -> (N,); inverted boxes count as 0."""
    return np.clip(xyxy[:, 2] - xyxy[:, 0], 0, None) * np.clip(xyxy[:, 3] - xyxy[:, 1], 0, None)


PADDING = 114
"""The grey round a picture in a network's input."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a region of the picture becomes the network input: scaled with its aspect kept, at the top left, padded.

    crop_xyxy: integer pixels of the picture, even numbers (4:2:0 chroma); input_hw: network height and width.
    """

    crop_xyxy: tuple[int, int, int, int]
    input_hw: tuple[int, int]

    def smaller(self, share: float) -> Letterbox:
        """The same region in a network input of so much of the long side."""
        x1, y1, x2, y2 = self.crop_xyxy
        return Letterbox(self.crop_xyxy, fit_input((x2 - x1, y2 - y1), round(max(self.input_hw) * share)))

    @property
    def scale(self) -> float:
        """Network pixels per picture pixel."""
        x1, y1, x2, y2 = self.crop_xyxy
        return min(self.input_hw[1] / (x2 - x1), self.input_hw[0] / (y2 - y1))

    @property
    def content_hw(self) -> tuple[int, int]:
        """Height and width of the scaled region inside the network input; the rest is padding."""
        x1, y1, x2, y2 = self.crop_xyxy
        height, width = round((y2 - y1) * self.scale), round((x2 - x1) * self.scale)
        return max(1, min(height, self.input_hw[0])), max(1, min(width, self.input_hw[1]))

    def to_input(self, xyxy: np.ndarray) -> np.ndarray:
        """Boxes f32 (N, 4) in picture pixels -> network pixels, not clipped."""
        x1, y1, x2, y2 = self.crop_xyxy
        height, width = self.content_hw
        factor = np.array([width / (x2 - x1), height / (y2 - y1)] * 2, np.float32)
        return ((xyxy - np.array([x1, y1, x1, y1], np.float32)) * factor).astype(np.float32)

    def place_of(self, crop_xyxy: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) in network pixels of a part of the region."""
        x1, y1, x2, y2 = crop_xyxy
        left, top = round((x1 - self.crop_xyxy[0]) * self.scale), round((y1 - self.crop_xyxy[1]) * self.scale)
        height, width = round((y2 - y1) * self.scale), round((x2 - x1) * self.scale)
        rows, columns = self.content_hw
        return top, left, min(height, rows - top), min(width, columns - left)

    def to_picture(self, xyxy: np.ndarray) -> np.ndarray:
        """Boxes f32 (N, 4) in network pixels -> picture pixels, clipped to the region that was looked at."""
        x1, y1, x2, y2 = self.crop_xyxy
        height, width = self.content_hw
        factor = np.array([(x2 - x1) / width, (y2 - y1) / height] * 2, np.float32)
        boxes = xyxy * factor + np.array([x1, y1, x1, y1], np.float32)
        low, high = np.array([x1, y1, x1, y1], np.float32), np.array([x2, y2, x2, y2], np.float32)
        return np.clip(boxes, low, high).astype(np.float32)


def fit_input(crop_wh: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Network (height, width) shaped like the region: the long side as given, both multiples of STRIDE.

    16:9 at 416 gives (256, 416), not a padded square.
    """
    width, height = (max(1, -(-round(side * long_side / max(crop_wh)) // STRIDE)) * STRIDE for side in crop_wh)
    return height, width
