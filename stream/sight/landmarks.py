"""What can be found again of a picture: corners and blobs, described and matched (SIFT: Lowe 2004).

To describe them is the dear part of an alignment, tens of milliseconds. So a picture is described once, however often
it is compared, and can be described ahead of when it is needed.
"""

from __future__ import annotations

import cv2
import numpy as np

FEATURES = 800
CONTRAST = 0.01  # of a feature: low, since roads at night have little; what is noise finds no match
RATIO = 0.8  # of the distances to the best and second best match (Lowe 2004)


class Landmarks:
    """Those of one picture u8 (h, w)."""

    def __init__(self, picture: np.ndarray) -> None:
        self.picture = picture
        self._described: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def are_described(self) -> bool:
        return self._described is not None

    def described(self) -> tuple[np.ndarray, np.ndarray]:
        """Their places f32 (N, 2), px, and what they look like f32 (N, 128): found with the first call."""
        if self._described is None:
            sift = cv2.SIFT.create(FEATURES, contrastThreshold=CONTRAST)
            points, words = sift.detectAndCompute(self.picture, None)
            xy = np.array([point.pt for point in points], np.float32).reshape(-1, 2)
            self._described = xy, words if len(points) else np.zeros((0, 128), np.float32)
        return self._described


def matched(before: Landmarks, now: Landmarks) -> tuple[np.ndarray, np.ndarray]:
    """Places that look the same: f32 (N, 2) in the one picture and in the other."""
    (xy_a, words_a), (xy_b, words_b) = before.described(), now.described()
    if not len(xy_a) or not len(xy_b):
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(words_a, words_b, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance]
    return xy_a[[match.queryIdx for match in good]], xy_b[[match.trainIdx for match in good]]
