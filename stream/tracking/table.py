"""What is known of the tracks of a camera: a table f64 (ROWS, N), one column a track, so that a birth or a death is one
copy. What a detection tells of a track lies together, in the order of stream/tracking/found.py."""

from __future__ import annotations

import numpy as np

from stream.messages import LABELS
from stream.tracking import kalman

BELIEF = slice(0, kalman.ROWS)
PLACE, SIDES, VELOCITY = slice(0, 2), slice(2, 4), slice(4, 6)  # parts of the belief: px, px, px/s
HEIGHT, PLACE_VARIANCE, SPEED_VARIANCE = 3, 8, 12  # px, px², px²/s²
GROWTH = slice(6, 8)  # velocity of the sides, px/s
LAST = slice(15, 22)  # what the last detection said: SEEN_BOX, SCORE, SEEN_S, MISSES
SEEN_BOX, SCORE, SEEN_S, MISSES = slice(15, 19), 19, 20, 21  # cx, cy, w, h, px; MISSES: passes since then
SUMS = slice(22, 24 + len(LABELS))  # over all detections: VOTES, EVIDENCE, HITS
VOTES = slice(22, 22 + len(LABELS))  # scores by class
# PATIENCE_S: unseen for longer, it may end. STANDING: 0 on trial, 1 confirmed, 2 trusted
EVIDENCE, HITS, BORN_S, PATIENCE_S, STANDING, LABEL = range(VOTES.stop, VOTES.stop + 6)
ROWS = LABEL + 1

_OUTWARD = np.array([[-1, 0, 0.5, 0], [0, -1, 0, 0.5], [1, 0, 0.5, 0], [0, 1, 0, 0.5]])
_CORNERS = np.array([[1, 0, -0.5, 0], [0, 1, 0, -0.5], [1, 0, 0.5, 0], [0, 1, 0, 0.5]])


def outward(table: np.ndarray) -> np.ndarray:
    """The boxes of tracks as they reach outward, f64 (4, N): see stream/tracking/association.py."""
    box: np.ndarray = _OUTWARD @ table[:4]
    return box


def nothing() -> np.ndarray:
    """The table of no tracks."""
    return np.zeros((ROWS, 0))


def corners(table: np.ndarray) -> np.ndarray:
    """The boxes of tracks as xyxy f32 (N, 4)."""
    return (_CORNERS @ table[:4]).T.astype(np.float32)
