"""Plain builders for tests: lists in, small clips and messages out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from stream.messages import Counted, Frame, Tracks

MILLISECONDS = Fraction(1, 1000)


@dataclass(frozen=True)
class Encoding:
    """How make_clip encodes. rotation_deg: counter-clockwise, of the metadata."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    fps: int = 25
    rotation_deg: int = 0
    full_range: bool = False
    matrix: str = "ITU601"  # or ITU709
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast", "g": "8", "crf": "12"})


def make_picture(width: int, height: int, k: int = 0) -> np.ndarray:
    """BGR u8 (height, width, 3): quarters in red, green / blue, light grey, and a dark square that moves with k."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (0, 0, 200)
    picture[: height // 2, width // 2 :] = (0, 200, 0)
    picture[height // 2 :, : width // 2] = (200, 0, 0)
    picture[height // 2 :, width // 2 :] = 200
    side = max(2, height // 8)
    x = 3 * k % (width - side)
    picture[height // 2 - side // 2 : height // 2 + side // 2, x : x + side] = 40
    return picture


def make_clip(
    path: Path,
    pictures: Sequence[np.ndarray],
    times_ms: Sequence[int] | None = None,
    encoding: Encoding = Encoding(),
) -> Path:
    """A video of BGR pictures; the container is named by the suffix. times_ms: one a picture, written as they are,
    wrong ones too (into .mkv, which takes them, with a codec without B-pictures)."""
    wide = 2 if encoding.full_range else 1
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoding.codec, rate=encoding.fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = encoding.pixel_format
        tick = Fraction(1, encoding.fps) if times_ms is None else MILLISECONDS
        stream.time_base = stream.codec_context.time_base = tick
        stream.codec_context.color_range = wide
        stream.codec_context.colorspace = 1 if encoding.matrix == "ITU709" else 6
        stream.options = encoding.options
        if encoding.rotation_deg:
            stream.set_display_rotation(encoding.rotation_deg)
        packets = []
        for k, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame = frame.reformat(format=encoding.pixel_format, dst_colorspace=encoding.matrix, dst_color_range=wide)
            frame.pts, frame.time_base = round(k / encoding.fps / tick), tick
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for k, packet in enumerate(packets):
            if times_ms is not None:
                packet.pts, packet.dts = times_ms[k], times_ms[0]
            container.mux(packet)
    return path


def make_sound(path: Path) -> Path:
    """Half a second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut_off(path: Path, share: float) -> Path:
    """Keep only the first share of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def corrupt(path: Path, share: tuple[float, float] = (0.4, 0.6), seed: int = 1) -> Path:
    """Turn over one byte in twenty in the middle of a file."""
    data, chance = bytearray(path.read_bytes()), random.Random(seed)
    for i in range(int(len(data) * share[0]), int(len(data) * share[1])):
        if chance.random() < 0.05:
            data[i] ^= 0xFF
    path.write_bytes(data)
    return path


def make_tracks(rows: Sequence[tuple], ended: Sequence[int] = ()) -> Tracks:
    """Tracks from rows of (track_id, xyxy, label index, observed, confirmed)."""
    return Tracks(
        track_id=np.array([row[0] for row in rows], np.int64),
        xyxy=np.array([row[1] for row in rows], np.float32).reshape(-1, 4),
        velocity=np.zeros((len(rows), 2), np.float32),
        label=np.array([row[2] for row in rows], np.int16),
        score=np.full(len(rows), 0.9, np.float32),
        observed=np.array([row[3] for row in rows], np.bool_),
        confirmed=np.array([row[4] for row in rows], np.bool_),
        ended=np.array(ended, np.int64),
    )


def make_counted(seq: int, pts_s: float, yuv: np.ndarray | None, tracks: Tracks | None = None) -> Counted:
    """A counted picture of camera "cam" without crossings."""
    width, height = (0, 0) if yuv is None else (yuv.shape[1], yuv.shape[0] * 2 // 3)
    frame = Frame(camera="cam", epoch=0, seq=seq, pts_s=pts_s, captured_ns=0, width=width, height=height)
    return Counted(frame, make_tracks([]) if tracks is None else tracks, (), yuv)


def make_yuv(width: int, height: int, luma: int = 90) -> np.ndarray:
    """A grey 4:2:0 picture u8 (height*3/2, width)."""
    yuv = np.full((height * 3 // 2, width), 128, np.uint8)
    yuv[:height] = luma
    return yuv
