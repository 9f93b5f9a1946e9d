"""Which pictures go through the network together, and whose turn it is. Pure; time is given.

A batch holds up to N pictures of one shape, of any cameras, and waits at most T to be filled. Where pictures wait for
the network, cameras share it by their weights: each has a clock of its own that a picture moves on by 1 / weight, and
the camera whose clock is furthest behind comes next (start-time fair queueing: Goyal, Vin and Cheng 1996). A camera
that needs less than its share waits for nobody; what it leaves is shared by the others.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Shape = Hashable
"""What pictures of one pass have in common."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a camera gets. weight: its part of the network, against that of others; most: how many of its pictures may
    wait before the oldest is given up for the newest, or None: all wait."""

    weight: float = 1.0
    most: int | None = None


@dataclass(slots=True)
class _Lane(Generic[Item]):
    """The pictures of one camera that wait, oldest first."""

    share: Share
    waiting: deque[tuple[float, Shape, Item]]
    clock: float = 0.0


class Batcher(Generic[Item]):
    """Collects items by camera. A batch is due when it is full, or when its oldest item has waited max_wait_s."""

    def __init__(self, size: int, max_wait_s: float, shares: Mapping[str, Share]) -> None:
        self._size, self._max_wait_s = size, max_wait_s
        self._lanes: dict[str, _Lane[Item]] = {camera: _Lane(share, deque()) for camera, share in shares.items()}
        self._count: Counter[Shape] = Counter()
        self._clock = 0.0  # of the lane that was served last: nobody saves up turns that it did not need

    def add(self, camera: str, item: Item, shape: Shape, now_s: float) -> Item | None:
        """Let an item wait; returns the one of its camera that is given up for it."""
        lane = self._lanes[camera]
        if not lane.waiting:
            lane.clock = max(lane.clock, self._clock)
        lane.waiting.append((now_s, shape, item))
        self._count[shape] += 1
        if lane.share.most is None or len(lane.waiting) <= lane.share.most:
            return None
        return self._first(lane)

    def due(self, now_s: float) -> list[Item]:
        """One batch that must go now, in the order of turns, or an empty list."""
        lanes = [lane for lane in self._lanes.values() if lane.waiting and self._is_due(lane, now_s)]
        return self._fill(min(lanes, key=lambda lane: lane.clock).waiting[0][1]) if lanes else []

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until a batch is due; None when nothing waits."""
        oldest_s = [lane.waiting[0][0] for lane in self._lanes.values() if lane.waiting]
        if not oldest_s:
            return None
        if max(self._count.values()) >= self._size:
            return 0.0
        return max(0.0, self._max_wait_s - (now_s - min(oldest_s)))

    def _is_due(self, lane: _Lane[Item], now_s: float) -> bool:
        since_s, shape, _ = lane.waiting[0]
        return self._count[shape] >= self._size or now_s - since_s >= self._max_wait_s

    def _fill(self, shape: Shape) -> list[Item]:
        batch: list[Item] = []
        while len(batch) < self._size:
            lanes = [lane for lane in self._lanes.values() if lane.waiting and lane.waiting[0][1] == shape]
            if not lanes:
                break
            lane = min(lanes, key=lambda lane: lane.clock)
            self._clock = lane.clock
            lane.clock += 1 / lane.share.weight
            batch.append(self._first(lane))
        return batch

    def _first(self, lane: _Lane[Item]) -> Item:
        _, shape, item = lane.waiting.popleft()
        self._count[shape] -= 1
        return item
