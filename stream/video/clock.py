"""Time stamps that can be trusted: strictly increasing seconds, whatever the file says."""

from __future__ import annotations

import msgspec

RESTART_S = 1.0  # a step back of more than this is a clock that was set anew, not a stamp out of order


class ClockState(msgspec.Struct, frozen=True, array_like=True):
    """What a clock remembers; for the fields see PictureClock."""

    raw_s: float | None
    last_s: float | None
    shift_s: float
    repairs: dict[str, tuple[int, float]]


class PictureClock:
    """Repairs the time stamps of successive pictures, each by the smallest change that keeps them increasing.

    A missing or repeated stamp is one frame interval after the picture before. A stamp that steps back a little is
    half an interval after it, so that the pictures meet their own stamps again soon. After a large step back (a
    camera's clock was set, or files were joined) the rest is shifted to go on where the picture before stopped.
    """

    def __init__(self, fps: float) -> None:
        self._interval_s = 1.0 / fps
        self._raw_s: float | None = None  # of the picture before, as the file had it
        self._last_s: float | None = None  # of the picture before, as it was given out
        self._shift_s = 0.0
        self._repairs: dict[str, tuple[int, float]] = {}  # what was wrong -> how often, first at (seconds)

    def stamp(self, raw_s: float | None) -> float:
        """Seconds for the next picture, given the stamp of the file or None if it has none."""
        stamp_s = self._repaired(raw_s)
        self._raw_s, self._last_s = raw_s, stamp_s
        return stamp_s

    def state(self) -> ClockState:
        """What restore() needs to go on from here."""
        return ClockState(self._raw_s, self._last_s, self._shift_s, dict(self._repairs))

    def restore(self, state: ClockState) -> None:
        self._raw_s, self._last_s, self._shift_s = state.raw_s, state.last_s, state.shift_s
        self._repairs = dict(state.repairs)

    def repairs(self) -> list[str]:
        """One line for each kind of repair that was made."""
        return [
            f"{what}: {count} pictures, the first at {first_s:.2f} s"
            for what, (count, first_s) in self._repairs.items()
        ]

    def _repaired(self, raw_s: float | None) -> float:
        last_s = self._last_s
        if raw_s is None:
            next_s = 0.0 if last_s is None else last_s + self._interval_s
            return self._note(f"without a time stamp, filled from {1 / self._interval_s:.2f} fps", next_s)
        shifted_s = raw_s + self._shift_s
        if last_s is None or shifted_s > last_s:
            return shifted_s
        if raw_s == self._raw_s:
            return self._note("repeated time stamp, moved on by one frame", last_s + self._interval_s)
        if last_s - shifted_s <= RESTART_S:
            return self._note("time stamp out of order, moved on by half a frame", last_s + self._interval_s / 2)
        self._shift_s = last_s + self._interval_s - raw_s
        return self._note("clock stepped back, the rest is shifted", last_s + self._interval_s)

    def _note(self, what: str, stamp_s: float) -> float:
        count, first_s = self._repairs.get(what, (0, stamp_s))
        self._repairs[what] = (count + 1, first_s)
        return stamp_s
