"""Training pictures from stored ones: scale, place, flip, mosaic, then light, weather, lens and codec.

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


def disturb(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Colour, night, glare, rain, blur, noise, low resolution and JPEG, each sometimes; u8 (H, W, 3) to the same."""
    picture = _colour(picture, rng)
    for chance, change in DISTURBANCES:
        if rng.random() < chance:
            picture = change(picture, rng)
    return picture


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


def _colour(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Gain, offset and gamma by channel in one table; saturation by mixing with grey."""
    mix = 0.0 if rng.random() < 0.04 else rng.uniform(0.5, 1.4)  # 0: a camera's infrared night mode
    if rng.random() < 0.7 or mix == 0:
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        picture = cv2.addWeighted(picture, mix, grey, 1 - mix, 0)
    ramp = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.uniform(-0.35, 0.35))
    gain, tint = rng.uniform(0.7, 1.3), rng.uniform(0.92, 1.08, 3)
    table = ramp * gain * tint * 255 + rng.uniform(-16, 16)
    return cv2.LUT(picture, np.clip(table, 0, 255).astype(np.uint8).reshape(256, 1, 3))


def _night(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Dark and bluish or yellowish, with the bright parts kept as lights."""
    ramp = np.linspace(0, 1, 256)[:, None] ** rng.uniform(1.6, 3.0)
    table = ramp * rng.uniform(0.45, 0.9) * rng.uniform(0.8, 1.2, 3) * 255
    return _noise(cv2.LUT(picture, np.clip(table, 0, 255).astype(np.uint8).reshape(256, 1, 3)), rng)


def _glare(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Low sun or headlights into the lens: the scene dark against them, their light spread over parts of it."""
    height, width = picture.shape[:2]
    ramp = np.linspace(0, 1, 256)[:, None] ** rng.uniform(1.0, 2.2)
    table = np.repeat(ramp * rng.uniform(0.7, 1.1) * 255, 3, 1)
    picture = cv2.LUT(picture, np.clip(table, 0, 255).astype(np.uint8).reshape(256, 1, 3))
    row, column = (
        np.mgrid[0 : -(-height // 8), 0 : -(-width // 8)] * 8.0
    )  # light spreads smoothly: a small grid will do
    veil = np.zeros(row.shape, np.float32)
    for _ in range(rng.integers(1, 4)):
        far = np.hypot(column - rng.uniform(0, width), row - rng.uniform(-0.1, 0.6) * height)
        veil += rng.uniform(60, 260) * np.exp(-far / (rng.uniform(0.04, 0.4) * width))
    light = cv2.resize(veil, (width, height))[..., None] * rng.uniform(0.85, 1.0, 3)
    return np.clip(picture + light, 0, 255).astype(np.uint8)


def _rain(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Slanted streaks over a hazy, low-contrast picture."""
    height, width = picture.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    slant, length = rng.uniform(-0.4, 0.4), rng.uniform(8, 28)
    starts = rng.uniform(0, 1, (int(rng.integers(60, 300)), 2)) * [width, height]
    ends = starts + np.array([slant * length, length])
    lines = np.stack((starts, ends), 1).astype(np.int32)
    cv2.polylines(streaks, list(lines), False, 255, 1, cv2.LINE_AA)
    haze = cv2.addWeighted(picture, 0.75, np.full_like(picture, int(rng.integers(90, 170))), 0.25, 0)
    return cv2.addWeighted(haze, 1.0, cv2.merge([streaks] * 3), rng.uniform(0.15, 0.4), 0)


def _blur(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Out of focus, or moved along a random direction during the exposure."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 1.6))
    size = int(rng.integers(3, 8))
    kernel = np.zeros((size, size), np.float32)
    angle, middle = rng.uniform(0, np.pi), (size - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * middle
    first, last = np.rint(middle - reach).astype(int), np.rint(middle + reach).astype(int)
    cv2.line(kernel, first.tolist(), last.tolist(), 1.0, 1)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())


def _coarse(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """As if a smaller picture had been enlarged."""
    height, width = picture.shape[:2]
    factor = rng.uniform(0.4, 0.8)
    small = cv2.resize(picture, (int(width * factor), int(height * factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _noise(picture: np.ndarray, rng: Rng) -> np.ndarray:
    grain = rng.standard_normal(picture.shape[:2], np.float32) * rng.uniform(3, 16)
    return np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)


def _jpeg(picture: np.ndarray, rng: Rng) -> np.ndarray:
    quality = int(rng.integers(20, 75))
    stored = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    read = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    assert read is not None  # it was written one line above
    return read


# of all pictures, how many: in the order in which they happen to them
DISTURBANCES = (
    (0.06, _night), (0.06, _glare), (0.05, _rain), (0.12, _blur), (0.12, _coarse), (0.2, _noise), (0.2, _jpeg),
)  # fmt: skip
