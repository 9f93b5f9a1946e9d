"""Connections that come and go, on a clock that the test turns."""

from __future__ import annotations

from itertools import pairwise

import av
import pytest

from stream.errors import SourceError
from stream.video import LiveFeed, Outage, Patience, Picture, live
from stream.video.connection import Arrived
from stream.video.live import MOST_STUCK, Item

FRAME = av.VideoFrame(16, 16, "yuv420p")
FRAME_S = 0.04


class Time:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.stall_s = 0.0  # after the time of day was read next, the thread is not run for so long

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        utc_s = 1_000_000.0 + self.now_s
        self.now_s, self.stall_s = self.now_s + self.stall_s, 0.0
        return utc_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Scripted:
    """A connection of so many pictures, which then ends or says nothing; `dropped` more were too many."""

    def __init__(self, time: Time, pictures: int = 0, *, ends: str | None = None, stuck: bool = False) -> None:
        self._time, self._pictures, self._ends, self._stuck = time, pictures, ends, stuck
        self.decoded = self.dropped = self.damaged = 0
        self.ended: str | None = None
        self.info = None
        self.silent_s = 0.0  # for so long it sent nothing, and its stamps know it

    def take(self, wait_s: float) -> Arrived | None:
        if self.decoded == self._pictures:
            self.ended = self._ends
            self._time.sleep(wait_s)
            return None
        self._time.sleep(FRAME_S)
        self.decoded += 1
        raw_s = FRAME_S * self.decoded + self.silent_s
        return Arrived(self.decoded - 1, FRAME, raw_s, round(self._time.now_s * 1e9), None)

    def overdue(self, grace_s: float) -> str | None:
        return "no picture for 6.0 s" if self._ends is None else None

    def abandon(self) -> int:
        return 0

    def is_stuck(self, wait_s: float = 0) -> bool:
        return self._stuck


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(live, "time", time)
    return time


def feed_of(connections: list[Scripted]) -> LiveFeed:
    return LiveFeed("rtsp://cam/s", 25.0, Patience(), lambda: connections.pop(0))  # type: ignore[arg-type, return-value]


def take(feed: LiveFeed, count: int) -> list[Item]:
    items: list[Item] = []
    while len(items) < count:
        if (item := feed.take(0.1)) is not None:
            items.append(item)
    return items


def kinds(items: list[Item]) -> str:
    """D: time of day, P: picture, [: an outage begins, ]: it ends."""
    signs = {"DayTime": "D", "Picture": "P"}
    return "".join(
        ("[" if item.to_s is None else "]") if isinstance(item, Outage) else signs[type(item).__name__]
        for item in items
    )


def test_outage_is_told_twice_when_a_connection_ends(time: Time) -> None:
    feed = feed_of([Scripted(time, 3, ends="reset"), Scripted(time, 0, ends="refused"), Scripted(time, 2)])
    items = take(feed, 9)
    assert kinds(items) == "DPPP[D]PP"
    begun, ended = (item for item in items if isinstance(item, Outage))
    pictures = [item for item in items if isinstance(item, Picture)]
    assert (begun.from_s, begun.reason) == (pictures[2].pts_s, "reset") == (ended.from_s, ended.reason)
    assert ended.to_s == pictures[3].pts_s
    assert ended.to_utc_s == pytest.approx(1_000_100 + pictures[3].pts_s)
    assert [picture.seq for picture in pictures] == [0, 1, 2, 3, 4]
    assert feed.decoded == 5 and feed.reconnects == 2


@pytest.mark.parametrize(
    ("dropped", "silent_s", "reason"),
    [
        (0, 3.0, "the camera sent no pictures"),
        (75, 0.0, "this machine was too busy"),
        (5, 3.0, "the camera sent no pictures"),  # what came then came at once, and some of it was too much
    ],
)
def test_gap_is_laid_to_whom_it_is_of_when_no_picture_comes_for_seconds(
    time: Time, dropped: int, silent_s: float, reason: str
) -> None:
    """A machine that took no picture for seconds said that the camera had sent none."""
    connection = Scripted(time, 200)
    feed = feed_of([connection])
    take(feed, 4)
    time.sleep(3.0)
    connection.decoded, connection.dropped = connection.decoded + dropped, dropped
    connection.silent_s = silent_s
    outage = next(item for item in take(feed, 3) if isinstance(item, Outage))
    assert outage.reason.startswith(reason)


def test_tries_grow_rarer_when_the_camera_stays_away(time: Time) -> None:
    tried_s: list[float] = []

    def connect() -> Scripted:
        tried_s.append(time.now_s - 100)
        return Scripted(time, 0, ends="refused")

    feed = LiveFeed("rtsp://cam/s", 25.0, Patience(), connect)  # type: ignore[arg-type]
    while time.now_s < 100 + 3600:
        feed.take(0.1)
    waits_s = [after - before for before, after in pairwise(tried_s)]
    assert max(wait for at_s, wait in zip(tried_s, waits_s, strict=False) if at_s < 10) < 1.6
    assert max(waits_s) <= 38
    assert len(tried_s) < 250


def test_outage_has_an_end_when_the_run_is_stopped_in_it(time: Time) -> None:
    feed = feed_of([Scripted(time, 2, ends="reset"), Scripted(time, 0, ends="refused")])
    assert kinds(take(feed, 4)) == "DPP["
    time.sleep(0.05)
    feed.stop()
    (last,) = take(feed, 1)
    assert isinstance(last, Outage) and last.to_s == pytest.approx(time.now_s - 100)
    assert feed.take(0.1) is None and feed.ended


def test_run_ends_with_the_reason_when_readers_pile_up_in_the_system(time: Time) -> None:
    feed = feed_of([Scripted(time, 0, stuck=True) for _ in range(MOST_STUCK + 1)])
    with pytest.raises(SourceError, match="stuck in the system"):
        take(feed, 100)


def test_dropped_pictures_are_accounted_for_when_the_connection_ends(time: Time) -> None:
    first = Scripted(time, 3, ends="reset")
    first.dropped = 2
    feed = feed_of([first, Scripted(time, 9)])
    take(feed, 8)
    feed.stop()
    assert feed.skipped["worker busy"] == 2


def test_time_of_day_stays_when_the_machine_stalls_between_two_clocks(time: Time) -> None:
    """How long a busy machine held the thread up between them stood in the time of day, which was told anew."""
    feed = feed_of([Scripted(time, 6)])
    items = take(feed, 3)
    time.stall_s = 3.0
    items += take(feed, 3)
    assert kinds(items) == "DPPPPP"
