"""Record: the end of the line. Hands every counted frame to the sinks of its camera."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from stream.cameras import CameraPlan
from stream.errors import OutputError
from stream.latency import Latency
from stream.messages import Counted, EndOfStream, Frame, Message, Told
from stream.metrics import Metrics
from stream.sinks import Sink, open_sink
from stream.topology import WorkerPlan

OF_TRACKS = ("events", "tracks", "trajectories")
OF_PICTURES = ("background", "strips")
FLUSH_S = 0.5  # at most so much is lost to a kill


class Record:
    """The sinks of all cameras of one worker."""

    notes: tuple[str, ...] = ()
    wait_s: float | None = FLUSH_S

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        self._metrics = metrics
        self._sinks: dict[str, list[Sink]] = {}
        self._flushed_s = time.monotonic()
        live = [camera.name for camera in work.cameras if camera.live]
        self._latency = {(name, to): Latency() for name in live for to in ("event", "video")}
        with ExitStack() as opened:
            for camera in work.cameras:
                _make(Path(camera.folder))
                sinks = self._sinks.setdefault(camera.name, [])
                for name in _names(camera):
                    sinks.append(open_sink(name, camera, Path(work.folder)))
                    opened.callback(sinks[-1].close)
            self._opened = opened.pop_all()

    def process(self, message: Message) -> Iterable[Message]:
        if isinstance(message, EndOfStream):
            for sink in self._sinks[message.camera]:
                sink.end(message)
            return [message]
        if isinstance(message, Told):
            for sink in self._sinks[message.camera]:
                sink.hear(message)
            return [message]
        assert isinstance(message, Counted)
        self._write(message)
        self._metrics.count("roadtally_frames_total", camera=message.frame.camera)
        self.poll()
        return [message]

    def poll(self) -> Iterable[Message]:
        if time.monotonic() - self._flushed_s > FLUSH_S:
            self._flushed_s = time.monotonic()
            for sinks in self._sinks.values():
                for sink in sinks:
                    sink.flush()
            for (camera, to), latency in self._latency.items():
                for name, value_s in latency.figures().items():
                    self._metrics.set("roadtally_latency_seconds", value_s, camera=camera, to=to, figure=name)
        return ()

    def _write(self, counted: Counted) -> None:
        """To the sinks of tracks first: an event is known before its picture is drawn."""
        frame = counted.frame
        sinks = self._sinks[frame.camera]
        for sink in sinks[: len(OF_TRACKS)]:
            sink.write(counted)
        self._measure(frame, "event")
        for sink in sinks[len(OF_TRACKS) :]:
            sink.write(counted)
        if counted.yuv is not None:
            self._measure(frame, "video")

    def _measure(self, frame: Frame, to: str) -> None:
        if (frame.camera, to) in self._latency:
            self._latency[frame.camera, to].add((time.monotonic_ns() - frame.captured_ns) / 1e9)

    def close(self) -> None:
        """Every sink is closed, even when another cannot be; the first error is raised."""
        self._opened.close()


def _names(camera: CameraPlan) -> tuple[str, ...]:
    """The sinks of a camera. The video comes last, since it draws on the picture."""
    if camera.record == "annotated":
        return (*OF_TRACKS, *OF_PICTURES, "segments" if camera.live else "video")
    return (*OF_TRACKS, "clips") if camera.record == "events" else OF_TRACKS


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            str(folder), f"cannot be made: {error.strerror}", "choose another folder with --out"
        ) from error
