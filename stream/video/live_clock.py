"""The time of a live camera: its own time stamps, held to the time at which its pictures arrive.

A camera's stamps say well how far apart two pictures are, and nothing else: they begin anywhere, wrap, drift, and jump
when the camera is set or starts again. Arrival says well when a picture was taken, and badly how far apart two were.
"""

from __future__ import annotations

from typing import Literal

RESTART_S = 1.0  # a stamp this much before the one before it: the camera's clock was set anew
AHEAD_S = 2.0  # a picture this much before its time: the camera's clock jumped
SLEW = 0.005  # of the time between two pictures, at most, to follow the arrival: 18 s an hour
UTC_SURE = 3  # times in a row that a camera must say so: a single one may be damaged
UTC_STEP_S = 0.1  # the mapping to the time of day is told anew when it is wrong by so much

TimeSource = Literal["rtcp", "arrival"]


class LiveClock:
    """Places the pictures of a camera on one line of seconds that never runs back, over all its connections.

    The line is that of arrival. Within a connection a picture lies as far from the one before as its stamps say; the
    difference to arrival is made up slowly, so that drift does not add up over weeks, and a burst after a stall leaves
    the distances as they were.
    """

    def __init__(self, fps: float, ahead_s: float = AHEAD_S) -> None:
        """ahead_s: how much before its time a picture may come; more where the source sends ahead."""
        self._interval_s = 1.0 / fps
        self._ahead_s = ahead_s
        self._offset_s: float | None = None  # from the camera's stamps to the line; None: a new connection
        self._raw_s = 0.0
        self.last_s: float | None = None
        self.jumps = 0  # of the camera's clock, within connections

    def restart(self) -> None:
        """The next picture is of a new connection: its stamps have nothing to do with those before."""
        self._offset_s = None

    def stamp(self, raw_s: float | None, arrived_s: float) -> float:
        """Seconds of the next picture. raw_s: its stamp, None where it has none; arrived_s: on the line."""
        last_s = self.last_s
        if raw_s is None:
            wanted_s = arrived_s if last_s is None or self._offset_s is None else last_s + self._interval_s
        else:
            wanted_s = self._follow(raw_s, arrived_s)
        if last_s is not None and wanted_s <= last_s:
            wanted_s = last_s + self._interval_s / 2  # repeated, or out of order: meets its own stamps again soon
        self.last_s = wanted_s
        return wanted_s

    def _follow(self, raw_s: float, arrived_s: float) -> float:
        if self._offset_s is None:
            self._offset_s = arrived_s - raw_s
        elif raw_s < self._raw_s - RESTART_S or raw_s + self._offset_s > arrived_s + self._ahead_s:
            self._offset_s = arrived_s - raw_s
            self.jumps += 1
        else:
            late_s = arrived_s - (raw_s + self._offset_s)
            most_s = SLEW * max(raw_s - self._raw_s, 0.0)
            # What comes early shows the true delay; what comes late was held up. So the line leans on the early ones.
            self._offset_s += max(-most_s, min(late_s / 100, most_s / 10))
        self._raw_s = raw_s
        return raw_s + self._offset_s


class DayClock:
    """The time of day along a LiveClock's line: from the camera where it tells it, else from this machine."""

    def __init__(self) -> None:
        self.source: TimeSource = "arrival"
        self._offset_s: float | None = None  # from the line to UTC
        self._heard_s, self._times = 0.0, 0  # another offset that the camera says, and how often in a row

    def utc_s(self, pts_s: float) -> float:
        """Seconds since 1970 of a moment on the line. Only after the first look()."""
        assert self._offset_s is not None
        return pts_s + self._offset_s

    def restart(self) -> None:
        """A new connection: until the camera tells its time again, this machine's holds."""
        self.source, self._offset_s, self._times = "arrival", None, 0

    def look(self, pts_s: float, camera_utc_s: float | None, machine_offset_s: float) -> bool:
        """Take in what is known with a picture; True if the mapping is another from here on.

        camera_utc_s: what the camera says that this picture's time is; machine_offset_s: from the line to UTC by this
        machine's clock.
        """
        if camera_utc_s is not None and self._is_sure(camera_utc_s - pts_s):
            return self._turn("rtcp", camera_utc_s - pts_s)
        return self.source == "arrival" and self._turn("arrival", machine_offset_s)

    def _is_sure(self, offset_s: float) -> bool:
        if self._times and abs(offset_s - self._heard_s) < UTC_STEP_S:
            self._times += 1
        else:
            self._heard_s, self._times = offset_s, 1
        return self._times >= UTC_SURE

    def _turn(self, source: TimeSource, offset_s: float) -> bool:
        if self._offset_s is not None and source == self.source and abs(offset_s - self._offset_s) < UTC_STEP_S:
            return False
        self.source, self._offset_s = source, offset_s
        return True
