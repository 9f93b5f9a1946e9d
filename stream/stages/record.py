"""Record: the end of the line. Hands every counted frame to the sinks of its camera."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from stream.errors import OutputError
from stream.messages import Counted, EndOfStream, Message
from stream.metrics import Metrics
from stream.sinks import Sink, open_sink
from stream.topology import WorkerPlan

OF_TRACKS = ("events", "tracks", "trajectories")
OF_PICTURES = ("background", "strips", "video")  # the video comes last, since it draws on the picture
FLUSH_S = 0.5  # at most so much is lost to a kill


class Record:
    """The sinks of all cameras of one worker."""

    notes: tuple[str, ...] = ()
    wait_s: float | None = FLUSH_S

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        self._metrics = metrics
        self._sinks: dict[str, list[Sink]] = {}
        self._flushed_s = time.monotonic()
        names = (*OF_TRACKS, *OF_PICTURES) if work.video else OF_TRACKS
        with ExitStack() as opened:
            for camera in work.cameras:
                _make(Path(camera.folder))
                sinks = self._sinks.setdefault(camera.name, [])
                for name in names:
                    sinks.append(open_sink(name, camera, Path(work.folder)))
                    opened.callback(sinks[-1].close)
            self._opened = opened.pop_all()

    def process(self, message: Message) -> Iterable[Message]:
        if isinstance(message, EndOfStream):
            for sink in self._sinks[message.camera]:
                sink.end(message)
            return [message]
        assert isinstance(message, Counted)
        for sink in self._sinks[message.frame.camera]:
            sink.write(message)
        self._metrics.count("roadtally_frames_total", camera=message.frame.camera)
        self.poll()
        return [message]

    def poll(self) -> Iterable[Message]:
        if time.monotonic() - self._flushed_s > FLUSH_S:
            self._flushed_s = time.monotonic()
            for sinks in self._sinks.values():
                for sink in sinks:
                    sink.flush()
        return ()

    def close(self) -> None:
        """Every sink is closed, even when another cannot be; the first error is raised."""
        self._opened.close()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            str(folder), f"cannot be made: {error.strerror}", "choose another folder with --out"
        ) from error
