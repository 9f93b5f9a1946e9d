"""Which pictures go through the network together: up to N of one shape, waiting at most T. Pure; time is given."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")
Shape = tuple[int, ...]


class Batcher(Generic[Item]):
    """Collects items by shape. A batch is due when it is full, or when its oldest item has waited max_wait_s."""

    def __init__(self, size: int, max_wait_s: float) -> None:
        self._size, self._max_wait_s = size, max_wait_s
        self._waiting: dict[Shape, list[tuple[float, Item]]] = {}

    def add(self, item: Item, shape: Shape, now_s: float) -> None:
        self._waiting.setdefault(shape, []).append((now_s, item))

    def due(self, now_s: float) -> list[Item]:
        """One batch that must go now, oldest first, or an empty list."""
        for shape, queue in self._waiting.items():
            if len(queue) >= self._size or now_s - queue[0][0] >= self._max_wait_s:
                return self._take(shape)
        return []

    def rest(self) -> list[Item]:
        """One batch of whatever is left, for the end of a stream."""
        return self._take(next(iter(self._waiting))) if self._waiting else []

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until a batch is due by age; None when nothing waits."""
        if not self._waiting:
            return None
        oldest_s = min(queue[0][0] for queue in self._waiting.values())
        return max(0.0, self._max_wait_s - (now_s - oldest_s))

    def _take(self, shape: Shape) -> list[Item]:
        queue = self._waiting.pop(shape)
        if len(queue) > self._size:
            self._waiting[shape] = queue[self._size :]
        return [item for _, item in queue[: self._size]]
