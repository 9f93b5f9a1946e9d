"""How long to wait before a camera is tried again."""

from __future__ import annotations

from random import Random

SHARE = 0.1  # of the time that the camera has been away
LEAST_S, MOST_S = 0.25, 30.0
JITTER = 0.25  # so that cameras that went together do not all come at once
FORGIVES = 10.0  # seconds away that a second of pictures makes good


class BackOff:
    """A tenth of the time that the camera has been away: after ten seconds it is missed for a second at most; after a
    night it is tried twice a minute.

    One that comes and goes is away for as long as its absences add up to; what it has shown in between is taken off,
    many times over. So who gives a picture at each try and leaves is asked less and less often, and who was there for
    a while is asked at once, however often it left before.
    """

    def __init__(self, since_s: float, chance: Random) -> None:
        """since_s: when it was first asked; of a clock that never goes back, as all times here."""
        self._chance = chance
        self._away_s = 0.0  # up to `_last_s`
        self._last_s = since_s  # of its newest picture
        self._there = False

    def see(self, at_s: float) -> None:
        """A picture came."""
        since_s = max(0.0, at_s - self._last_s)
        self._away_s = max(0.0, self._away_s + (-FORGIVES * since_s if self._there else since_s))
        self._last_s, self._there = at_s, True

    def lose(self, at_s: float) -> float:
        """The connection is gone: seconds until the next try."""
        self._there = False
        delay_s = min(max(SHARE * (self._away_s + at_s - self._last_s), LEAST_S), MOST_S)
        return delay_s * self._chance.uniform(1 - JITTER, 1 + JITTER)
