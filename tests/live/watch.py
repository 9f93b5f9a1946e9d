"""Watching a live feed from a test."""

from __future__ import annotations

import time
from collections.abc import Callable

from stream.video import LiveFeed, Outage, Patience, Picture
from stream.video.live import Item

QUICK = Patience(open_s=2.0, picture_s=1.0)


def feed_of(port: int, patience: Patience = QUICK, login: str = "") -> LiveFeed:
    return LiveFeed(f"rtsp://{login}127.0.0.1:{port}/road", 25.0, patience)


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

    def until(self, done: Callable[[], bool], within_s: float = 8.0) -> float:
        """Take items until `done`; returns the seconds that it took. Fails after within_s."""
        started_s = time.monotonic()
        while not done():
            waited_s = time.monotonic() - started_s
            assert waited_s < within_s, f"not after {within_s} s; {len(self.pictures)} pictures, {self.outages}"
            item = self._feed.take(0.05)
            assert time.monotonic() - started_s - waited_s < 0.5, "take() hung"
            if item is not None:
                self.items.append(item)
                self.came_s.append(time.monotonic())
        return time.monotonic() - started_s

    def pictures_more(self, count: int, within_s: float = 8.0) -> float:
        wanted = len(self.pictures) + count
        return self.until(lambda: len(self.pictures) >= wanted, within_s)

    def outage_ends(self, within_s: float = 8.0) -> float:
        return self.until(lambda: bool(self.outages) and self.outages[-1].to_s is not None, within_s)
