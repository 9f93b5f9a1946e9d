"""How late: a histogram of delays that takes the same room after a second and after a year."""

from __future__ import annotations

import math

import numpy as np

LEAST_S, MOST_S = 1e-4, 1e3
STEP = 1.02  # from one bin to the next: percentiles are right to 2 %
BINS = math.ceil(math.log(MOST_S / LEAST_S, STEP))


class Latency:
    """Delays in seconds."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS, np.int64)
        self.most_s = 0.0

    def add(self, delay_s: float) -> None:
        bin_ = int(math.log(max(delay_s, LEAST_S) / LEAST_S, STEP))
        self._counts[min(bin_, BINS - 1)] += 1
        self.most_s = max(self.most_s, delay_s)

    def percentile_s(self, percent: float) -> float:
        """The delay that so many percent do not exceed; 0 where nothing was added."""
        total = int(self._counts.sum())
        if not total:
            return 0.0
        bin_ = int(np.searchsorted(np.cumsum(self._counts), percent / 100 * total))
        return float(min(LEAST_S * STEP ** (bin_ + 1), self.most_s))

    def figures(self) -> dict[str, float]:
        """p50, p95 and max, in seconds; nothing before the first."""
        if not self.most_s:
            return {}
        return {"p50": self.percentile_s(50), "p95": self.percentile_s(95), "max": self.most_s}
