"""The time axis of a report: bins on the clock or on pts, and which part of each was observed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import msgspec
import numpy as np

from stream.messages import Clock, Gap

GAP_S = 1.0  # between two frames: longer ones are time that nobody observed
GAP_FRAMES = 5.0  # a slow camera is no gap: its frames may be so many of its usual intervals apart
HOUR_S = 3600.0


class Axis(msgspec.Struct, frozen=True):
    """bin_s: length of a bin, seconds; start: wall-clock time of pts 0, or None where it is not known.

    A start without a zone is that of a clock that just goes on; one with a zone follows the clock of this machine, to
    and from summer time, too, which changes it by whole bins.
    """

    bin_s: float
    start: datetime.datetime | None = None

    def edges_s(self, first_s: float, last_s: float) -> np.ndarray:
        """pts of the edges of all bins that hold first_s to last_s. They lie on whole multiples of the bin: of the day
        where the wall clock is known, of pts elsewhere."""
        shift_s = 0.0
        if self.start is not None:
            midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
            shift_s = (self.start - midnight).total_seconds()
        low = np.floor((first_s + shift_s) / self.bin_s)
        high = max(low + 1, np.ceil((last_s + shift_s) / self.bin_s))
        return np.arange(low, high + 1) * self.bin_s - shift_s

    def at(self, pts_s: float) -> datetime.datetime | float:
        """The time to show for a pts: seconds, or what the clock on the wall shows, without its zone."""
        if self.start is None:
            return pts_s
        if self.start.tzinfo is None:
            return self.start + datetime.timedelta(seconds=pts_s)
        moment = self.start.astimezone(datetime.UTC) + datetime.timedelta(seconds=pts_s)
        return moment.astimezone().replace(tzinfo=None)

    def label(self, pts_s: float) -> str:
        """The same as text: 07:15, or h:mm:ss since the start."""
        moment = self.at(pts_s)
        if isinstance(moment, datetime.datetime):
            return moment.strftime("%H:%M" if self.bin_s >= 60 else "%H:%M:%S")
        return str(datetime.timedelta(seconds=round(pts_s)))


def utc_of(times_s: np.ndarray, clocks: Sequence[Clock]) -> np.ndarray:
    """Seconds since 1970 of pts, by the clocks of one camera in order: one or more."""
    from_s, utc_s = (np.array([getattr(clock, name) for clock in clocks]) for name in ("pts_s", "utc_s"))
    k = np.clip(np.searchsorted(from_s, times_s, side="right") - 1, 0, None)
    return utc_s[k] + times_s - from_s[k]


def observed_spans(times_s: Sequence[np.ndarray]) -> np.ndarray:
    """When a camera was observed: f64 (spans, 2) from, to. times_s: pts of all frames, by recording, each in order.

    A frame stands for the time until the next one, the last for the usual interval, unless a gap follows.
    """
    spans = [_spans(times) for times in times_s if len(times)]
    return np.concatenate([np.zeros((0, 2)), *spans])


def without_gaps(spans: np.ndarray, gaps: Sequence[Gap]) -> np.ndarray:
    """The same without the times in which a camera was told not to see: pictures may come, of a frozen camera or of one
    that is being turned, and show nothing that could be counted."""
    for gap in gaps:
        until_s = np.inf if gap.to_s is None else gap.to_s
        before = np.stack([spans[:, 0], np.minimum(spans[:, 1], gap.from_s)], axis=1)
        after = np.stack([np.maximum(spans[:, 0], until_s), spans[:, 1]], axis=1)
        spans = np.concatenate([before, after])
        spans = spans[spans[:, 0] < spans[:, 1]]
    return spans[np.argsort(spans[:, 0], kind="stable")]


def _spans(times_s: np.ndarray) -> np.ndarray:
    steps = np.diff(times_s)
    usual_s = float(np.median(steps)) if len(steps) else 0.0
    gaps = np.flatnonzero(steps > max(GAP_S, GAP_FRAMES * usual_s))
    first = times_s[np.concatenate([[0], gaps + 1])]
    last = times_s[np.concatenate([gaps, [len(times_s) - 1]])] + usual_s
    return np.stack([first, last], axis=1)


def observed_s(spans: np.ndarray, edges_s: np.ndarray) -> np.ndarray:
    """Seconds observed in each bin: f64 (bins,)."""
    low = np.maximum(spans[:, :1], edges_s[None, :-1])
    high = np.minimum(spans[:, 1:], edges_s[None, 1:])
    return np.minimum(np.clip(high - low, 0, None).sum(axis=0), np.diff(edges_s))
