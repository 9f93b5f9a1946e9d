"""A camera in a process of its own, for tests: made, spoken to, ended."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from tests.live.units import store_units

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
FPS = 25
FAST = {"preset": "ultrafast", "g": "25"}


def missing() -> str:
    """Why there can be no camera here; empty where there can."""
    wanted = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    try:
        found = subprocess.run([SYSTEM_PYTHON, "-c", wanted], capture_output=True, timeout=250)
    except OSError:
        return f"there is no {SYSTEM_PYTHON}"
    return "" if found.returncode == 0 else "GStreamer's RTSP server is not installed (gir1.2-gst-rtsp-server-1.0)"


def write_units(
    path: Path,
    pictures: Iterable[np.ndarray],
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    fps: int = FPS,
) -> Path:
    """Encoded BGR pictures, in decoding order, each with its times: what the server sends."""
    with av.open(io.BytesIO(), "w", format="hevc" if codec == "libx265" else "h264") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.pix_fmt = "yuv420p"
        stream.options = FAST if options is None else options
        packets = []
        for k, picture in enumerate(pictures):
            if k == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = k
            packets += stream.encode(frame)
        packets += stream.encode(None)
        tick_ms = 1000 * packets[0].time_base
        store_units(path, [(round(p.pts * tick_ms), round(p.dts * tick_ms), bytes(p)) for p in packets])
    return path


class Camera:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the RTSP server did not start"
        self.port = int(line)

    def tell(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()


@contextmanager
def camera(units: Path, *options: str) -> Iterator[Camera]:
    """A camera that sends these pictures at rtsp://127.0.0.1:port/road."""
    command = [SYSTEM_PYTHON, str(SERVER), str(units), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Camera(process)
        finally:
            process.kill()
