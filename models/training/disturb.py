"""What light, weather, lens and codec do to a camera's picture, drawn from a numpy Generator."""

from __future__ import annotations

import cv2
import numpy as np

Rng = np.random.Generator


def disturb(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Colour, night, glare, rain, blur, noise, low resolution and JPEG, each sometimes; u8 (H, W, 3) to the same."""
    picture = _colour(picture, rng)
    for chance, change in DISTURBANCES:
        if rng.random() < chance:
            picture = change(picture, rng)
    return picture


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
        veil += (rng.uniform(60, 260) * np.exp(-far / (rng.uniform(0.04, 0.4) * width))).astype(np.float32)
    light = cv2.resize(veil, (width, height))[..., None] * rng.uniform(0.85, 1.0, 3).astype(np.float32)
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
