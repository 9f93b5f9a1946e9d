"""Watching a live feed from a test."""

from __future__ import annotations

import time
from collections.abc import Callable

from stream.video import LiveFeed, Outage, Patience, Picture
from stream.video.connection import Connection
from stream.video.live import KEEP, Item

PATIENT = Patience(open_s=30.0, picture_s=30.0)  # a busy machine is not taken for a silent camera
QUICK = Patience(open_s=15.0, picture_s=2.0)  # silence is to be noticed
ALL = 10_000  # pictures that may wait for the test: none is passed over because it was not run for a while
WITHIN_S = 60.0  # for what must come, on a machine that is busy with other things
HUNG_S = STALL_S = 20.0  # so long may this machine stand still


def feed_of(port: int, patience: Patience = PATIENT, keep: int = KEEP) -> LiveFeed:
    source = f"rtsp://127.0.0.1:{port}/road"
    return LiveFeed(source, 25.0, patience, lambda: Connection(source, patience, keep))


class Seen:
    """What a feed has given so far, with the time at which each item came."""

    def __init__(self, feed: LiveFeed) -> None:
        self._feed = feed
        self.items: list[Item] = []
        self.came_s: list[float] = []

    @property
    def pictures(self) -> list[Picture]:
        return [item for item in self.items if isinstance(item, Picture)]

    @property
    def outages(self) -> list[Outage]:
        return [item for item in self.items if isinstance(item, Outage)]

    def until(self, done: Callable[[], bool], within_s: float = WITHIN_S) -> float:
        """Take items until `done`; returns the seconds that it took. Fails after within_s."""
        started_s = time.monotonic()
        while not done():
            waited_s = time.monotonic() - started_s
            assert waited_s < within_s, f"not after {within_s} s; {len(self.pictures)} pictures, {self.outages}"
            item = self._feed.take(0.05)
            assert time.monotonic() - started_s - waited_s < HUNG_S, "take() hung"
            if item is not None:
                self.items.append(item)
                self.came_s.append(time.monotonic())
        return time.monotonic() - started_s

    def pictures_more(self, count: int) -> float:
        wanted = len(self.pictures) + count
        return self.until(lambda: len(self.pictures) >= wanted)

    def outage_ends(self) -> float:
        return self.until(lambda: bool(self.outages) and self.outages[-1].to_s is not None)
