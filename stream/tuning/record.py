"""Some seconds of a live camera as a clip, so that every operating point is measured on the same pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from stream.errors import OutputError, SourceError
from stream.sinks.original import Original
from stream.sources import masked
from stream.video import LiveFeed, Outage, Patience, Picture, Reading, VideoInfo

LEAST_S = 5.0  # a shorter clip tells nothing
GONE_S = 5.0  # without a picture: the camera has gone away
LATE_S = 30.0  # beyond the seconds wanted: then the camera is too slow to be recorded
TAKE_S = 0.2


class _Once:
    """One file; another would mean that the camera has changed, see stream.sinks.original.Place."""

    roll_s = math.inf

    def __init__(self, path: Path) -> None:
        self._path, self._taken = path, False

    def place(self, began_s: float, captured_ns: int) -> Path:
        del began_s, captured_ns
        if self._taken:
            fix = "tune when the camera is at rest, or give a clip of it"
            raise OutputError(str(self._path), "the camera changed its format while it was recorded", fix)
        self._taken = True
        return self._path

    def wrote(self, path: Path) -> None:
        """Nothing to do: a clip that was cut off is recorded again."""

    def close(self) -> None:
        """PacketVideo has closed the file."""


def record(source: str, info: VideoInfo, path: Path, seconds: float, tell: Callable[[float], None]) -> Path:
    """Keep a camera's own packets for so many seconds. tell: is given the seconds that are recorded so far.

    Ends early when the camera goes away, if there is enough by then. Raises SourceError, OutputError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError.refused(path.parent, "made", error, "choose another folder: --out") from error
    feed = LiveFeed(source, info.fps, Patience.of(GONE_S, source), reading=Reading(packets=True))
    original = Original(_Once(path), waits=False)
    try:
        recorded_s, why = _record(feed, original, seconds, tell)
    finally:
        feed.close()
        original.close()
    if recorded_s < min(LEAST_S, seconds):
        what = f"expected {seconds:.0f} s of pictures to tune on, got {recorded_s:.1f} s: {why}"
        raise SourceError(masked(source), what, "try again when the camera is steady, or give a clip of it")
    return path


def _record(feed: LiveFeed, original: Original, seconds: float, tell: Callable[[float], None]) -> tuple[float, str]:
    """(seconds from the first picture to the last, why there are no more)."""
    deadline_s = time.monotonic() + seconds + LATE_S
    began_s: float | None = None
    recorded_s = 0.0
    while time.monotonic() < deadline_s:
        item = feed.take(TAKE_S)
        if isinstance(item, Picture):
            began_s = item.pts_s if began_s is None else began_s
            original.put(item)
            recorded_s = item.pts_s - began_s
            tell(recorded_s)
            if recorded_s >= seconds:
                return recorded_s, ""
        elif isinstance(item, Outage) and began_s is not None:
            return recorded_s, item.reason
    return recorded_s, "it sends too few pictures"
