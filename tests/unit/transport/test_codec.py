"""Messages survive the wire unchanged, and nothing but messages is accepted."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.messages import Counted, Crossing, Decoded, Detected, Detections, EndOfStream, Frame, Message, Tracks
from stream.transport.codec import Codec

FRAME = Frame("north", 0, 7, 0.28, 123, 640, 360, slot=3)


def detections(n: int) -> Detections:
    xyxy = np.arange(4 * n, dtype=np.float32).reshape(n, 4)
    return Detections(xyxy, np.linspace(0, 1, n, dtype=np.float32), np.arange(n).astype(np.int16) % 6)


def tracks(n: int) -> Tracks:
    return Tracks(
        track_id=np.arange(n, dtype=np.int64),
        xyxy=np.ones((n, 4), np.float32),
        velocity=np.zeros((n, 2), np.float32),
        label=np.full(n, 2, np.int16),
        score=np.full(n, 0.5, np.float32),
        observed=np.ones(n, bool),
        confirmed=np.arange(n) % 2 == 0,
        ended=np.array([41, 42], np.int64),
    )


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, msgspec.Struct):
        fields = a.__struct_fields__
        return type(a) is type(b) and all(same(getattr(a, field), getattr(b, field)) for field in fields)
    return a == b


def wire(message: Message) -> Message:
    return Codec().decode([bytes(part) for part in Codec().encode(message)])


CROSSING = Crossing("north", "A", "in", 9, "car", 7, 0.28, 320.0, 180.5)
MESSAGES = {
    "a picture": Decoded(FRAME, np.arange(96, dtype=np.uint8).reshape(12, 8), np.zeros((4, 8, 3), np.uint8)),
    "a handle": Decoded(FRAME),
    "detections": Detected(FRAME, detections(3)),
    "no detection": Detected(FRAME, Detections.empty()),
    "a frame not looked at": Detected(FRAME, None),
    "tracks": Counted(FRAME, tracks(3), (CROSSING,)),
    "no tracks": Counted(FRAME, tracks(0), ()),
    "an end": EndOfStream("north", 0, 100, {"window full": 3}, ("truncated",), crossings=(CROSSING,)),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_message_is_unchanged_when_sent(message: Message) -> None:
    assert same(wire(message), message)


@given(st.integers(0, 300))
def test_detections_are_unchanged_when_there_are_many(n: int) -> None:
    assert same(wire(Detected(FRAME, detections(n))), Detected(FRAME, detections(n)))


def test_masks_are_unchanged_when_sent() -> None:
    found = msgspec.structs.replace(detections(2), masks=np.full((2, 28, 28), 9, np.uint8))
    assert same(wire(Detected(FRAME, found)), Detected(FRAME, found))


def test_detections_travel_in_one_part_when_they_are_few() -> None:
    """A part of its own costs more than the copy of a small array."""
    assert len(Codec().encode(Detected(FRAME, detections(20)))) == 1
    assert len(Codec().encode(MESSAGES["a picture"])) == 1
    assert len(Codec().encode(Decoded(FRAME, None, np.zeros((256, 416, 3), np.uint8)))) == 2


def foreign(yuv: list[object], *parts: bytes) -> list[bytes]:
    """A picture whose array is described as no sender of ours would."""
    return [msgspec.msgpack.encode({"type": "Decoded", "frame": msgspec.to_builtins(FRAME), "yuv": yuv}), *parts]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([b""], "truncated"),
        ([b"\xc1 nonsense"], "invalid"),
        ([msgspec.msgpack.encode({"type": "Unknown"})], "Unknown"),
        (foreign([3, "|u1", [1]]), "part 3"),
        (foreign([1, "|O", [1]], b"12345678"), "objects"),
    ],
)
def test_decoding_is_refused_when_the_parts_are_foreign(parts: list[bytes], reason: str) -> None:
    with pytest.raises((msgspec.DecodeError, ValueError), match=f"(?i){reason}"):
        Codec().decode(parts)


@pytest.mark.parametrize(
    "arrays",
    [
        (np.zeros((2, 4)), np.zeros(2, np.float32), np.zeros(2, np.int16)),
        (np.zeros((2, 4), np.float32), np.zeros(3, np.float32), np.zeros(2, np.int16)),
        (np.zeros((2, 5), np.float32), np.zeros(2, np.float32), np.zeros(2, np.int16)),
        (np.zeros((2, 4), np.float32), np.zeros(2, np.float32), np.zeros(2, np.int64)),
    ],
    ids=["boxes in f64", "a score too many", "five coordinates", "labels in i64"],
)
def test_detections_are_refused_when_an_array_has_another_form(arrays: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ValueError, match=r"Detections\.\w+: expected"):
        Detections(*arrays)
