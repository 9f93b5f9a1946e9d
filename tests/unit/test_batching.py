"""Pictures go through the network together when the batch is full or its oldest has waited long enough."""

from __future__ import annotations

from stream.batching import Batcher

SMALL, LARGE = (256, 416, 3), (416, 416, 3)


def test_batch_is_due_when_full() -> None:
    batcher: Batcher[int] = Batcher(2, 1.0)
    batcher.add(1, SMALL, 0.0)
    assert batcher.due(0.1) == []
    batcher.add(2, SMALL, 0.1)
    assert batcher.due(0.1) == [1, 2]
    assert batcher.due(9.0) == []


def test_batch_is_due_when_its_oldest_has_waited() -> None:
    batcher: Batcher[int] = Batcher(8, 0.5)
    batcher.add(1, SMALL, 0.0)
    batcher.add(2, SMALL, 0.4)
    assert batcher.wait_s(0.4) == 0.5 - 0.4
    assert batcher.due(0.5) == [1, 2]
    assert batcher.wait_s(0.5) is None


def test_shapes_are_not_mixed_when_cameras_differ() -> None:
    batcher: Batcher[int] = Batcher(2, 1.0)
    for item, shape in ((1, SMALL), (2, LARGE), (3, SMALL), (4, LARGE)):
        batcher.add(item, shape, 0.0)
    assert sorted((batcher.due(0.0), batcher.due(0.0))) == [[1, 3], [2, 4]]


def test_nothing_is_left_when_the_stream_ends() -> None:
    batcher: Batcher[int] = Batcher(2, 100.0)
    for item in range(5):
        batcher.add(item, SMALL, 0.0)
    assert [batcher.rest(), batcher.rest(), batcher.rest(), batcher.rest()] == [[0, 1], [2, 3], [4], []]
