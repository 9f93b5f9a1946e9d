"""Where a worker's messages come from: the workers before it, or its own camera."""

from __future__ import annotations

from typing import Protocol

import zmq

from stream.messages import Message
from stream.stages.decode import Decode
from stream.transport.control import ControlClient, Rewind
from stream.transport.edge import Inlet


class Intake(Protocol):
    """Where a worker's messages come from: its inlet, or its own decoder."""

    def take(self, wait_s: float) -> Message | None: ...

    def has_more(self) -> bool:
        """Whether another message is here already, for no work."""
        ...

    def stop(self) -> None: ...

    def halt(self) -> None:
        """Give nothing more of the lives that were, until they are begun anew."""
        ...

    def rewind(self, word: Rewind) -> None: ...


class InletIntake:
    """Messages of the workers before this one."""

    def __init__(self, inlet: Inlet, control: ControlClient) -> None:
        self._inlet = inlet
        self._poller = zmq.Poller()
        self._poller.register(inlet.socket, zmq.POLLIN)
        self._poller.register(control.socket, zmq.POLLIN)

    def take(self, wait_s: float) -> Message | None:
        message = self._inlet.receive()
        if message is None and wait_s:
            self._poller.poll(int(wait_s * 1000))
            message = self._inlet.receive()
        return message

    def has_more(self) -> bool:
        return bool(self._inlet.socket.poll(0))

    def stop(self) -> None:
        """Nothing to do: the decoders end their streams, and the ends arrive in band."""

    def halt(self) -> None:
        """Nothing to do: the inlet passes over what is stale."""

    def rewind(self, word: Rewind) -> None:
        """Nothing to do: only decoders are told."""


class DecodeIntake:
    """Pictures of this worker's own cameras."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode

    def take(self, wait_s: float) -> Message | None:
        return None if self._decode.ended else self._decode.next(wait_s)

    def has_more(self) -> bool:
        return False

    def stop(self) -> None:
        self._decode.stop()

    def halt(self) -> None:
        self._decode.halt()

    def rewind(self, word: Rewind) -> None:
        self._decode.rewind(word.epoch, word.checkpoint, word.reason)
