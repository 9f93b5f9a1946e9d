"""The pictures of a file that is still being written: none skipped, to the end of its growth."""

from __future__ import annotations

from collections import Counter
from functools import partial

import msgspec

from stream.errors import SourceError
from stream.video.clock import PictureClock
from stream.video.connection import Connection, Patience
from stream.video.feed import Picture
from stream.video.live import GRACE_S, KEEP, LEAVE_S
from stream.video.reading import PLAIN, Reading


class FollowFeed:
    """As FileFeed, but at the end of the file it waits for more, for as long as its patience between two pictures.

    The container must be one that can be read from the front: MPEG-TS, Matroska, fragmented MP4. Reads in a thread.
    """

    reconnects = 0

    def __init__(self, source: str, fps: float, patience: Patience, *, reading: Reading = PLAIN) -> None:
        self._source, self._fps = source, fps
        self._connect = partial(Connection, source, patience, KEEP, waits=True, reading=reading)
        self._connection = self._connect()
        self._begin(0)

    def _begin(self, known: int) -> None:
        """At the first picture; the first known ones are not given again."""
        self._known = known
        self._clock = PictureClock(self._fps)
        self._first_raw_s: float | None = None
        self._decoded = known
        self.ended = False
        self.skipped: Counter[str] = Counter()

    def take(self, wait_s: float) -> Picture | None:
        arrived = self._connection.take(wait_s)
        if arrived is None:
            self._look_for_end()
            return None
        raw_s = arrived.raw_s
        if self._first_raw_s is None:
            self._first_raw_s = raw_s
        if raw_s is not None and self._first_raw_s is not None:
            raw_s -= self._first_raw_s
        pts_s = self._clock.stamp(raw_s)
        if arrived.index < self._known:
            return None
        self._decoded += 1
        return Picture(arrived.index, arrived.frame, pts_s, arrived.arrived_ns, arrived.packets)

    def stop(self) -> None:
        self._connection.abandon()
        left = max(0, self._connection.decoded - self._decoded)
        self._decoded += left
        self.skipped = +Counter({"stopped": left})
        self.ended = True

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self._decoded)

    def restore(self, state: bytes | None, reason: str) -> None:
        """Such a file cannot be searched: it is read again from its beginning."""
        del reason
        self._connection.abandon()
        self._connection = self._connect()
        self._begin(msgspec.msgpack.decode(state, type=int) if state else 0)

    def close(self) -> None:
        self._connection.abandon()
        self._connection.is_stuck(LEAVE_S)

    @property
    def decoded(self) -> int:
        return self._decoded

    @property
    def problems(self) -> list[str]:
        damaged = self._connection.damaged
        return [f"{damaged} pictures or packets are damaged"] if damaged else []

    @property
    def notes(self) -> list[str]:
        return self._clock.repairs()

    def _look_for_end(self) -> None:
        why = self._connection.ended or self._connection.overdue(GRACE_S)
        if why is None:
            return
        if not self._decoded:
            raise SourceError(
                self._source, f"expected a growing video, got: {why}", "MPEG-TS, Matroska, fragmented MP4"
            )
        self.ended = True
