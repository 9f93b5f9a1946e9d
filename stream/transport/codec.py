"""Messages to message parts and back: a msgpack header, then one part a large array. No pickle.

    part 0   msgpack of the struct; an array stands as [part number, or its bytes if it is small; dtype, shape]
    part 1.. the bytes of each large array, C order

Arrays come back as read-only views of what was received.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from stream.messages import Message

Buffer = bytes | memoryview | np.ndarray

SMALL = 4096  # bytes of an array that is cheaper to copy than to send as a part of its own


class Codec:
    """Encodes and decodes messages; keeps its buffers, so one thread uses one codec."""

    def __init__(self, kind: Any = Message) -> None:
        self._parts: list[Buffer] = []
        self._received: Sequence[Any] = ()
        self._encoder = msgspec.msgpack.Encoder(enc_hook=self._take)
        self._decoder = msgspec.msgpack.Decoder(kind, dec_hook=self._give)

    def encode(self, message: Any) -> list[Buffer]:
        """The parts of a message. Large arrays are not copied: they must not change until the parts are sent."""
        self._parts = []
        header = self._encoder.encode(message)
        return [header, *self._parts]

    def decode(self, parts: Sequence[Any]) -> Any:
        """A message from its parts (bytes-like). Raises ValueError where they do not fit the schema."""
        self._received = parts
        return self._decoder.decode(parts[0])

    def _take(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            return value.item()
        if not isinstance(value, np.ndarray):
            raise NotImplementedError(f"cannot send a {type(value).__name__}")
        array = np.ascontiguousarray(value)
        if array.nbytes <= SMALL:
            return [array.tobytes(), array.dtype.str, array.shape]
        self._parts.append(array.data)
        return [len(self._parts), array.dtype.str, array.shape]

    def _give(self, kind: type, value: Any) -> Any:
        if kind is not np.ndarray:
            raise NotImplementedError(f"cannot receive a {kind}")
        part, dtype, shape = value
        if np.dtype(dtype).hasobject:
            raise ValueError("an array of objects is not accepted")
        if isinstance(part, bytes):
            return np.frombuffer(part, dtype).reshape(shape)
        if not 0 < part < len(self._received):
            raise ValueError(f"part {part} of a message of {len(self._received)} parts")
        return np.frombuffer(self._received[part], dtype).reshape(shape)
