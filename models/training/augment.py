"""Training pictures from stored ones: scale, place, flip and mosaic. What light and lens do to them: see disturb.py.

Everything draws from one numpy Generator, so that a step number fixes its batch.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.training.labels import IGNORE, Boxes
from stream.geometry import PADDING

Rng = np.random.Generator
Picture = tuple[np.ndarray, Boxes]


def single(picture: Picture, input_hw: tuple[int, int], rng: Rng) -> Picture:
    """One picture, 0.6 to 2 times the size at which it fits, somewhere in the input."""
    canvas = np.full((*input_hw, 3), PADDING, np.uint8)
    fits = min(input_hw[1] / picture[0].shape[1], input_hw[0] / picture[0].shape[0])
    region = (0, 0, input_hw[1], input_hw[0])
    boxes = _place(canvas, region, picture, fits * _log_uniform(rng, 0.6, 2.0), rng)
    return canvas, boxes


def mosaic(pictures: list[Picture], input_hw: tuple[int, int], rng: Rng) -> Picture:
    """Four pictures round a random point (Bochkovskiy et al., 2020), each a crop, 0.6 to 1.5 times the
    size at which it covers its quarter."""
    height, width = input_hw
    canvas = np.full((height, width, 3), PADDING, np.uint8)
    x, y = int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.7))
    quarters = ((0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height))
    parts = []
    for region, picture in zip(quarters, pictures, strict=True):
        covers = max((region[2] - region[0]) / picture[0].shape[1], (region[3] - region[1]) / picture[0].shape[0])
        parts.append(_place(canvas, region, picture, covers * _log_uniform(rng, 0.6, 1.5), rng))
    return canvas, Boxes.join(parts)


def _place(canvas: np.ndarray, region: tuple[int, int, int, int], picture: Picture, scale: float, rng: Rng) -> Boxes:
    """Draw the scaled picture into a region of the canvas; what sticks out is cut. Boxes in canvas pixels."""
    pixels, boxes = picture
    x1, y1, x2, y2 = region
    width, height = max(2, round(pixels.shape[1] * scale)), max(2, round(pixels.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR
    pixels = cv2.resize(pixels, (width, height), interpolation=method)
    xyxy = boxes.xyxy * scale
    if rng.random() < 0.5:
        pixels, xyxy = pixels[:, ::-1], (xyxy * [-1, 1, -1, 1] + [width, 0, width, 0])[:, [2, 1, 0, 3]]
    left, top = _offset(x2 - x1 - width, rng), _offset(y2 - y1 - height, rng)
    inner = (max(0, left), max(0, top), min(x2 - x1, left + width), min(y2 - y1, top + height))
    target = canvas[y1 + inner[1] : y1 + inner[3], x1 + inner[0] : x1 + inner[2]]
    target[:] = pixels[inner[1] - top : inner[3] - top, inner[0] - left : inner[2] - left]
    xyxy = xyxy + np.array([left + x1, top + y1] * 2)
    return cut(Boxes(xyxy.astype(np.float32), boxes.label, boxes.weight), np.array(inner) + np.array([x1, y1, x1, y1]))


def cut(boxes: Boxes, window_xyxy: np.ndarray) -> Boxes:
    """Boxes cut to a window; of those mostly outside, and of those too small to learn, the rest is ignored."""
    low, high = np.tile(window_xyxy[:2], 2), np.tile(window_xyxy[2:], 2)
    xyxy = np.clip(boxes.xyxy, low, high).astype(np.float32)
    size, full = xyxy[:, 2:] - xyxy[:, :2], boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]
    seen = size.prod(1) / np.maximum(full.prod(1), 1e-6)
    label = np.where((seen < 0.35) | (size.min(1, initial=9e9) < 4), IGNORE, boxes.label).astype(np.int16)
    keep = size.min(1, initial=9e9) > 0
    return Boxes(xyxy[keep], label[keep], boxes.weight[keep])


def _offset(room: int, rng: Rng) -> int:
    """Where a part begins: anywhere in free room, or anywhere outside when it is too large (room < 0)."""
    return int(rng.integers(min(room, 0), max(room, 0) + 1))


def _log_uniform(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
