"""Pictures of a source in presentation order, with time stamps that increase, and an account of what was lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from stream.errors import SourceError
from stream.video.clock import PictureClock
from stream.video.hardware import SOFTWARE, Hardware
from stream.video.packets import Tap
from stream.video.position import SEEK_BACK_S, Position, checksum_of
from stream.video.source import open_source, probe, video_stream

NO_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS: raw streams
READ_ERRORS = 10  # read errors in a row after which a source is given up
MISSING_SHARE, MISSING_S = 0.02, 1.0  # a file that ends this much before its announced end was cut off


class VideoReader:
    """An open source: a context manager, and an iterator over (av.VideoFrame, pts_s) that can be used once.

    pts_s is seconds since the start of the stream, strictly increasing. One thread is cheapest in processor time a
    picture; more threads shorten the time a single large picture takes. The decoder releases the GIL.
    Raises SourceError when the source cannot be opened or gives no picture. Damage further on is no error: decoding
    goes on, and `problems` and `notes` tell of it.
    """

    def __init__(self, source: str, threads: int = 1, hardware: Hardware = SOFTWARE) -> None:
        self.source = source
        self.info = probe(source)
        self._clock = PictureClock(self.info.fps)
        self._hardware = hardware
        self._open(threads)

    def _open(self, threads: int) -> None:
        """At the first picture."""
        self._container = open_source(self.source, self._hardware)
        self._stream = video_stream(self._container, self.source)
        self._stream.thread_type = "NONE" if threads == 1 else "AUTO"
        self._stream.codec_context.thread_count = threads
        self._alone = len(self._container.streams) == 1  # else the sound may be what lasts longest
        # AVI stores decoding times only; what FFmpeg makes of them for B-pictures steps back and forth.
        self._by_decoding_time = self._container.format.name == "avi"
        self._start: int | None = None if self._by_decoding_time else self._stream.start_time or 0
        self._ticks: int | None = None
        self._packets = self._pictures = self._unread = self._undecoded = self._corrupt = 0
        self._end_s = 0.0
        self._ended = False
        self._last: VideoFrame | None = None
        self._found = self._all()
        self._target: Position | None = None
        self._sought = False
        self._tap: Tap | None = None

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def tap(self) -> Tap:
        """Keep the packets beside the pictures from here on."""
        self._tap = Tap(self._stream)
        return self._tap

    def close(self) -> None:
        """Free the decoder and the file; safe to call twice."""
        self._container.close()

    def __iter__(self) -> Iterator[tuple[VideoFrame, float]]:
        for picture, packet in self._found:
            self._pictures += 1
            self._corrupt += picture.is_corrupt
            self._last = picture
            yield picture, self._clock.stamp(self._raw_s(picture, packet))
        self._ended = True
        if not self._pictures:
            raise SourceError(self.source, "not one picture could be decoded", "check that a player shows it")

    def seek(self, at_s: float) -> None:
        """Begin with a key picture before at_s, where the source can be sought in. Only before the first picture.
        Times are the same as without, if no stamp needs a repair."""
        if self._has_stamps and self._stream.time_base is not None:
            first = self._start or 0
            ticks = first + round((at_s - SEEK_BACK_S) / self._stream.time_base)
            with suppress(av.FFmpegError):
                self._container.seek(max(ticks, first), stream=self._stream)

    def position(self) -> Position:
        """After the picture that was given last. Raises SourceError before the first."""
        if self._last is None:
            raise SourceError(self.source, "expected a picture before the position is asked for")
        losses = (self._unread, self._undecoded, self._corrupt)
        checksum, clock = checksum_of(self._last), self._clock.state()
        return Position(self._pictures, self._last.pts, checksum, clock, self._packets, losses, self._end_s)

    def go_to(self, position: Position) -> None:
        """Set out for a position of a reader of the same file; arrive() goes there. Only before the first picture."""
        self._target = position
        self._sought = self._has_stamps and position.ticks is not None and not position.clock.repairs
        if self._sought:
            assert position.ticks is not None and self._stream.time_base is not None
            back = round(SEEK_BACK_S / self._stream.time_base)
            try:
                self._container.seek(max(position.ticks - back, self._start or 0), stream=self._stream)
            except av.FFmpegError:
                self._begin_anew()

    def arrive(self) -> bool:
        """Go one picture on towards the position; True when there. It is sought by its time stamp and known by its
        pixels; where that fails, pictures are counted from the first. Raises SourceError if it is not in the file."""
        target = self._target
        assert target is not None
        for picture, packet in self._found:
            self._raw_s(picture, packet)
            self._pictures += 1
            if (self._sought or self._pictures == target.pictures) and target.is_at(picture):
                self._settle(picture)
                return True
            if not (self._is_beyond(picture) if self._sought else self._pictures >= target.pictures):
                return False
            break
        if not self._sought:
            fix = "give the file that the run began with, or begin a new run"
            raise SourceError(self.source, f"picture {target.pictures} is not the one that it was", fix)
        self._begin_anew()
        return False

    def _is_beyond(self, picture: VideoFrame) -> bool:
        assert self._target is not None and self._target.ticks is not None
        return picture.pts is None or picture.pts >= self._target.ticks

    def _begin_anew(self) -> None:
        target, threads = self._target, self._stream.codec_context.thread_count
        self._container.close()
        self._open(threads)
        self._target = target

    def _settle(self, picture: VideoFrame) -> None:
        """Be as if all pictures up to here had been given."""
        target, self._target = self._target, None
        assert target is not None
        self._pictures, self._packets, self._end_s = target.pictures, target.packets, target.end_s
        self._unread, self._undecoded, self._corrupt = target.losses
        self._clock.restore(target.clock)
        self._last = picture

    @property
    def _has_stamps(self) -> bool:
        return not self._by_decoding_time and not self._container.format.flags & NO_TIMESTAMPS

    @property
    def problems(self) -> list[str]:
        """What was lost so far, one line each; empty for a whole file. A file that is cut off is known at its end."""
        lost = [
            (self._unread, "parts of the file that could not be read whole"),
            (self._undecoded, "packets that could not be decoded: their pictures are missing"),
            (self._corrupt, "damaged pictures: decoded from incomplete data"),
        ]
        return [f"{what}: {count}" for count, what in lost if count] + (self._cut_off() if self._ended else [])

    @property
    def notes(self) -> list[str]:
        """What was repaired so far without a loss: time stamps."""
        return self._clock.repairs()

    def _all(self) -> Iterator[tuple[VideoFrame, Packet]]:
        """Every picture, and the packet with which it came."""
        for packet in self._demuxed():
            for picture in self._decoded(packet):
                yield picture, packet

    def _demuxed(self) -> Iterator[Packet]:
        """Packets up to the end; a read error in the middle is counted and stepped over."""
        errors_in_a_row = 0
        while errors_in_a_row < READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    errors_in_a_row = 0
                    self._count(packet)
                    if self._tap is not None:
                        self._tap.see(packet)
                    yield packet
                return
            except av.FFmpegError:
                errors_in_a_row += 1
                self._unread += 1

    def _count(self, packet: Packet) -> None:
        if packet.size:
            self._packets += 1
            self._unread += packet.is_corrupt
        ticks = packet.dts if packet.pts is None else packet.pts
        if ticks is not None:
            self._end_s = max(self._end_s, float((ticks + (packet.duration or 0)) * packet.time_base))

    def _decoded(self, packet: Packet) -> list[VideoFrame]:
        try:
            return packet.decode()
        except av.FFmpegError:
            self._undecoded += 1
            return []

    def _raw_s(self, picture: VideoFrame, packet: Packet) -> float | None:
        ticks = packet.dts if self._by_decoding_time else picture.pts
        if ticks is None and self._by_decoding_time and self._ticks is not None:
            # The decoder's last pictures come without a packet.
            ticks = self._ticks + round(1 / (self.info.fps * packet.time_base))
        if ticks is None:
            return None
        if self._start is None:
            self._start = ticks
        self._ticks = ticks
        return float((ticks - self._start) * packet.time_base)

    def _cut_off(self) -> list[str]:
        """A line if the file ends before the end that its header announces."""
        announced, announced_s = self.info.frames or 0, self.info.duration_s or 0.0
        if self._packets < announced * (1 - MISSING_SHARE):
            return [f"the file is cut off: {self._packets} of {announced} announced pictures are in it"]
        if not announced and self._alone and self._end_s < announced_s * (1 - MISSING_SHARE) - MISSING_S:
            return [f"the file is cut off: it ends at {self._end_s:.1f} of {announced_s:.1f} s"]
        return []
