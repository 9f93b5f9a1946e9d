"""The annotated video of a live camera, cut into files that are kept for as long as the user says."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from stream.cameras import CameraPlan, Retention
from stream.errors import OutputError
from stream.messages import Counted, EndOfStream, Told
from stream.sinks.video import AnnotatedVideo

SEGMENTS = "annotated-*.mp4"
RECORDINGS = "recordings.csv"  # of this run: file, pts at which its time begins
NAME = "annotated-%Y%m%dT%H%M%SZ.mp4"  # UTC, of the first picture
SYNC_S = 0.4  # between two looks whether the disk has what was written
FRAGMENT_S = 0.5  # with SYNC_S: a power cut costs less than a second
GB = 1e9


class Segments:
    """A file at a time. Each file's time begins at 0; its name says when that was."""

    def __init__(self, camera: CameraPlan, keep: Retention) -> None:
        self._camera, self._keep = camera, keep
        self._folder = Path(camera.folder)
        self._video: AnnotatedVideo | None = None
        self._began_s = 0.0
        self._synced_s = 0.0
        self._disk = ThreadPoolExecutor(1, "disk")
        self._syncing: Future[None] | None = None

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> Segments:
        del run_folder
        return cls(camera, camera.keep)

    def write(self, counted: Counted) -> None:
        pts_s = counted.frame.pts_s
        if self._video is None or pts_s - self._began_s >= self._keep.segment_s:
            self._roll(counted)
        assert self._video is not None
        frame = msgspec.structs.replace(counted.frame, pts_s=pts_s - self._began_s)
        self._video.write(msgspec.structs.replace(counted, frame=frame))
        self._sync()

    def flush(self) -> None:
        """Nothing to do: write() brings it to the disk soon enough."""

    def hear(self, told: Told) -> None:
        """Nothing to do: a gap is a long time between two pictures."""

    def end(self, end: EndOfStream) -> None:
        """Nothing to add."""

    def close(self) -> None:
        self._disk.shutdown()
        if self._video is not None:
            self._video.close()

    def _roll(self, counted: Counted) -> None:
        if self._video is not None:
            self._video.close()
        age_s = (time.monotonic_ns() - counted.frame.captured_ns) / 1e9
        path = _free(self._folder / time.strftime(NAME, time.gmtime(time.time() - age_s)))
        camera = self._camera
        self._began_s = counted.frame.pts_s
        self._video = AnnotatedVideo(path, camera.scene, camera.info.fps, camera.info.matrix, fragment_s=FRAGMENT_S)
        try:
            with (self._folder / RECORDINGS).open("a", encoding="utf-8") as index:
                index.write(f"{path.name},{self._began_s!r}\n")
            for old in outdated(_listed(self._folder, path), self._keep, time.time()):
                old.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(str(self._folder), f"cannot be tidied: {error.strerror}", "check its owner") from error

    def _sync(self) -> None:
        """Bring what is written to the disk itself, without waiting for it. At most one such wait at a time."""
        now_s = time.monotonic()
        if now_s - self._synced_s < SYNC_S or (self._syncing is not None and not self._syncing.done()):
            return
        assert self._video is not None
        self._synced_s = now_s
        self._syncing = self._disk.submit(_to_disk, self._video.path)


def outdated(segments: Sequence[tuple[Path, int, float]], keep: Retention, now_s: float) -> list[Path]:
    """Which of the closed segments (path, bytes, time of last change), oldest first, must go."""
    out = [path for path, _, changed_s in segments if keep.keep_days and now_s - changed_s > keep.keep_days * 86400]
    total = sum(size for path, size, _ in segments if path not in out)
    for path, size, _ in segments:
        if keep.quota_gb and total > keep.quota_gb * GB and path not in out:
            out.append(path)
            total -= size
    return out


def _listed(folder: Path, open_: Path) -> list[tuple[Path, int, float]]:
    found = [(path, path.stat()) for path in folder.glob(SEGMENTS) if path != open_]
    return sorted(((path, s.st_size, s.st_mtime) for path, s in found), key=lambda entry: entry[2])


def _free(path: Path) -> Path:
    """A name that is not taken: two runs may begin in one second."""
    again, wanted = 1, path
    while path.exists():
        again += 1
        path = wanted.with_stem(f"{wanted.stem}-{again}")
    return path


def _to_disk(path: Path) -> None:
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return  # the user took it away; writing on will say what is wrong
    try:
        os.fdatasync(file)
    finally:
        os.close(file)
