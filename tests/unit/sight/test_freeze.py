"""A frozen picture is told from a still one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import av
import numpy as np
import pytest

from stream.sight.freeze import Freeze
from tests.blobs import blob_picture

FPS, GOP, AFTER_S = 5, 10, 10.0

Scene = Callable[[int, np.random.Generator], np.ndarray]


def street(k: int, chance: np.random.Generator) -> np.ndarray:
    """A street at night without any traffic: nothing but the noise of the sensor, (192, 320, 3)."""
    dark = 16 + 0.15 * blob_picture(0).astype(np.float32)
    return np.clip(dark + chance.normal(0, 2.5, dark.shape), 0, 255).astype(np.uint8)


def frozen(k: int, chance: np.random.Generator) -> np.ndarray:
    return street(0, np.random.default_rng(3))


def black(k: int, chance: np.random.Generator) -> np.ndarray:
    return np.clip(16 + chance.normal(0, 1.5, (192, 320, 3)), 0, 255).astype(np.uint8)


def sent(scene: Scene, seconds: int, options: dict[str, str]) -> Iterator[tuple[np.ndarray, bool, float]]:
    """(luma, whether it is a key picture, time) of a scene that went through an encoder and a decoder."""
    chance = np.random.default_rng(1)
    with av.open(io.BytesIO(), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.height, stream.width, stream.pix_fmt, stream.options = 192, 320, "yuv420p", options
        packets = []
        for k in range(seconds * FPS):
            frame = av.VideoFrame.from_ndarray(scene(k, chance), format="bgr24")
            frame.pts = k
            packets += stream.encode(frame)
        packets += stream.encode(None)
        decoder = av.CodecContext.create("h264", "r")
        decoder.extradata = stream.codec_context.extradata
        frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    for k, frame in enumerate(frames):
        luma = frame.to_ndarray()[: frame.height]
        yield luma, frame.key_frame, k / FPS


STARVED = {"preset": "medium", "g": str(GOP), "crf": "40"}
ENCODERS = {
    "plain": {"preset": "ultrafast", "g": str(GOP)},
    "with B-pictures": {"preset": "veryfast", "g": str(GOP), "bf": "2"},
    "starved of bits": STARVED,
    "at a fixed rate": {"preset": "veryfast", "g": str(GOP), "b": "60k", "maxrate": "60k", "bufsize": "60k"},
}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_empty_street_is_not_frozen_when_it_is_night(encoder: str) -> None:
    freeze = Freeze(AFTER_S)
    assert [freeze.look(*picture) for picture in sent(street, 60, ENCODERS[encoder])] == [None] * 60 * FPS


@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name != "at a fixed rate"])
def test_picture_is_frozen_when_the_same_is_encoded_again_and_again(encoder: str) -> None:
    freeze = Freeze(AFTER_S)
    told = [freeze.look(*picture) for picture in sent(frozen, 30, ENCODERS[encoder])]
    first = next(k for k, since_s in enumerate(told) if since_s is not None)
    assert AFTER_S <= first / FPS <= AFTER_S + 8
    assert told[-1] is not None


def test_picture_moves_again_when_the_camera_wakes_up() -> None:
    freeze = Freeze(2.0)
    still, other = np.full((90, 160), 80, np.uint8), np.full((90, 160), 90, np.uint8)
    assert [freeze.look(still, k % 5 == 0, k / 5) for k in range(20)][-1] == 0.0
    assert freeze.look(other, False, 4.0) is None


def test_picture_moves_again_when_a_quiet_night_goes_on() -> None:
    """So little changes that only the key pictures show it."""
    freeze = Freeze(AFTER_S)
    pictures = sent(lambda k, chance: (frozen if k < 150 else street)(k, chance), 60, STARVED)
    told = [freeze.look(*picture) is not None for picture in pictures]
    assert any(told[:150]) and not any(told[200:])


def test_passing_car_is_no_frozen_picture_when_keys_repeat() -> None:
    """Key pictures can be the same by chance, a blob on grey in a test's loop say: what moves between them counts."""
    freeze, picture = Freeze(2.0), np.full((90, 160), 80, np.uint8)
    for k in range(100):
        moving = picture.copy()
        if k % 5:
            moving[20:50, 10 + k % 5 * 20 : 50 + k % 5 * 20] = 200
        assert freeze.look(moving, k % 5 == 0, k / 5) is None


def test_stream_without_keys_is_frozen_only_when_it_repeats_for_long() -> None:
    freeze, picture = Freeze(2.0), np.full((90, 160), 80, np.uint8)
    told = [freeze.look(picture, k == 0, k / 5) for k in range(60)]
    assert told[39] is None and told[40] == 0.0
