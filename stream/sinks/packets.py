"""One file of packets that were encoded by somebody else: fragmented MP4, as the annotated video's."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream

from stream.errors import OutputError
from stream.sinks.video import MOVFLAGS, TIME_BASE

FRAGMENT_US = 500_000  # with the look at the disk twice a second: a power cut costs less than a second


class PacketVideo:
    """Its time begins with its first picture, a key picture. Raises OutputError when it cannot write."""

    def __init__(self, path: Path, template: Stream) -> None:
        self.path = path
        self._began_s = 0.0
        self._dts: int | None = None  # of the packet before
        self._open = True
        options = {"movflags": MOVFLAGS, "frag_duration": str(FRAGMENT_US), "flush_packets": "1"}
        try:
            self._container = av.open(f"file:{path}", "w", format="mp4", options=options)
            self._stream = self._container.add_stream_from_template(template, opaque=True)
            self._stream.time_base = TIME_BASE
            self._container.start_encoding()
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failure(error) from error

    def write(self, packet: Packet, pts_s: float, dts_s: float | None) -> None:
        """The next packet in decoding order, at these times of the camera's clock. Takes the packet over."""
        if self._dts is None:
            self._began_s = pts_s
        pts = round((pts_s - self._began_s) / TIME_BASE)
        if pts < 0:
            return  # it leads the first key picture and refers to one before that
        dts = pts if dts_s is None else round((dts_s - self._began_s) / TIME_BASE)
        if self._dts is not None:
            dts = self._dts + 1 if dts_s is None else max(dts, self._dts + 1)
        packet.time_base, packet.stream = TIME_BASE, self._stream
        packet.pts, packet.dts = max(pts, dts), dts
        self._dts = dts
        try:
            self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            self._open = False
            with suppress(av.FFmpegError, OSError):
                self._container.close()
            raise self._failure(error) from error

    def close(self) -> None:
        """Write the index. Raises OutputError when it cannot; safe to call twice."""
        if not self._open:
            return
        self._open = False
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> OutputError:
        fix = "free some space or choose another folder with --out; --record annotated encodes anew"
        return OutputError.refused(self.path, "written", error, fix)
