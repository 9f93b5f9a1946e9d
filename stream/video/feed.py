"""Where pictures come from, whether file or camera: what the decoder sees of them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import msgspec
from av.video.frame import VideoFrame

from stream.video.live_clock import TimeSource
from stream.video.packets import Coded
from stream.video.position import Position
from stream.video.reader import VideoReader
from stream.video.reading import PLAIN, Reading


@dataclass(frozen=True, slots=True)
class Picture:
    """seq: dense over all decoded pictures, also those that were skipped; captured_ns: as in Frame; packets: that came
    since the picture before, where they are kept."""

    seq: int
    frame: VideoFrame
    pts_s: float
    captured_ns: int
    packets: tuple[Coded, ...] = ()

    @property
    def shift_s(self) -> float | None:
        """From the stream's own stamps to pts_s; None where the picture has no stamp."""
        frame = self.frame
        return None if frame.pts is None or frame.time_base is None else self.pts_s - float(frame.pts * frame.time_base)


@dataclass(frozen=True, slots=True)
class Outage:
    """The camera was not seen; to_s None: and still is not. Fields as in stream.messages.Gap."""

    from_s: float
    to_s: float | None
    from_utc_s: float
    to_utc_s: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class DayTime:
    """Fields as in stream.messages.Clock."""

    pts_s: float
    utc_s: float
    source: TimeSource


class Feed(Protocol):
    """Pictures in order. `take` never blocks longer than wait_s plus, for a file, one picture."""

    ended: bool
    skipped: Counter[str]  # pictures that take() will never give, by reason
    reconnects: int

    @property
    def decoded(self) -> int:
        """Pictures so far."""
        ...

    def take(self, wait_s: float) -> Picture | Outage | DayTime | None:
        """What comes next; None when nothing came in time, or when the feed has ended. Raises SourceError."""
        ...

    def stop(self) -> None:
        """End with the pictures decoded so far."""
        ...

    def state(self) -> bytes:
        """Where it stands: after the picture that was taken last."""
        ...

    def restore(self, state: bytes | None, reason: str) -> None:
        """Go on from there; None: from the beginning. A camera goes on with what it shows now: the time since is an
        outage, with this reason. Raises SourceError when a file is not what it was."""
        ...

    def close(self) -> None: ...

    @property
    def problems(self) -> list[str]:
        """What was lost, one line each."""
        ...

    @property
    def notes(self) -> list[str]:
        """What was repaired without a loss, one line each."""
        ...


class FileFeed:
    """The pictures of a file, none skipped."""

    reconnects = 0

    def __init__(self, source: str, *, reading: Reading = PLAIN) -> None:
        self._source, self._reading = source, reading
        self._open()
        self.skipped: Counter[str] = Counter()

    def _open(self) -> None:
        self._reader = VideoReader(self._source, hardware=self._reading.hardware)
        self._tap = self._reader.tap() if self._reading.packets else None
        self._pictures = iter(self._reader)
        self.ended = self._is_stopped = False
        self._behind: Position | None = None  # where it is to go on, until it is there
        self._decoded = 0

    def take(self, wait_s: float) -> Picture | None:
        if self._behind is not None and not self._is_stopped:
            self._catch_up(wait_s)
            return None
        frame, pts_s = next(self._pictures, (None, 0.0))
        if frame is None:
            self.ended = True
            return None
        self._decoded += 1
        packets = self._tap.take() if self._tap is not None else ()
        return Picture(self._decoded - 1, frame, pts_s, time.monotonic_ns(), packets)

    def stop(self) -> None:
        self._pictures, self._is_stopped = iter(()), True

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self._behind or (self._reader.position() if self._decoded else None))

    def restore(self, state: bytes | None, reason: str) -> None:
        del reason
        self._reader.close()
        self._open()
        self._behind = msgspec.msgpack.decode(state, type=Position | None) if state else None
        if self._behind is not None:
            self._decoded = self._behind.pictures
            self._reader.go_to(self._behind)

    def close(self) -> None:
        self._reader.close()

    def _catch_up(self, wait_s: float) -> None:
        until_s = time.monotonic() + wait_s
        while self._behind is not None and time.monotonic() < until_s:
            if self._reader.arrive():
                self._behind = None
        if self._tap is not None and self._behind is None:
            self._tap = self._reader.tap()  # those on the way were kept before

    @property
    def decoded(self) -> int:
        return self._decoded

    @property
    def problems(self) -> list[str]:
        return self._reader.problems

    @property
    def notes(self) -> list[str]:
        return self._reader.notes
