"""The annotated video of a live camera, cut into files that are kept for as long as the user says."""

from __future__ import annotations

from pathlib import Path

from stream.drawing.overlay import Overlay
from stream.messages import Counted, EndOfStream, Gap, Told
from stream.plan.cameras import CameraPlan
from stream.sinks.shelf import Shelf, stamp_of
from stream.sinks.video import AnnotatedVideo

FRAGMENT_S = 0.5  # with Shelf.sync: a power cut costs less than a second


class Segments:
    """A file at a time. Each file's time begins at 0; its name says when that was."""

    def __init__(self, camera: CameraPlan) -> None:
        self._camera = camera
        self._shelf = Shelf(Path(camera.folder), "annotated")
        self._video: AnnotatedVideo | None = None
        self._overlay = Overlay(camera.scene)  # of all files: totals and trails go on from one to the next
        self._began_s = 0.0

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> Segments:
        del run_folder
        return cls(camera)

    def write(self, counted: Counted) -> None:
        pts_s = counted.frame.pts_s
        if self._video is None or pts_s - self._began_s >= self._camera.keep.segment_s:
            self._video = self._next(counted)
        self._video.write(counted)
        self._shelf.sync(self._video.path)

    def state(self) -> bytes:
        return self._overlay.state()

    def restore(self, state: bytes | None) -> None:
        """A camera has gone on: its recording stays as it is, only what it shows is put right."""
        self._overlay.restore(state)

    def flush(self) -> None:
        """Nothing to do: write() brings it to the disk soon enough."""

    def hear(self, told: Told) -> None:
        """Nothing is drawn in a gap."""
        if isinstance(told, Gap):
            self._overlay.hear(told)

    def end(self, end: EndOfStream) -> None:
        """Nothing to add."""

    def close(self) -> None:
        self._shelf.close()
        if self._video is not None:
            self._video.close()

    def _next(self, counted: Counted) -> AnnotatedVideo:
        if self._video is not None:
            self._video.close()
        info, self._began_s = self._camera.info, counted.frame.pts_s
        path = self._shelf.place(self._began_s, stamp_of(counted.frame.captured_ns))
        return AnnotatedVideo(path, self._overlay, info, began_s=self._began_s, fragment_s=FRAGMENT_S)
