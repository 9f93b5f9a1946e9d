"""Record: the end of the line. Hands every counted frame to the sinks of its camera."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from stream.errors import OutputError
from stream.messages import Checkpoint, Counted, EndOfStream, Frame, Message, Restore, Told
from stream.metrics import Metrics
from stream.plan.cameras import CameraPlan
from stream.plan.topology import WorkerPlan
from stream.records.claim import Claim
from stream.sinks import Durable, Sink, open_sink
from stream.sinks.events import Events
from stream.sinks.quota import Quota
from stream.stages.latency import Latency

CLAIM_S = 5.0  # for a recorder that was killed to be gone
OF_TRACKS = ("events", "tracks", "trajectories")
OF_PICTURES = ("background", "strips")
FLUSH_S = 0.5  # at most so much is lost to a kill, of what a checkpoint does not bring back


class Record:
    """The sinks of all cameras of one worker."""

    notes: tuple[str, ...] = ()
    wait_s: float | None = FLUSH_S

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        self._metrics = metrics
        self._sinks: dict[str, dict[str, Sink]] = {}
        self._events: dict[str, Events] = {}
        self._flushed_s = time.monotonic()
        live = [camera.name for camera in work.cameras if camera.live]
        self._latency = {(name, to): Latency() for name in live for to in ("event", "video")}
        with ExitStack() as opened:
            opened.callback(Claim(Path(work.folder), CLAIM_S).close)
            self._quota = Quota(Path(work.folder), work.cameras[0].keep)  # that of the run
            opened.callback(self._quota.close)
            for camera in work.cameras:
                _make(Path(camera.folder))
                sinks = self._sinks.setdefault(camera.name, {})
                for name in _names(camera):
                    sinks[name] = open_sink(name, camera, Path(work.folder))
                    opened.callback(sinks[name].close)
                assert isinstance(sinks["events"], Events)
                self._events[camera.name] = sinks["events"]
            self._opened = opened.pop_all()

    def process(self, message: Message) -> Iterable[Message]:
        if isinstance(message, Counted):
            self._write(message)
            self.poll()
        elif isinstance(message, Checkpoint):
            self._seal(message)
        elif isinstance(message, Restore):
            self._restore(message)
        elif isinstance(message, EndOfStream):
            for sink in reversed(self._sinks[message.camera].values()):  # events last: they are stored at once
                sink.end(message)
            self._metrics.set("roadtally_epoch", message.epoch, camera=message.camera)
        else:
            assert isinstance(message, Told)
            for sink in self._sinks[message.camera].values():
                sink.hear(message)
        return [message]

    def _seal(self, checkpoint: Checkpoint) -> None:
        """Store the checkpoint with all that came before it; where there is a video, once that has it all."""
        sinks, events = self._sinks[checkpoint.camera], self._events[checkpoint.camera]
        states = {name: sink.state() for name, sink in sinks.items() if isinstance(sink, Durable)}
        events.seal(msgspec.structs.replace(checkpoint, states={**checkpoint.states, **states}))
        if "video" not in sinks:
            events.commit()

    def _restore(self, restore: Restore) -> None:
        for name, sink in self._sinks[restore.camera].items():
            if isinstance(sink, Durable):
                sink.restore(restore.states.get(name))

    def poll(self) -> Iterable[Message]:
        if time.monotonic() - self._flushed_s > FLUSH_S:
            self._flushed_s = time.monotonic()
            for sinks in self._sinks.values():
                for sink in sinks.values():
                    sink.flush()
            if gone := self._quota.look():
                self._metrics.count("roadtally_tidied_files_total", len(gone))
                self._metrics.count("roadtally_tidied_bytes_total", sum(kept.bytes for kept in gone))
            for (camera, to), latency in self._latency.items():
                for name, value_s in latency.figures().items():
                    self._metrics.set("roadtally_latency_seconds", value_s, camera=camera, to=to, figure=name)
        return ()

    def _write(self, counted: Counted) -> None:
        """To the sinks of tracks first: an event is known before its picture is drawn."""
        frame = counted.frame
        sinks, events = list(self._sinks[frame.camera].values()), self._events[frame.camera]
        for sink in sinks[: len(OF_TRACKS)]:
            sink.write(counted)
        self._measure(frame, "event")
        for sink in sinks[len(OF_TRACKS) :]:
            sink.write(counted)
        if counted.yuv is not None:
            self._measure(frame, "video")
        events.commit()
        self._metrics.set("roadtally_frames_total", events.seen, camera=frame.camera)
        self._metrics.set("roadtally_epoch", frame.epoch, camera=frame.camera)

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
        raise OutputError.refused(folder, "made", error, "choose another folder with --out") from error
