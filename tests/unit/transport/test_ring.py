"""Slots are leased, never overwritten; nothing is left in shared memory."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from stream.errors import StageError
from stream.messages import Frame
from stream.transport.ring import Ring, RingSpec, SlotLayout, SlotPool, local_slots

LAYOUT = SlotLayout((540, 640), (256, 416))


def spec(slots: int = 2, layout: SlotLayout = LAYOUT) -> RingSpec:
    return RingSpec(f"roadtally-test-{secrets.token_hex(4)}", slots, layout)


def frame(seq: int, slot: int, epoch: int = 0) -> Frame:
    return Frame("north", epoch, seq, 0.0, 0, 640, 360, slot=slot)


def test_pixels_are_shared_when_a_ring_is_attached() -> None:
    owner = Ring.create(spec())
    reader = Ring.attach(owner.spec)
    slot = owner.slots[1]
    assert slot.yuv is not None and slot.tensor is not None
    slot.yuv[:], slot.tensor[:] = 7, 9
    slot.stamp[:] = 0, 41
    seen = reader.read(frame(41, 1))
    assert seen.yuv is not None and seen.tensor is not None
    assert seen.yuv.shape == (540, 640) and int(seen.yuv.min()) == 7
    assert seen.tensor.shape == (256, 416, 3) and int(seen.tensor.min()) == 9
    del slot, seen
    reader.close()
    owner.close()
    assert not Path("/dev/shm", owner.spec.name).exists()


def test_memory_is_unlinked_when_a_view_still_lives() -> None:
    owner = Ring.create(spec())
    view = owner.slots[0].yuv
    owner.close()
    assert view is not None and not Path("/dev/shm", owner.spec.name).exists()


def test_reading_is_refused_when_another_frame_stands_in_the_slot() -> None:
    owner = Ring.create(spec())
    owner.slots[0].stamp[:] = 0, 5
    with pytest.raises(StageError, match="holds frame 0:5, expected 0:4"):
        owner.read(frame(4, 0))
    owner.close()


def test_creation_is_refused_when_shared_memory_is_short() -> None:
    with pytest.raises(StageError, match="MiB"):
        Ring.create(spec(slots=1, layout=SlotLayout((1 << 31, 1 << 20), None)))


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        (SlotLayout(None, None), 64),
        (SlotLayout((540, 640), None), 64 + 345_600),
        (SlotLayout(None, (256, 416)), 64 + 319_488),
        (SlotLayout((3, 3), (1, 1)), 64 + 64 + 64),
    ],
)
def test_slot_is_aligned_when_laid_out(layout: SlotLayout, size: int) -> None:
    assert layout.slot_bytes == size


def test_pool_gives_nothing_when_all_slots_are_leased() -> None:
    pool = SlotPool(local_slots(2, LAYOUT))
    first, second = pool.acquire(0), pool.acquire(0)
    assert first is not None and second is not None and first.index != second.index
    assert pool.acquire(0) is None and pool.in_flight() == 2
    pool.give_back(0, first.index)
    again = pool.acquire(0)
    assert again is not None and again.index == first.index


def test_credit_is_ignored_when_it_is_of_a_life_before() -> None:
    pool = SlotPool(local_slots(1, LAYOUT), lambda timeout_s: [(-1, 0)])
    assert pool.acquire(0) is not None
    assert pool.acquire(0) is None
