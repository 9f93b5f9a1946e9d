"""When a view that differs from the reference is aligned with it, and what is made of several alignments."""

from __future__ import annotations

import numpy as np

from stream.sight.alignment import Fit
from stream.sight.samples import Samples

DROP = 0.1  # of the cells: so many fewer that agree are another view
LOST = 0.15  # of the cells: when no more agree, nothing of the old view is seen,
TRIES = 3  # and it is given up after so many alignments that failed
SURE, FITS = 0.75, (2, 3)  # so many fits in a row must agree: fewer where more than this share of cells is explained,
AGREE = 0.3  # to this share of the movement that matters
PATIENCE_S = (1.0, 30.0)  # between tries to align what does not want to: doubled each time


class Trials:
    """Those of one change of the view. agree: the share of its cells that agree with the reference."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._candidate = np.eye(3)  # the fit before
        self.forget(0.0)

    def forget(self, pts_s: float) -> None:
        """The view agrees, or is followed: what comes is another change."""
        self._failed = self._fits = 0
        self._wait_s, self._retry_s, self._tried = PATIENCE_S[0], pts_s, 1.0

    def is_due(self, agree: float, pts_s: float) -> bool:
        """Whether it is time for the next one, or the view has changed much since the last."""
        return pts_s >= self._retry_s or agree <= self._tried - DROP

    def begin(self, agree: float, pts_s: float) -> None:
        """One is made now."""
        self._retry_s, self._wait_s = pts_s + self._wait_s, min(2 * self._wait_s, PATIENCE_S[1])
        self._tried = agree

    def has_settled(self, matrix: np.ndarray, fit: Fit, pts_s: float) -> bool:
        """Whether the fits of several looks agree: a camera that sways is somewhere else every time."""
        again = self._fits > 0 and self._samples.apart_px(matrix, self._candidate) < AGREE * self._samples.least_px
        self._candidate, self._fits = matrix, self._fits + 1 if again else 1
        self._wait_s, self._retry_s = PATIENCE_S[0], pts_s
        return self._fits >= FITS[fit.explained < SURE]

    def is_given_up(self, agree: float) -> bool:
        """It did not fit: whether nothing of the old view has been seen for several times."""
        self._failed = self._failed + 1 if agree <= LOST else 0
        return self._failed >= TRIES
