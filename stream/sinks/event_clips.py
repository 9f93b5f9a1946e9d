"""A few seconds around each crossing, cut from the buffer of packets that the decoder's side keeps."""

from __future__ import annotations

import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import msgspec
from av.video.stream import VideoStream

from stream.errors import OutputError
from stream.messages import Counted, Crossing, EndOfStream, Frame, Gap, Told
from stream.plan.cameras import CameraPlan
from stream.sinks.original import BUFFER, part_began_s, parts_of
from stream.sinks.packets import PacketVideo
from stream.sinks.shelf import STAMP, Shelf

MOST_S = 20.0  # of one clip: where crossings follow each other without end, clips do
LATE_S = 5.0  # a part that is missing so long after its event was over will not come


class Event(msgspec.Struct, array_like=True):
    """Crossings that lie so near each other that their seconds overlap."""

    from_s: float
    to_s: float
    lines: list[str] = []


class EventClips:
    """One file an event, named by time and lines. Cut at key pictures: the beginning may lie a little earlier."""

    def __init__(self, camera: CameraPlan) -> None:
        self._camera = camera
        self._buffer = Path(camera.folder) / BUFFER
        self._shelf = Shelf(Path(camera.folder), "event")
        self._events: deque[Event] = deque()
        self._frame: Frame | None = None  # the newest
        self._over_since_s: float | None = None  # monotonic: a file's seconds pass faster than the disk's

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> EventClips:
        del run_folder
        return cls(camera)

    def write(self, counted: Counted) -> None:
        self._frame = counted.frame
        self._remember(counted.crossings)

    def hear(self, told: Told) -> None:
        if isinstance(told, Gap):
            self._remember(told.crossings)

    def end(self, end: EndOfStream) -> None:
        self._remember(end.crossings)

    def state(self) -> bytes:
        return msgspec.msgpack.encode(list(self._events))

    def restore(self, state: bytes | None) -> None:
        """Events whose time is not over are known again; their packets wait in the buffer."""
        self._events = deque(msgspec.msgpack.decode(state, type=list[Event]) if state else [])

    def flush(self) -> None:
        """Cut the events whose time is over."""
        while self._events and self._is_over(self._events[0]):
            self._cut(self._events.popleft())
            self._over_since_s = None

    def close(self) -> None:
        while self._events:
            self._cut(self._events.popleft())
        self._shelf.close()
        shutil.rmtree(self._buffer, ignore_errors=True)

    def _remember(self, crossings: Iterable[Crossing]) -> None:
        keep = self._camera.keep
        for crossing in sorted(crossings, key=lambda c: c.pts_s):
            from_s, to_s = crossing.pts_s - keep.before_s, crossing.pts_s + keep.after_s
            last = self._events[-1] if self._events else None
            if last is None or from_s > last.to_s or to_s - last.from_s > MOST_S:
                last = Event(from_s if last is None else max(from_s, min(last.to_s, crossing.pts_s)), to_s)
                self._events.append(last)
            last.to_s = max(last.to_s, to_s)
            if crossing.line not in last.lines:
                last.lines.append(crossing.line)

    def _is_over(self, event: Event) -> bool:
        if self._frame is None or self._frame.pts_s <= event.to_s:
            self._over_since_s = None
            return False
        now_s = time.monotonic()
        self._over_since_s = self._over_since_s or now_s
        parts = parts_of(self._buffer)
        return bool(parts) and (part_began_s(parts[-1]) > event.to_s or now_s - self._over_since_s > LATE_S)

    def _cut(self, event: Event) -> None:
        parts = parts_of(self._buffer)
        begins_s = [part_began_s(path) for path in parts]
        ends_s = [*begins_s[1:], float("inf")]
        cutter = _Cutter(event, self._path)
        try:
            for path, began_s, end_s in zip(parts, begins_s, ends_s, strict=True):
                if began_s <= event.to_s and end_s > event.from_s:
                    cutter.add(path, began_s)
        except (av.FFmpegError, OSError) as error:
            raise OutputError.refused(self._buffer, "read", error, "is something else tidying it?") from error
        finally:
            cutter.close()

    def _path(self, began_s: float, event: Event) -> Path:
        assert self._frame is not None
        if self._camera.live:
            age_s = (time.monotonic_ns() - self._frame.captured_ns) / 1e9 + self._frame.pts_s - began_s
            when = time.strftime(STAMP, time.gmtime(time.time() - age_s))
        else:
            when = time.strftime("%Hh%Mm%Ss", time.gmtime(max(0.0, began_s)))
        lines = "+".join(re.sub(r"[^A-Za-z0-9_-]+", "-", line) for line in event.lines[:4])
        return self._shelf.place(began_s, f"{when}-{lines}")


class _Cutter:
    """Joins parts of the buffer to one file; to several where the camera's picture changed in between."""

    def __init__(self, event: Event, place: Callable[[float, Event], Path]) -> None:
        """place: gives a path for a file that begins at this pts."""
        self._event, self._place = event, place
        self._video: PacketVideo | None = None
        self._coding: tuple[object, ...] = ()

    def add(self, path: Path, began_s: float) -> None:
        with av.open(f"file:{path}") as part:
            stream = part.streams.video[0]
            if self._video is None or _coding_of(stream) != self._coding:
                self.close()
                self._coding = _coding_of(stream)
                self._video = PacketVideo(self._place(began_s, self._event), stream)
            shift_s = began_s - float((stream.start_time or 0) * (stream.time_base or 0))
            for packet in part.demux(stream):
                if not packet.size or packet.pts is None or packet.dts is None:
                    continue
                pts_s, dts_s = (float(ticks * packet.time_base) + shift_s for ticks in (packet.pts, packet.dts))
                if dts_s > self._event.to_s:
                    break
                self._video.write(packet, pts_s, dts_s)

    def close(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.close()


def _coding_of(stream: VideoStream) -> tuple[object, ...]:
    context = stream.codec_context
    return context.name, context.width, context.height, context.extradata
