"""The files of a live camera's recording: their names, their index, their way to the disk."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from stream.errors import OutputError

RECORDINGS = "recordings.csv"  # of this run: file, pts at which its time begins
ROW = re.compile(r"([^/,]+\.mp4),(-?\d+(?:\.\d+)?(?:e-?\d+)?)")  # a full disk may have taken half of one
STAMP = "%Y%m%dT%H%M%SZ"  # UTC, of the first picture
SYNC_S = 0.4  # between two looks whether the disk has what was written
GB = 1e9


def recordings_of(folder: Path) -> list[tuple[Path, float]]:
    """The files of a camera's run and the pts at which the time begins, in order; none for a file's run. Some may have
    been removed since."""
    index = folder / RECORDINGS
    if not index.exists():
        return []
    with index.open(newline="", encoding="utf-8") as file:
        rows = [ROW.fullmatch(line.rstrip("\n")) for line in file]
    return [(folder / row[1], float(row[2])) for row in rows if row is not None]


class Shelf:
    """Where the recordings of one kind of one camera stand."""

    def __init__(self, folder: Path, kind: Literal["annotated", "original", "event"]) -> None:
        self._folder, self._kind = folder, kind
        self._synced_s = 0.0
        self._disk = ThreadPoolExecutor(1, "disk")
        self._syncing: Future[None] | None = None

    def place(self, began_s: float, when: str) -> Path:
        """A path for a new file, whose time begins at this pts; the name says when. Raises OutputError."""
        path = _free(self._folder / f"{self._kind}-{when}.mp4")
        try:
            with (self._folder / RECORDINGS).open("a", encoding="utf-8") as index:
                index.write(f"{path.name},{began_s!r}\n")
        except OSError as error:
            raise OutputError.refused(self._folder / RECORDINGS, "written", error, "free some disk") from error
        return path

    def sync(self, path: Path) -> None:
        """Bring what is written to the disk itself, without waiting for it. At most one such wait at a time."""
        now_s = time.monotonic()
        if now_s - self._synced_s < SYNC_S or (self._syncing is not None and not self._syncing.done()):
            return
        self._synced_s = now_s
        self._syncing = self._disk.submit(_to_disk, path)

    def close(self) -> None:
        self._disk.shutdown()


def stamp_of(captured_ns: int) -> str:
    """The time of day of a picture, for a file's name. captured_ns: as in Frame."""
    return time.strftime(STAMP, time.gmtime(time.time() - (time.monotonic_ns() - captured_ns) / 1e9))


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
