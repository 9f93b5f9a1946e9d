"""The annotated video of a live camera, cut into files that are kept for as long as the user says."""

from __future__ import annotations

from pathlib import Path

import msgspec

from stream.cameras import CameraPlan
from stream.messages import Counted, EndOfStream, Told
from stream.sinks.shelf import Shelf, stamp_of
from stream.sinks.video import AnnotatedVideo

FRAGMENT_S = 0.5  # with Shelf.sync: a power cut costs less than a second


class Segments:
    """A file at a time. Each file's time begins at 0; its name says when that was."""

    def __init__(self, camera: CameraPlan) -> None:
        self._camera = camera
        self._shelf = Shelf(Path(camera.folder), "annotated", camera.keep)
        self._video: AnnotatedVideo | None = None
        self._began_s = 0.0

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> Segments:
        del run_folder
        return cls(camera)

    def write(self, counted: Counted) -> None:
        pts_s = counted.frame.pts_s
        if self._video is None or pts_s - self._began_s >= self._camera.keep.segment_s:
            self._video = self._next(counted)
        frame = msgspec.structs.replace(counted.frame, pts_s=pts_s - self._began_s)
        self._video.write(msgspec.structs.replace(counted, frame=frame))
        self._shelf.sync(self._video.path)

    def flush(self) -> None:
        """Nothing to do: write() brings it to the disk soon enough."""

    def hear(self, told: Told) -> None:
        """Nothing to do: a gap is a long time between two pictures."""

    def end(self, end: EndOfStream) -> None:
        """Nothing to add."""

    def close(self) -> None:
        self._shelf.close()
        if self._video is not None:
            self._video.close()

    def _next(self, counted: Counted) -> AnnotatedVideo:
        if self._video is not None:
            self._video.close()
        camera, frame = self._camera, counted.frame
        self._began_s = frame.pts_s
        path = self._shelf.place(frame.pts_s, stamp_of(frame.captured_ns))
        return AnnotatedVideo(path, camera.scene, camera.info.fps, camera.info.matrix, fragment_s=FRAGMENT_S)
