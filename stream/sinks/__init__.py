"""Where counted frames end: one file a sink. A sink is named here and nowhere else."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

from stream.messages import Counted, EndOfStream, Told
from stream.plan.cameras import CameraPlan

SINKS = {
    "events": "stream.sinks.events:Events",
    "tracks": "stream.sinks.tracks:TrackFile",
    "trajectories": "stream.sinks.trajectories:Trajectories",
    "background": "stream.sinks.background:Background",
    "strips": "stream.sinks.strips:AuditStrips",
    "video": "stream.sinks.recording:Recording",
    "segments": "stream.sinks.segments:Segments",
    "clips": "stream.sinks.event_clips:EventClips",
}


class Sink(Protocol):
    """Takes the frames of one camera in order. Raises OutputError when it cannot write."""

    def write(self, counted: Counted) -> None: ...

    def flush(self) -> None:
        """Called about twice a second: what was taken so far shall survive a kill."""
        ...

    def hear(self, told: Told) -> None:
        """What is told between frames."""
        ...

    def end(self, end: EndOfStream) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class Durable(Protocol):
    """A sink that can go back to a checkpoint, so that a crash leaves no trace in what it wrote. Others go on from
    where they are, or begin anew. A durable one opens what was written before and goes on behind it."""

    def state(self) -> bytes:
        """What restore() needs to go on from here. What was taken so far is in the hands of the system: a kill costs
        nothing of it."""
        ...

    def restore(self, state: bytes | None) -> None:
        """Forget what was taken after state(); everything, where that is None."""
        ...


def open_sink(name: str, camera: CameraPlan, run_folder: Path) -> Sink:
    """run_folder: what all cameras share; camera.folder holds this camera's own files."""
    module, _, kind = SINKS[name].partition(":")
    sink: Sink = getattr(import_module(module), kind).open(camera, run_folder)
    return sink
