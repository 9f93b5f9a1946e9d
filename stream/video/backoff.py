"""How long to wait before a camera is tried again."""

from __future__ import annotations

from random import Random

SHARE = 0.1  # of the time that the camera has been away
LEAST_S, MOST_S = 0.25, 30.0
JITTER = 0.25  # so that cameras that went together do not all come at once


def retry_delay_s(away_s: float, chance: Random) -> float:
    """Seconds until the next try: a tenth of the time that the camera has been away. After ten seconds away it is
    missed for a second at most; after a night it is tried twice a minute."""
    delay_s = min(max(SHARE * away_s, LEAST_S), MOST_S)
    return delay_s * chance.uniform(1 - JITTER, 1 + JITTER)
