"""A camera that sends MPEG-TS over HTTP, whose clock can jump: for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from tests.live.camera import FPS
from tests.live.units import Unit, read_units

MS = Fraction(1, 1000)
BEGIN_MS = 2_000_000  # so that there is something to jump back to
JUMP_AFTER = 50  # pictures, with a key picture


def send(sink: Any, units: list[Unit], jump_s: float) -> None:
    """In real time; after JUMP_AFTER pictures a new stream begins, as if the encoder had started again."""
    started_s = time.monotonic()
    for first, last, shift_ms in ((0, JUMP_AFTER, 0), (JUMP_AFTER, 100000, round(jump_s * 1000))):
        with av.open(sink, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            stream = container.add_stream("h264", rate=FPS)
            stream.width, stream.height = 320, 192
            for k in range(first, last):
                time.sleep(max(0.0, started_s + k / FPS - time.monotonic()))
                packet = Packet(units[k % len(units)][2])
                packet.stream, packet.time_base = stream, MS
                packet.pts = packet.dts = BEGIN_MS + shift_ms + round(1000 * k / FPS)
                container.mux(packet)


@contextmanager
def http_camera(units: Path, jump_s: float) -> Iterator[int]:
    """Gives the port."""
    pictures = read_units(units)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            with suppress(OSError, av.FFmpegError):  # the client leaves when it has seen enough
                send(self.wfile, pictures, jump_s)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
