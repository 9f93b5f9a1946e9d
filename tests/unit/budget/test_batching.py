"""Pictures go through the network together when the batch is full or its oldest has waited long enough; where they
wait, cameras take turns by their weights."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from stream.budget.batching import Batcher, Share

SMALL, LARGE = (256, 416, 3), (416, 416, 3)


def batcher_of(size: int, max_wait_s: float, **shares: Share) -> Batcher[int]:
    return Batcher(size, max_wait_s, shares or {"north": Share()})


def test_batch_is_due_when_full() -> None:
    batcher = batcher_of(2, 1.0)
    batcher.add("north", 1, SMALL, 0.0)
    assert batcher.due(0.1) == []
    batcher.add("north", 2, SMALL, 0.1)
    assert batcher.wait_s(0.1) == 0.0
    assert batcher.due(0.1) == [1, 2]
    assert batcher.due(9.0) == []


def test_batch_is_due_when_its_oldest_has_waited() -> None:
    batcher = batcher_of(8, 0.5)
    batcher.add("north", 1, SMALL, 0.0)
    batcher.add("north", 2, SMALL, 0.4)
    assert batcher.wait_s(0.4) == 0.5 - 0.4
    assert batcher.due(0.5) == [1, 2]
    assert batcher.wait_s(0.5) is None


def test_shapes_are_not_mixed_when_cameras_differ() -> None:
    batcher = batcher_of(2, 1.0, north=Share(), south=Share())
    for item, (camera, shape) in enumerate([("north", SMALL), ("south", LARGE)] * 2):
        batcher.add(camera, item, shape, 0.0)
    assert sorted((batcher.due(0.0), batcher.due(0.0))) == [[0, 2], [1, 3]]


def test_order_is_kept_when_the_shape_of_a_camera_changes() -> None:
    batcher = batcher_of(2, 1.0)
    for item, shape in enumerate((SMALL, LARGE, LARGE)):
        batcher.add("north", item, shape, 0.0)
    assert batcher.due(0.0) == [], "the first waits for a second of its shape"
    assert [batcher.due(1.0), batcher.due(1.0), batcher.due(1.0)] == [[0], [1, 2], []]


def test_oldest_is_given_up_when_a_camera_may_not_wait() -> None:
    batcher = batcher_of(1, 0.0, live=Share(most=2), file=Share())
    given_up = [batcher.add("live", item, SMALL, 0.0) for item in range(4)]
    assert given_up == [None, None, 0, 1]
    assert [batcher.add("file", item, SMALL, 0.0) for item in range(10, 20)] == [None] * 10
    taken = itertools.takewhile(bool, (batcher.due(0.0) for _ in itertools.count()))
    assert sorted(item for batch in taken for item in batch) == [2, 3, *range(10, 20)]


class Road:
    """A detector that takes `pass_s` for a batch, and cameras with a picture every `interval_s`, on one clock."""

    def __init__(self, size: int, pass_s: float, cameras: dict[str, tuple[float, Share]]) -> None:
        self._batcher: Batcher[tuple[str, float]] = Batcher(
            size, 0.005, {name: share for name, (_, share) in cameras.items()}
        )
        self._pass_s = pass_s
        self._intervals_s = {name: interval_s for name, (interval_s, _) in cameras.items()}
        self.looked: Counter[str] = Counter()
        self.oldest_s: Counter[str] = Counter()  # how old a picture was when its pass began, at most
        self.longest_s: Counter[str] = Counter()  # between two passes of a camera, at most

    def run(self, seconds: float) -> None:
        now_s, next_s, last_s = 0.0, dict.fromkeys(self._intervals_s, 0.0), dict.fromkeys(self._intervals_s, 0.0)
        while now_s < seconds:
            for name, interval_s in self._intervals_s.items():
                while next_s[name] <= now_s:
                    self._batcher.add(name, (name, next_s[name]), SMALL, next_s[name])
                    next_s[name] += interval_s
            batch = self._batcher.due(now_s)
            for name, taken_s in batch:
                self.looked[name] += 1
                self.oldest_s[name] = max(self.oldest_s[name], now_s - taken_s)
                self.longest_s[name] = max(self.longest_s[name], now_s - last_s[name])
                last_s[name] = now_s
            now_s += self._pass_s if batch else 0.001


@pytest.mark.parametrize("size", [1, 4])
def test_shares_follow_weights_when_the_detector_is_overloaded(size: int) -> None:
    weights = {"a": 1.0, "b": 2.0, "c": 4.0}
    road = Road(size, 0.04 * size, {name: (0.04, Share(weight, size + 1)) for name, weight in weights.items()})
    road.run(60)
    total = sum(road.looked.values())
    for name, weight in weights.items():
        assert road.looked[name] / total == pytest.approx(weight / 7, abs=0.01)


def test_no_camera_starves_when_others_flood_the_detector() -> None:
    cameras = {f"fast-{k}": (0.01, Share(100.0, 2)) for k in range(3)}
    road = Road(1, 0.03, {**cameras, "slow": (0.2, Share(1.0, 2))})
    road.run(120)
    assert road.looked["slow"] > 10 and road.longest_s["slow"] < 10
    busy = [road.looked[name] for name in cameras]
    assert max(busy) - min(busy) <= 1


def test_modest_camera_loses_nothing_when_others_want_too_much() -> None:
    road = Road(2, 0.04, {"greedy": (0.01, Share(1.0, 2)), "modest": (0.2, Share(1.0, 2))})
    road.run(60)
    assert road.looked["modest"] >= 299, "it needs 5 of the 50 passes a second"
    assert road.looked["greedy"] > 2000


def test_pictures_are_fresh_when_a_live_camera_wants_too_much() -> None:
    road = Road(1, 0.05, {name: (0.04, Share(1.0, 2)) for name in ("a", "b", "c", "d")})
    road.run(30)
    assert max(road.oldest_s.values()) < 2 * 0.04 + 0.05, "newest wins: two intervals, and the pass under way"


def test_turns_are_not_saved_up_when_a_camera_was_away() -> None:
    batcher = batcher_of(1, 0.0, here=Share(), back=Share())
    for item in range(50):
        batcher.add("here", item, SMALL, 0.0)
        batcher.due(0.0)
    for item in range(4):
        batcher.add("here", 100 + item, SMALL, 0.0)
        batcher.add("back", 200 + item, SMALL, 0.0)
    order = [batcher.due(0.0)[0] // 100 for _ in range(8)]
    assert Counter(order[:4]) == {1: 2, 2: 2}, "they alternate from the start"
