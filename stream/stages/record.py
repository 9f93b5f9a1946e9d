"""Record: the end of the line. Hands every counted frame to the sinks of its camera."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stream.errors import OutputError
from stream.messages import Counted, EndOfStream, Message
from stream.metrics import Metrics
from stream.sinks import Sink, open_sink
from stream.topology import WorkerPlan


class Record:
    """The sinks of all cameras of one worker."""

    notes: tuple[str, ...] = ()
    wait_s: float | None = None

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        self._metrics = metrics
        self._sinks: dict[str, list[Sink]] = {}
        names = ("events", "tracks", "video") if work.video else ("events", "tracks")
        for camera in work.cameras:
            _make(Path(camera.folder))
            self._sinks[camera.name] = [open_sink(name, camera, Path(work.folder)) for name in names]

    def process(self, message: Message) -> Iterable[Message]:
        if isinstance(message, EndOfStream):
            for sink in self._sinks[message.camera]:
                sink.end(message)
            return [message]
        assert isinstance(message, Counted)
        for sink in self._sinks[message.frame.camera]:
            sink.write(message)
        self._metrics.count("roadtally_frames_total", camera=message.frame.camera)
        return [message]

    def poll(self) -> Iterable[Message]:
        return ()

    def close(self) -> None:
        for sinks in self._sinks.values():
            for sink in sinks:
                sink.close()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(str(folder), f"cannot be made: {error.strerror}", "choose another folder with --out") from error
