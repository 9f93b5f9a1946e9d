"""The queues between workers: PULL binds, PUSH connects. Every socket is bounded, every wait has a deadline.

An edge either passes handles (the pixels lie in a ring that both ends map) or the pixels themselves as message
parts. Credits flow back from the last reader of pixels to the decoder on a PUSH/PULL pair of their own.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import msgspec
import zmq

from stream.errors import StageError
from stream.messages import Counted, Decoded, Detected, InBand, Message
from stream.transport.codec import Codec
from stream.transport.ring import Ring

CREDIT = struct.Struct("<qi")  # epoch, slot
HIGH_WATER = 1024  # messages; only a safety net: the slots are the window
LOOK_MS = 200  # nothing blocks longer without looking at the stop flag

Stopped = Callable[[], bool]


class Inlet:
    """Where a worker takes its messages. rings: by camera, for edges that pass handles.

    is_stale: such messages are passed over, since the slots of their pixels are others' by now.
    """

    def __init__(
        self,
        context: zmq.Context,
        endpoint: str,
        rings: Mapping[str, Ring],
        is_stale: Callable[[Message], bool] = lambda message: False,
    ) -> None:
        self.socket = context.socket(zmq.PULL)
        self.socket.set(zmq.RCVHWM, HIGH_WATER)
        self.socket.set(zmq.LINGER, 0)
        _bind(self.socket, endpoint)
        self._rings, self._codec, self._is_stale = rings, Codec(), is_stale

    def receive(self) -> Message | None:
        """The next message, or None when none is waiting."""
        while True:
            try:
                parts = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return None
            message: Message = self._codec.decode([part.buffer for part in parts])
            if not self._is_stale(message):
                return self._with_pixels(message)

    def close(self) -> None:
        self.socket.close()

    def _with_pixels(self, message: Message) -> Message:
        if isinstance(message, InBand) or message.frame.slot < 0:
            return message
        ring = self._rings.get(message.frame.camera)
        if ring is None:
            return message
        slot = ring.read(message.frame)
        if isinstance(message, Decoded | Detected):
            return msgspec.structs.replace(message, yuv=slot.yuv, tensor=slot.tensor)
        return msgspec.structs.replace(message, yuv=slot.yuv)


class Outlet:
    """Where a worker sends its messages. carries_pixels: as parts of the message; else they lie in a ring."""

    def __init__(self, context: zmq.Context, endpoint: str, *, carries_pixels: bool) -> None:
        self.socket = context.socket(zmq.PUSH)
        self.socket.set(zmq.SNDHWM, HIGH_WATER)
        self.socket.set(zmq.LINGER, 2000)
        self.socket.set(zmq.IMMEDIATE, 1)
        self.socket.connect(endpoint)
        self._carries_pixels, self._codec = carries_pixels, Codec()

    def send(self, message: Message, stopped: Stopped) -> bool:
        """Send, waiting while the queue is full; False if stopped first."""
        if not self._carries_pixels:
            message = _without_pixels(message)
        parts = self._codec.encode(message)
        while True:
            try:
                # the slot is leased until its credit comes back, so its bytes may be sent without a copy
                self.socket.send_multipart(parts, zmq.NOBLOCK, copy=not self._carries_pixels)
                return True
            except zmq.Again:
                if stopped():
                    return False
                self.socket.poll(LOOK_MS, zmq.POLLOUT)

    def close(self) -> None:
        self.socket.close()


class CreditInlet:
    """The decoder's end of the credit edge."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        self.socket = context.socket(zmq.PULL)
        self.socket.set(zmq.RCVHWM, HIGH_WATER)
        self.socket.set(zmq.LINGER, 0)
        _bind(self.socket, endpoint)

    def take(self, timeout_s: float) -> list[tuple[int, int]]:
        """All credits that have come, waiting for the first at most timeout_s."""
        credits: list[tuple[int, int]] = []
        if timeout_s and not self.socket.poll(int(timeout_s * 1000)):
            return credits
        while True:
            try:
                credits.append(CREDIT.unpack(self.socket.recv(zmq.NOBLOCK)))
            except zmq.Again:
                return credits

    def close(self) -> None:
        self.socket.close()


class CreditOutlet:
    """The last reader's end of the credit edge."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        self.socket = context.socket(zmq.PUSH)
        self.socket.set(zmq.SNDHWM, HIGH_WATER)
        self.socket.set(zmq.LINGER, 0)
        self.socket.connect(endpoint)

    def give(self, epoch: int, slot: int) -> None:
        """Return a slot. Never blocks: a decoder that is gone needs no credits."""
        try:
            self.socket.send(CREDIT.pack(epoch, slot), zmq.NOBLOCK)
        except zmq.Again:
            return

    def close(self) -> None:
        self.socket.close()


def _without_pixels(message: Message) -> Message:
    if isinstance(message, Decoded | Detected):
        return msgspec.structs.replace(message, yuv=None, tensor=None)
    if isinstance(message, Counted):
        return msgspec.structs.replace(message, yuv=None)
    return message


def _bind(socket: zmq.Socket, endpoint: str) -> None:
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close()
        raise StageError.refused(endpoint, "bound", error, "is another run using it? choose another port") from error
