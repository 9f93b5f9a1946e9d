"""The pictures of a camera for as long as it takes: what ends is opened again, what is stuck is replaced."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from random import Random

import msgspec

from stream.errors import SourceError
from stream.sources import comes_in_bursts, masked
from stream.video.backoff import BackOff
from stream.video.connection import Arrived, Connection, Patience
from stream.video.feed import DayTime, Outage, Picture
from stream.video.live_clock import AHEAD_S, DayClock, LiveClock
from stream.video.reading import PLAIN, Reading

KEEP = 8  # decoded pictures that wait for the worker; older ones make room
GRACE_S = 1.0  # after FFmpeg's own deadline, before a reader counts as stuck
MOST_STUCK = 4  # readers left behind at a time
GAP_S = 2.0  # between two pictures of one connection: more is time that was not seen
LEAVE_S = 0.5  # for a reader to take leave of the camera
BURST_S = 60.0  # how far ahead of its time a source that comes in bursts may be
AT_ONCE_S, READINGS = 0.005, 10  # two clocks read within so long are read at one moment; tries to do so

SILENT, BUSY = "the camera sent no pictures", "this machine was too busy to take pictures"  # why there is a gap
RESTARTED = "restarted"  # the reason of a skip: it was under way when a worker died

Item = Picture | Outage | DayTime
Connect = Callable[[], Connection]


class _State(msgspec.Struct, frozen=True, array_like=True):
    zero_utc_s: float
    last_s: float
    decoded: int
    reconnects: int
    skipped: dict[str, int]


class LiveFeed:
    """One camera. All its state is used by one thread; each connection reads in another.

    pts_s is seconds since the first call of take(), along the arrival of pictures: it goes on over outages.
    """

    def __init__(
        self,
        source: str,
        fps: float,
        patience: Patience,
        connect: Connect | None = None,
        *,
        reading: Reading = PLAIN,
    ) -> None:
        bursts = comes_in_bursts(source)
        self._connect = connect or (lambda: Connection(source, patience, KEEP, waits=bursts, reading=reading))
        self._source = source
        self._fps = fps
        self._clock = LiveClock(fps, BURST_S if bursts else AHEAD_S)
        self._gap_s = max(GAP_S, 5 / fps)
        self._day = DayClock()
        self._back_off = BackOff(time.monotonic(), Random())
        self._items: deque[Item] = deque()
        self._connection: Connection | None = None
        self._stuck: list[Connection] = []
        self._zero_s: float | None = None  # of time.monotonic(): where pts_s begins
        self._retry_s = 0.0
        self._outage: Outage | None = None
        self._before = self._damaged = 0  # pictures of the connections before; pictures decoded from damaged data
        self._newest = -1  # the picture placed last, of those of its connection
        self._stopped = self.ended = False
        self.skipped: Counter[str] = Counter()
        self.reconnects = 0

    @property
    def decoded(self) -> int:
        return self._before + (self._connection.decoded if self._connection else 0)

    @property
    def problems(self) -> list[str]:
        """Nothing: outages are told in band, and a damaged picture is a camera's daily bread."""
        return []

    @property
    def notes(self) -> list[str]:
        told = [
            (self.reconnects, "times connected again"),
            (self._damaged, "pictures or packets damaged on the way"),
            (self._clock.jumps, "jumps of the camera's clock evened out"),
        ]
        return [f"{count} {what}" for count, what in told if count]

    def take(self, wait_s: float) -> Item | None:
        if self._zero_s is None:
            self._zero_s = time.monotonic()
            self._look_at_day(0.0, None)
            self._items.append(DayTime(0.0, self._day.utc_s(0.0), self._day.source))
        if not self._items and not self._stopped:
            self._wait(wait_s)
        if self._items:
            return self._items.popleft()
        self.ended = self._stopped
        return None

    def stop(self) -> None:
        """Ends an outage that lasts, so that its time is known."""
        if self._stopped:
            return
        self._drop_waiting("stopped")
        self._leave()
        if self._outage is not None:
            self._end_outage(self._now_s())
        self._stopped = True

    def state(self) -> bytes:
        last_s = self._clock.last_s or 0.0
        return msgspec.msgpack.encode(_State(self._zero_utc_s(), last_s, self.decoded, self.reconnects, self.skipped))

    def restore(self, state: bytes | None, reason: str) -> None:
        """A feed that has taken nothing yet goes on with the line of time; another keeps its connection."""
        before = msgspec.msgpack.decode(state, type=_State) if state else None
        if self._zero_s is None:
            if before is None:
                return  # nothing of it was ever stored: it begins
            self._zero_s = min(before.zero_utc_s - _utc_of_zero_s(), time.monotonic() - before.last_s)
            self._clock.last_s, self._before, self.reconnects = before.last_s, before.decoded, before.reconnects
            self.skipped = Counter(before.skipped)
            self._look_at_day(before.last_s, None)
            self._items.append(DayTime(before.last_s, self._day.utc_s(before.last_s), self._day.source))
        self._drop_waiting(RESTARTED)
        from_s = before.last_s if before else 0.0
        self._outage = Outage(from_s, None, self._day.utc_s(from_s), None, reason)
        self._items.append(self._outage)

    def close(self) -> None:
        """Takes leave of the camera. A reader may still be busy for as long as its deadlines; it ends by itself."""
        self._leave()
        for connection in self._stuck:
            connection.is_stuck(LEAVE_S)

    def _drop_waiting(self, reason: str) -> None:
        waiting = sum(isinstance(item, Picture) for item in self._items)
        self._items = deque(item for item in self._items if not isinstance(item, Picture))
        self.skipped[reason] += waiting
        self.skipped = +self.skipped

    def _now_s(self) -> float:
        return time.monotonic() - (self._zero_s or 0.0)

    def _zero_utc_s(self) -> float:
        return _utc_of_zero_s() + (self._zero_s or 0.0)

    def _wait(self, wait_s: float) -> None:
        connection = self._connection
        if connection is None:
            early_s = self._retry_s - time.monotonic()
            if early_s > 0:
                time.sleep(min(early_s, wait_s))
                return
            connection = self._connection = self._open()
        arrived = connection.take(wait_s)
        if arrived is not None:
            self._place(arrived)
        elif (why := connection.ended or connection.overdue(GRACE_S)) is not None:
            self._lose(why)

    def _open(self) -> Connection:
        self._stuck = [connection for connection in self._stuck if connection.is_stuck()]
        if len(self._stuck) >= MOST_STUCK:
            what = f"{MOST_STUCK} attempts to read it have been stuck in the system and cannot be ended"
            raise SourceError(masked(self._source), what, "check its driver or name server, and start again")
        return self._connect()

    def _place(self, arrived: Arrived) -> None:
        """Give a picture its time, after whatever must be told before it."""
        assert self._zero_s is not None
        before_s = self._clock.last_s
        pts_s = self._clock.stamp(arrived.raw_s, arrived.arrived_ns / 1e9 - self._zero_s)
        if self._look_at_day(pts_s, arrived.utc_s):
            self._items.append(DayTime(pts_s, self._day.utc_s(pts_s), self._day.source))
        if self._outage is not None:
            self._end_outage(pts_s)
        elif before_s is not None and pts_s - before_s > self._gap_s:
            utc_s, dropped_s = self._day.utc_s, (arrived.index - self._newest - 1) / self._fps
            why = BUSY if dropped_s > (pts_s - before_s) / 2 else SILENT
            self._items.append(Outage(before_s, pts_s, utc_s(before_s), utc_s(pts_s), why))
        self._newest = arrived.index
        self._back_off.see(arrived.arrived_ns / 1e9)
        seq = self._before + arrived.index
        self._items.append(Picture(seq, arrived.frame, pts_s, arrived.arrived_ns, arrived.packets))

    def _lose(self, why: str) -> None:
        """The connection is gone: say so once, and try again a little later each time."""
        self._leave()
        now_s = time.monotonic()
        self._retry_s = now_s + self._back_off.lose(now_s)
        if self._outage is None:
            from_s = self._clock.last_s or 0.0
            self._outage = Outage(from_s, None, self._day.utc_s(from_s), None, why)
            self._items.append(self._outage)
        self._clock.restart()
        self._day.restart()
        self.reconnects += 1

    def _leave(self) -> None:
        """Let the connection go; its pictures are accounted for."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        left = connection.abandon()
        self._stuck.append(connection)
        self._before += connection.decoded
        self._damaged += connection.damaged
        self.skipped["stopped"] += left
        self.skipped["worker busy"] += connection.dropped
        self.skipped = +self.skipped

    def _end_outage(self, to_s: float) -> None:
        outage, self._outage = self._outage, None
        assert outage is not None
        self._look_at_day(to_s, None)
        told = Outage(outage.from_s, to_s, outage.from_utc_s, self._day.utc_s(to_s), outage.reason)
        self._items.append(told)

    def _look_at_day(self, pts_s: float, camera_utc_s: float | None) -> bool:
        return self._day.look(pts_s, camera_utc_s, self._zero_utc_s())


def _utc_of_zero_s() -> float:
    """The time of day at which time.monotonic() was 0. The two clocks are read again where this thread was held up in
    between: how long that took would stand in the time of day of all that is counted."""
    for _ in range(READINGS):
        before_s, utc_s, after_s = time.monotonic(), time.time(), time.monotonic()
        if after_s - before_s < AT_ONCE_S:
            break
    return utc_s - after_s
