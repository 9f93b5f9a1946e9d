"""What is known of the tracks of a camera: a table f64 (ROWS, N), one column a track, so that a birth or a death is one
copy."""

from __future__ import annotations

import numpy as np

from stream.messages import LABELS

MEAN = slice(0, 8)  # cx, cy, w, h, and their velocities: see stream/kalman.py
COV = slice(8, 14)
PLACE, SIDES, VELOCITY = slice(0, 2), slice(2, 4), slice(4, 6)  # parts of MEAN: px, px, px/s
HEIGHT, PLACE_VARIANCE, SPEED_VARIANCE = 3, 8, 12  # px, px², px²/s²
SEEN_BOX = slice(14, 18)  # cx, cy, w, h of the last observation, px
VOTES = slice(18, 18 + len(LABELS))  # sum of scores by class
SEEN_S, DUE_S, SCORE, EVIDENCE, HITS, MISSES, CONFIRMED, LABEL = range(24, 32)  # DUE_S: unseen by then, it may end
ROWS = 32


def nothing() -> np.ndarray:
    """The table of no tracks."""
    return np.zeros((ROWS, 0))


def belief(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of every track as views into the table, shaped as stream/kalman.py wants them."""
    return table[MEAN].reshape(2, 2, 2, -1), table[COV].reshape(3, 2, -1)
