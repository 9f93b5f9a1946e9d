"""The small pictures that a view is watched in, and what a movement of theirs means in the camera's own pixels.

A movement is a homography, f64 (3, 3), from pixels of one sample to those of another.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from stream.sight.alignment import corners, moved

SAMPLE_WIDTH = 400  # px of a sample; lines are aligned to a fraction of one of these
TOLERANCE = 0.01  # of the picture's diagonal, that the end of a line moves: less does not matter to counting


class Samples:
    """Of one camera. points_xy: f64 (N, 2) in its pixels, what must not move; none: a rectangle in its middle."""

    def __init__(self, size_wh: tuple[int, int], points_xy: np.ndarray) -> None:
        width, height = size_wh
        scale = min(1.0, SAMPLE_WIDTH / width)
        self.size_wh = max(32, round(width * scale)), max(32, round(height * scale))
        self._to_sample = np.diag([self.size_wh[0] / width, self.size_wh[1] / height, 1.0])
        points = points_xy if len(points_xy) else corners(width, height) * 0.5 + np.array(size_wh) * 0.25
        self._points = moved(self._to_sample, points)
        self.least_px = TOLERANCE * math.hypot(*self.size_wh)  # of a sample, of a movement that matters

    def take(self, luma: np.ndarray) -> np.ndarray:
        """luma u8 (height, width) of any size -> u8 of the size of a sample."""
        return np.asarray(cv2.resize(luma, self.size_wh, interpolation=cv2.INTER_AREA))

    def apart_px(self, matrix: np.ndarray, before: np.ndarray) -> float:
        """How far two movements take the farthest point from each other, px of a sample."""
        return float(np.hypot(*(moved(matrix, self._points) - moved(before, self._points)).T).max())

    def full(self, matrix: np.ndarray) -> np.ndarray:
        """The movement in pixels of the camera's pictures."""
        matrix = np.linalg.inv(self._to_sample) @ matrix @ self._to_sample
        return np.asarray(matrix / matrix[2, 2])

    def words(self, matrix: np.ndarray) -> str:
        """A movement as a person would tell it: at the middle of the picture, in its own pixels."""
        middle = np.array(self.size_wh) / 2
        a, b = moved(matrix, np.stack([middle, middle + np.array([1, 0])]))
        shift_px = np.hypot(*(a - middle)) / self._to_sample[0, 0]
        turn_deg, zoom = math.degrees(math.atan2(*(b - a)[::-1])), float(np.hypot(*(b - a)))
        return f"{shift_px:.0f} px in the middle, turned by {turn_deg:.1f} degrees, zoomed by {zoom:.2f}"
