"""How much work comes, how long it takes, how late its results are: what the budget is held by. Pure; time is given."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Mapping

import msgspec
import numpy as np

FAST_S, SLOW_S = 1.0, 5.0  # a rate is the larger of two means: bursts count at once, and are forgotten slowly
PEAK_S = 30.0  # a peak is forgotten so slowly: behind a motion gate pictures come in bursts
FIRST = 3  # looks, of which the shortest is believed: a network that was just opened is slow
DRIFT_S, OWN_S = 1.5, 15.0  # of busy time: how soon the machine's, and a look's own, difference is believed


class Rate:
    """Events a second."""

    def __init__(self, now_s: float) -> None:
        self._begun_s = self._seen_s = now_s
        self._means = [0.0, 0.0]
        self._peak = 0.0

    def add(self, now_s: float) -> None:
        self._peak = self.peak(now_s)
        self._means = [mean + 1 / memory_s for mean, memory_s in zip(self._means, (FAST_S, SLOW_S), strict=True)]

    def value(self, now_s: float) -> float:
        """0 in the first half second, which tells nothing."""
        self._fade(now_s)
        age_s = now_s - self._begun_s
        if age_s < FAST_S / 2:
            return 0.0
        pairs = zip(self._means, (FAST_S, SLOW_S), strict=True)
        return max(mean / -math.expm1(-age_s / memory_s) for mean, memory_s in pairs)

    def peak(self, now_s: float) -> float:
        """The highest that it was of late."""
        return max(self.value(now_s), self._peak)

    def _fade(self, now_s: float) -> None:
        dt_s, self._seen_s = now_s - self._seen_s, now_s
        pairs = zip(self._means, (FAST_S, SLOW_S), strict=True)
        self._means = [mean * math.exp(-dt_s / memory_s) for mean, memory_s in pairs]
        self._peak *= math.exp(-dt_s / PEAK_S)


class Rates(msgspec.Struct, frozen=True):
    """Pictures a second of a camera: all, and those in which something moves near the lines."""

    all: float
    moved: float

    def wanted(self, gate: bool) -> float:
        """Those that want a look, with or without a motion gate."""
        return self.moved if gate else self.all


class Pictures:
    """The pictures of one camera as they come."""

    def __init__(self, now_s: float) -> None:
        self._all, self._moved = Rate(now_s), Rate(now_s)
        self._since = 0  # pictures since the last look
        self._looked_s = -math.inf

    def add(self, now_s: float, moved: bool) -> None:
        self._all.add(now_s)
        if moved:
            self._moved.add(now_s)
        self._since += 1

    def due(self, now_s: float, every: int, rest_s: float) -> bool:
        """Whether it is time for a look; if so, it is taken. What came while nothing moved counts as waiting, too: so
        whoever comes after a while is seen at once."""
        if self._since < every or now_s - self._looked_s < rest_s:
            return False
        self._since, self._looked_s = 0, now_s
        return True

    def now(self, now_s: float) -> Rates:
        return Rates(self._all.value(now_s), self._moved.value(now_s))

    def peak(self, now_s: float) -> Rates:
        """The highest of late."""
        return Rates(self._all.peak(now_s), self._moved.peak(now_s))


class Service:
    """Milliseconds that a picture keeps the device busy, by the way of looking at it: what the profile said, corrected.

    What was measured of one way tells of all: the machine may be slower than when the profile was made. Only what lasts
    is the way's own.
    """

    def __init__(self, profile_ms: Mapping[Hashable, float]) -> None:
        self._profile_ms = dict(profile_ms)
        self._own = dict.fromkeys(profile_ms, 0.0)  # logarithms of factors
        self._machine = 0.0
        self._known = 0  # looks

    def add(self, look: Hashable, ms: float) -> None:
        """A picture looked at like this took so long."""
        off = math.log(max(ms, 1e-3) / self.ms(look))
        if self._known < FIRST:
            self._machine += min(off, 0.0) if self._known else off
            self._known += 1
            return
        off = max(-1.0, min(1.0, off))  # one hiccup says little
        self._machine += off * -math.expm1(-ms / 1000 / DRIFT_S)
        self._own[look] += off * -math.expm1(-ms / 1000 / OWN_S)

    def ms(self, look: Hashable) -> float:
        return self._profile_ms[look] * math.exp(self._own[look] + self._machine)


class Delays:
    """The latencies of one camera in the last seconds."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._delays: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, delay_s: float) -> None:
        self._delays.append((now_s, delay_s))

    def clear(self) -> None:
        self._delays.clear()

    def p95_s(self, now_s: float, least: int) -> float | None:
        """None while fewer than so many are known."""
        while self._delays and self._delays[0][0] < now_s - self._window_s:
            self._delays.popleft()
        if len(self._delays) < least:
            return None
        return float(np.percentile([delay_s for _, delay_s in self._delays], 95))
