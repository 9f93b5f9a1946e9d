"""A stream's own packets, kept beside its pictures so that they can be recorded without encoding."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

RAW_FORMATS = {"h264": "h264", "hevc": "hevc"}  # codecs whose packets a raw reader understands
MOST = 2000  # packets without a picture; of a decoder that gives none, no more are kept


class Coding:
    """What a file must know to hold the packets of a stream: codec, size, parameters. Outlives the stream."""

    def __init__(self, stream: VideoStream) -> None:
        self._holder = av.open(io.BytesIO(), "w", format="matroska")
        self.template: Stream = self._holder.add_stream_from_template(stream, opaque=True)


@dataclass(frozen=True, slots=True)
class Coded:
    """A packet with its coding. index: of the packet in its stream; after a gap, packets need a key picture first."""

    packet: Packet
    coding: Coding
    index: int


class Tap:
    """Collects the packets of an open stream until somebody takes them.

    Cameras send their parameters again with each key picture. Where these change (another resolution, say), so does
    the coding: what follows must not go into the same file.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._coding = Coding(stream)
        self._raw_format = RAW_FORMATS.get(stream.codec_context.name, "")
        self._parameters_of = BitStreamFilterContext("extract_extradata", stream) if self._raw_format else None
        self._parameters: bytes | None = None
        self._waiting: list[Coded] = []
        self._index = 0

    def see(self, packet: Packet) -> None:
        """A packet in the order of decoding, before it is decoded."""
        if not packet.size:
            return
        if packet.is_keyframe and self._parameters_of is not None:
            self._look_at_parameters(packet)
        if len(self._waiting) < MOST:
            self._waiting.append(Coded(packet, self._coding, self._index))
        self._index += 1

    def take(self) -> tuple[Coded, ...]:
        """What came since the last call."""
        taken, self._waiting = tuple(self._waiting), []
        return taken

    def _look_at_parameters(self, packet: Packet) -> None:
        assert self._parameters_of is not None
        try:
            filtered = self._parameters_of.filter(Packet(bytes(packet)))  # a copy: the filter takes it away
            found = [bytes(one.get_sidedata("new_extradata")) for one in filtered if one.has_sidedata("new_extradata")]
            if not found or found[0] == self._parameters:
                return
            before, self._parameters = self._parameters, found[0]
            if before is not None:
                with av.open(io.BytesIO(bytes(packet)), format=self._raw_format) as alone:
                    self._coding = Coding(alone.streams.video[0])
        except (av.FFmpegError, ValueError, IndexError):
            return  # damaged on the way, or not in this form: the coding stays as it is
