"""The annotated video of a file. A lane that went back to a checkpoint goes on in a part of its own; at the end the
parts are joined to one file, without encoding anything again.

    annotated.mp4             from the beginning
    annotated.2.8040000.mp4   the second part: its time begins at 8.04 s, and what others have from there on is stale
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from stream.drawing.overlay import Overlay
from stream.errors import OutputError, words_of
from stream.messages import Counted, EndOfStream, Told
from stream.plan.cameras import CameraPlan
from stream.sinks.video import TIME_BASE, VIDEO, AnnotatedVideo

PARTS = "annotated.*.*.mp4"  # but for the first
JOINED = "annotated.mp4.joining"


class Recording:
    """One video, however often its recorder was started again."""

    def __init__(self, camera: CameraPlan) -> None:
        self._camera, self._folder = camera, Path(camera.folder)
        self._overlay = Overlay(camera.scene)  # of all parts
        self._video: AnnotatedVideo | None = None
        self._ended = False

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> Recording:
        del run_folder
        return cls(camera)

    def write(self, counted: Counted) -> None:
        if self._video is None:
            self._video = self._begin(counted.frame.pts_s)
        self._video.write(counted)

    def state(self) -> bytes:
        """The checkpoint may be stored once the next picture is written, or the stream has ended."""
        if self._video is not None:
            self._video.cut()
        return self._overlay.state()

    def restore(self, state: bytes | None) -> None:
        self._close()
        self._overlay.restore(state)
        self._ended = False
        if state is None:
            for path, _ in parts_of(self._folder):
                path.unlink()

    def flush(self) -> None:
        """Nothing to do: every second is written as a fragment of its own."""

    def hear(self, told: Told) -> None:
        if self._video is not None:
            self._video.hear(told)

    def end(self, end: EndOfStream) -> None:
        """The last picture is drawn. A checkpoint that waits for the video can be stored now."""
        self._close()
        self._ended = True

    def close(self) -> None:
        """Parts of a stream that did not end stay as they are, so that it can be gone on with."""
        self._close()
        if self._ended:
            join(self._folder)

    def _begin(self, pts_s: float) -> AnnotatedVideo:
        camera, path = self._camera, self._folder / VIDEO
        again, began = len(parts_of(self._folder)) + 1, 0
        if again > 1:
            began = round(pts_s / TIME_BASE)
            path = path.with_suffix(f".{again}.{began}.mp4")
        began_s = float(began * TIME_BASE)
        return AnnotatedVideo(path, self._overlay, camera.info, began_s=began_s)

    def _close(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.close()


def parts_of(folder: Path) -> list[tuple[Path, int]]:
    """The parts of a recording in the order of their making, and where the time of each begins, in TIME_BASE."""
    first = folder / VIDEO
    later = []
    for path in folder.glob(PARTS):
        _, again, began, _ = path.name.split(".")
        later.append((int(again), path, int(began)))
    return ([(first, 0)] if first.exists() else []) + [(path, began) for _, path, began in sorted(later)]


def join(folder: Path) -> None:
    """Make one file of all parts, each up to where a later one begins. Raises OutputError."""
    parts = parts_of(folder)
    if len(parts) < 2:
        return
    joined, video = folder / JOINED, folder / VIDEO
    try:
        with av.open(f"file:{joined}", "w", format="mp4") as container:
            stream: VideoStream | None = None
            for k, (path, began) in enumerate(parts):
                until = min((later for _, later in parts[k + 1 :]), default=None)
                with suppress(av.InvalidDataError):  # it was killed before it held a picture, or within a fragment
                    stream = _append(container, stream, path, began, until)
        joined.replace(video)
        for path, _ in parts[1:]:
            path.unlink()
    except (av.FFmpegError, OSError) as error:
        with suppress(OSError):
            joined.unlink(missing_ok=True)
        fix = "free some disk; the parts stay where they are"
        raise OutputError(str(video), f"its parts cannot be joined: {words_of(error)}", fix) from error


def _append(
    container: OutputContainer, stream: VideoStream | None, path: Path, began: int, until: int | None
) -> VideoStream | None:
    """Copy the packets of a part whose time lies before `until`; the stream that they went to."""
    with av.open(f"file:{path}") as part:
        if stream is None:
            stream = container.add_stream_from_template(part.streams.video[0])
            stream.time_base = TIME_BASE
        for packet in part.demux(video=0):
            if not packet.size or packet.pts is None:
                continue
            pts = began + round(packet.pts * packet.time_base / TIME_BASE)
            if until is not None and pts >= until:
                break
            packet.time_base, packet.stream = TIME_BASE, stream
            packet.pts = packet.dts = pts  # the encoder makes no B-pictures
            container.mux(packet)
    return stream
