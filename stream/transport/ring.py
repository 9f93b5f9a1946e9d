"""Frame slots: the window of a camera, in shared memory or in this process.

A ring in shared memory holds `slots` slots, each aligned to 64 bytes:

    | stamp 64 B: epoch i64, seq i64 | yuv u8 (H*3/2, W), padded | tensor u8 (h, w, 3), padded |

A slot is in one of two states. *Free*: its number lies in the decoder's SlotPool. *Leased*: the decoder took it,
wrote the pixels and the stamp, and a message with its number is on its way; the last stage that reads pixels sends
a credit (epoch, slot) back, and the slot is free again. Nothing is ever overwritten while leased, so the number of
slots bounds memory and latency exactly. The supervisor creates and unlinks rings; workers attach as its children
(an unrelated process that attaches by name would unlink the segment when it exits).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory

import msgspec
import numpy as np

from stream.errors import StageError, words_of
from stream.messages import Frame

ALIGN = 64


class SlotLayout(msgspec.Struct, frozen=True):
    """Shapes of what a slot holds; None where no stage reads it."""

    yuv_hw: tuple[int, int] | None  # (H * 3 / 2, W)
    tensor_hw: tuple[int, int] | None  # network (h, w), three channels

    @property
    def yuv_bytes(self) -> int:
        return _padded(self.yuv_hw[0] * self.yuv_hw[1]) if self.yuv_hw else 0

    @property
    def tensor_bytes(self) -> int:
        return _padded(self.tensor_hw[0] * self.tensor_hw[1] * 3) if self.tensor_hw else 0

    @property
    def slot_bytes(self) -> int:
        return ALIGN + self.yuv_bytes + self.tensor_bytes


class RingSpec(msgspec.Struct, frozen=True):
    """A ring by name: what a worker needs to attach."""

    name: str
    slots: int
    layout: SlotLayout

    @property
    def total_bytes(self) -> int:
        return self.slots * self.layout.slot_bytes


class Slot:
    """The buffers of one slot, as arrays that share its memory."""

    def __init__(self, index: int, buffer: memoryview | bytearray, layout: SlotLayout) -> None:
        self.index = index
        self.stamp = np.frombuffer(buffer, np.int64, 2)
        self.yuv = _array(buffer, ALIGN, layout.yuv_hw)
        tensor_shape = (*layout.tensor_hw, 3) if layout.tensor_hw else None
        self.tensor = _array(buffer, ALIGN + layout.yuv_bytes, tensor_shape)


class Ring:
    """Slots in shared memory."""

    def __init__(self, spec: RingSpec, memory: SharedMemory, *, owner: bool) -> None:
        self.spec = spec
        self._memory, self._owner = memory, owner
        size = spec.layout.slot_bytes
        assert memory.buf is not None
        self.slots = [Slot(i, memory.buf[i * size : (i + 1) * size], spec.layout) for i in range(spec.slots)]

    @classmethod
    def create(cls, spec: RingSpec) -> Ring:
        """Raises StageError where shared memory is short."""
        try:
            memory = SharedMemory(spec.name, create=True, size=spec.total_bytes)
        except OSError as error:
            fix = "use fewer placement.slots, or give the machine (or container: --shm-size) more shared memory"
            raise StageError(f"ring {spec.name}", f"{spec.total_bytes >> 20} MiB: {words_of(error)}", fix) from error
        return cls(spec, memory, owner=True)

    @classmethod
    def attach(cls, spec: RingSpec) -> Ring:
        return cls(spec, SharedMemory(spec.name), owner=False)

    def read(self, frame: Frame) -> Slot:
        """The slot of a frame. Raises StageError if another frame stands in it."""
        slot = self.slots[frame.slot]
        epoch, seq = int(slot.stamp[0]), int(slot.stamp[1])
        if (epoch, seq) != (frame.epoch, frame.seq):
            what = f"slot {frame.slot} holds frame {epoch}:{seq}, expected {frame.epoch}:{frame.seq}"
            raise StageError(f"camera {frame.camera}", what, "please report this: a lease was broken")
        return slot

    def close(self) -> None:
        """Give the mapping back; the owner also unlinks the segment."""
        self.slots = []
        if self._owner:
            self._memory.unlink()
        try:
            self._memory.close()
        except BufferError:  # a message under way still holds a view: the mapping goes with the process
            self._memory.__dict__["_mmap"] = self._memory.__dict__["_buf"] = None


def local_slots(count: int, layout: SlotLayout) -> list[Slot]:
    """Slots in this process's memory: for edges that carry pixels, and for inline runs."""
    return [Slot(i, bytearray(layout.slot_bytes), layout) for i in range(count)]


class SlotPool:
    """The decoder's side of a ring: leases slots, takes credits back.

    credits: returns the slots freed since the last call as (epoch, slot), waiting at most the given seconds;
    None where all readers live in this worker and call give_back.
    """

    def __init__(self, slots: list[Slot], credits: Callable[[float], list[tuple[int, int]]] | None = None) -> None:
        self._slots, self._credits = slots, credits
        self._free = deque(range(len(slots)))
        self.epoch = 0

    def acquire(self, timeout_s: float) -> Slot | None:
        """A free slot, or None when none comes back in time."""
        if self._credits is not None:
            for epoch, slot in self._credits(0.0 if self._free else timeout_s):
                self.give_back(epoch, slot)
        return self._slots[self._free.popleft()] if self._free else None

    def give_back(self, epoch: int, slot: int) -> None:
        """Free a slot; credits of a life before are of no account."""
        if epoch == self.epoch:
            self._free.append(slot)

    def restart(self, epoch: int) -> None:
        """Begin a new life: all slots are free. Nobody may read those of the life before any more."""
        self.epoch, self._free = epoch, deque(range(len(self._slots)))

    def in_flight(self) -> int:
        """Slots leased now, credits not yet read included."""
        return len(self._slots) - len(self._free)


def _array(buffer: memoryview | bytearray, offset: int, shape: tuple[int, ...] | None) -> np.ndarray | None:
    if shape is None:
        return None
    return np.frombuffer(buffer, np.uint8, int(np.prod(shape)), offset).reshape(shape)


def _padded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
