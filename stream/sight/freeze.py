"""Whether a live camera sends the same picture again and again, although its packets come.

A sensor is never quite still: its noise makes every key picture, which is coded for itself, a little different, even
of an empty street at night. Between key pictures an encoder may well repeat itself, so these alone prove nothing. A
picture that is encoded again gives the same key picture to the last bit, except where the encoder has just changed its
quality. So a picture is frozen when most key pictures are exactly like the one before, and nothing else moves.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

SAMPLE = 96  # px across and down, about, that are compared
KEYS, LEAST_EXACT = 8, 2  # of the last key pictures, so many, and half of them, are exactly like the one before
SLIGHT, JUMP = 0.5, 1.5  # grey levels on average: what an encoder adds to a still picture, and where it changes quality
NO_KEYS = 4  # times as long, a stream without key pictures must repeat itself to the last bit


class Freeze:
    """Watches one camera. after_s: how long the same picture must last."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._same, self._since_s = np.zeros((0, 0), np.uint8), math.inf  # the picture that repeats, and since when
        self._exact: deque[bool] = deque(maxlen=KEYS)  # of the last key pictures: like the one before?
        self._repeats, self._frozen = True, False  # repeats: every picture was the same to the last bit

    def restart(self) -> None:
        """Nothing is known of the picture before."""
        self._begin(np.zeros((0, 0), np.uint8), math.inf)

    def look(self, luma: np.ndarray, is_key: bool, pts_s: float) -> float | None:
        """A picture, luma u8 (height, width); since when it is frozen, pts in seconds, or None: it moves."""
        height, width = luma.shape
        sample = luma[:: max(1, height // SAMPLE), :: max(1, width // SAMPLE)]
        if sample.shape != self._same.shape:
            self._begin(sample.copy(), pts_s)
            return None
        exact = np.array_equal(sample, self._same)
        if not exact:
            self._repeats = False
            off = float(np.abs(sample.astype(np.int16) - self._same).mean())
            if off > (JUMP if is_key else SLIGHT):
                self._begin(sample.copy(), pts_s)
                return None
        if is_key:
            self._exact.append(exact)
            self._same = sample.copy()
        was_frozen = self._frozen
        self._frozen = self._is_proven(pts_s - self._since_s)
        if was_frozen and not self._frozen:
            self._begin(sample.copy(), pts_s)
        return self._since_s if self._frozen else None

    def _begin(self, sample: np.ndarray, pts_s: float) -> None:
        self._same, self._since_s = sample, pts_s
        self._exact.clear()
        self._repeats, self._frozen = True, False

    def _is_proven(self, lasted_s: float) -> bool:
        exact = sum(self._exact)
        if exact >= LEAST_EXACT and 2 * exact >= len(self._exact):
            return lasted_s >= self._after_s
        return self._repeats and lasted_s >= NO_KEYS * self._after_s
