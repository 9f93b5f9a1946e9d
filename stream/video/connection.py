"""One attempt to read a camera, in a thread of its own, so that whoever waits for pictures never waits for a camera.

FFmpeg's own deadlines end nearly every wait. What they cannot end (a name server, a driver, a disk that is gone) only
stops this thread: it is left behind, and ends by itself when its call returns.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import cast

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stream.errors import SourceError
from stream.sources import comes_in_bursts, endpoint_of, is_device, is_live, masked
from stream.video.packets import Coded, Tap
from stream.video.reading import PLAIN, Reading
from stream.video.source import VideoInfo, describe, reason_of, video_stream

REACH_S = 1.5  # for a camera to answer at all; asked for anew soon, so that one that comes back is met soon
BURSTS = 6  # times the patience with a source that comes in bursts
MOST_PACKETS = 1000  # that wait with one picture: of a worker that takes none, no more are kept
FAILED = 25  # packets that a device fails to decode before the first picture: it will not decode any
LOOK_S = 0.2  # how often a thread that waits for room looks whether it was left behind
WALLCLOCK = struct.Struct("<q")  # AVProducerReferenceTime: microseconds since 1970


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a camera may take: to be opened and give a first picture (it comes with the next key picture, which may
    be ten seconds away), and from one picture to the next."""

    open_s: float = 15.0
    picture_s: float = 5.0

    @classmethod
    def of(cls, timeout_s: float, source: str) -> Patience:
        """From one figure, seconds between two pictures; more for a source that sends some seconds at once."""
        bursts = BURSTS if comes_in_bursts(source) else 1
        return cls(3 * timeout_s * bursts, timeout_s * bursts)


@dataclass(frozen=True, slots=True)
class Arrived:
    """index: of the picture in its connection; raw_s: its stamp; utc_s: what the camera says its time is; packets: that
    came since the picture before, where they are kept."""

    index: int
    frame: VideoFrame
    raw_s: float | None
    arrived_ns: int
    utc_s: float | None
    packets: tuple[Coded, ...] = ()


class Connection:
    """Reads and decodes from its making until something ends it. Keeps the newest `keep` pictures, or, where `waits`,
    reads no further until there is room."""

    def __init__(
        self,
        source: str,
        patience: Patience,
        keep: int,
        *,
        waits: bool = False,
        reading: Reading = PLAIN,
    ) -> None:
        self.decoded = self.dropped = self.damaged = 0
        self.info: VideoInfo | None = None  # known with the first picture
        self.ended: str | None = None  # why
        self._source, self._patience = source, patience
        self._keep, self._waits = keep, waits
        self._reading = reading
        self._tap: Tap | None = None
        self._arrived: deque[Arrived] = deque()
        self._condition = threading.Condition()
        self._abandoned = False
        self._alive_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"camera {masked(source)}", daemon=True)
        self._thread.start()

    def take(self, wait_s: float) -> Arrived | None:
        """The next picture; None when none comes in time."""
        with self._condition:
            if not self._arrived and self.ended is None:
                self._condition.wait(wait_s)
            if not self._arrived:
                return None
            self._alive_s = time.monotonic()
            self._condition.notify_all()
            return self._arrived.popleft()

    def overdue(self, grace_s: float) -> str | None:
        """What is wrong if nothing came for longer than patience allows and this grace; else None."""
        silent_s = time.monotonic() - self._alive_s
        if self.ended is not None or silent_s <= grace_s + (
            self._patience.picture_s if self.decoded else self._patience.open_s
        ):
            return None
        return f"no picture for {silent_s:.1f} s"

    def abandon(self) -> int:
        """Never look at it again; returns how many of its pictures nobody has taken."""
        with self._condition:
            self._abandoned = True
            left = len(self._arrived)
            self._arrived.clear()
            self._condition.notify_all()
            return left

    def is_stuck(self, wait_s: float = 0) -> bool:
        """Whether its thread has not ended after this wait."""
        self._thread.join(wait_s)
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._read()
            why = "the stream ended"
        except SourceError as error:
            why = error.what
        except (av.FFmpegError, OSError, ValueError) as error:
            why = reason_of(error)
        except Exception as error:  # whatever it is, the camera is tried again and the reason is told
            why = f"unexpected {type(error).__name__}: {error}"
        with self._condition:
            self.ended = masked(why)
            self._condition.notify_all()

    def _read(self) -> None:
        _reach(self._source)
        with open_live(self._source, self._patience, self._reading) as container:
            stream = video_stream(container, self._source)
            stream.thread_type, stream.codec_context.thread_count = "NONE", 1
            stream.codec_context.flags |= Flags.copy_opaque  # a picture remembers the packet that it came with
            self._tap = Tap(stream) if self._reading.packets else None
            seen_key = False
            try:
                for packet in container.demux(stream):
                    if self._abandoned:
                        return
                    seen_key = seen_key or packet.is_keyframe
                    if seen_key and packet.size:  # what comes before cannot be decoded whole
                        if self._tap is not None:
                            self._tap.see(packet)
                        packet.opaque = time.monotonic_ns(), _utc_s(packet)
                        self._decode(packet, container, stream)
            finally:
                self._decode(None, container, stream)  # the last pictures wait in the decoder

    def _decode(self, packet: Packet | None, container: InputContainer, stream: VideoStream) -> None:
        try:
            frames = stream.codec_context.decode(packet)
        except av.FFmpegError as error:
            self.damaged += 1
            if self.damaged >= FAILED and not self.decoded and stream.codec_context.is_hwaccel:
                self._reading.hardware.give_up(reason_of(error))
                raise
            return
        for frame in frames:
            if self.info is None:
                self.info = describe(stream, container, frame)
            self._put(frame)

    def _put(self, frame: VideoFrame) -> None:
        of_packet = cast(tuple[int, float | None] | None, frame.opaque)
        arrived_ns, utc_s = of_packet or (time.monotonic_ns(), None)
        raw_s = None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)
        self.damaged += frame.is_corrupt
        with self._condition:
            self._alive_s = time.monotonic()
            while self._waits and len(self._arrived) >= self._keep and not self._abandoned:
                self._condition.wait(LOOK_S)
            if self._abandoned:
                return  # nobody counts it any more
            packets = self._tap.take() if self._tap is not None else ()
            self._arrived.append(Arrived(self.decoded, frame, raw_s, arrived_ns, utc_s, packets))
            if len(self._arrived) > self._keep:
                late = self._arrived.popleft()
                self.dropped += 1
                if len(late.packets) < MOST_PACKETS:  # they go with the next picture
                    self._arrived[0] = replace(self._arrived[0], packets=late.packets + self._arrived[0].packets)
            self.decoded += 1
            self._condition.notify_all()


def open_live(source: str, patience: Patience, reading: Reading) -> InputContainer:
    """The opened container of a camera or of a growing file; the caller closes it. Raises av.FFmpegError, OSError."""
    options = {"analyzeduration": str(round(reading.analyse_s * 1e6))}
    name, device = source, "video4linux2" if is_device(source) else None
    if source.startswith("rtsp"):
        options |= {"rtsp_transport": "tcp", "timeout": str(round(patience.picture_s * 1e6))}
    elif not is_live(source):  # at the end of the file, wait for more; never look for the end
        name, options = f"file:{source}", {"follow": "1", "seekable": "0"}
    timeout = patience.open_s, patience.picture_s
    return reading.hardware.open(name, format=device, options=options, timeout=timeout)


def _reach(source: str) -> None:
    """See soon whether anybody answers there. FFmpeg alone would wait as long as for a slow camera."""
    endpoint = endpoint_of(source)
    if endpoint is None:
        return
    try:
        socket.create_connection(endpoint, REACH_S).close()
    except OSError as error:
        why = "nothing answers" if isinstance(error, TimeoutError) else reason_of(error)
        raise SourceError(masked(source), f"{endpoint[0]}:{endpoint[1]}: {why}", "is the camera on?") from error


def _utc_s(packet: Packet) -> float | None:
    """The time of day in a packet: FFmpeg derives it from the camera's RTCP sender reports, once one has come."""
    if not packet.has_sidedata("prft"):
        return None
    return float(WALLCLOCK.unpack_from(bytes(packet.get_sidedata("prft")))[0] / 1e6)
