"""The files of a live camera's recording: their names, their index, how long they are kept, their way to the disk."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from stream.errors import OutputError
from stream.plan.cameras import Retention

KINDS = ("annotated", "original", "event")
RECORDINGS = "recordings.csv"  # of this run: file, pts at which its time begins
STAMP = "%Y%m%dT%H%M%SZ"  # UTC, of the first picture
SYNC_S = 0.4  # between two looks whether the disk has what was written
GB = 1e9


def recordings_in(folder: Path) -> list[Path]:
    """The files of all kinds, also those of runs before, by name."""
    return sorted(path for kind in KINDS for path in folder.glob(f"{kind}-*.mp4"))


def recordings_of(folder: Path) -> list[tuple[Path, float]]:
    """The files of a camera's last run and the pts at which the time begins, in order; none for a file's run."""
    index = folder / RECORDINGS
    if not index.exists():
        return []
    with index.open(newline="", encoding="utf-8") as file:
        return [(folder / name, float(began_s)) for name, began_s in csv.reader(file)]


class Shelf:
    """Where the recordings of one kind of one camera stand."""

    def __init__(self, folder: Path, kind: str, keep: Retention) -> None:
        """kind: of KINDS."""
        self._folder, self._kind, self._keep = folder, kind, keep
        self._synced_s = 0.0
        self._disk = ThreadPoolExecutor(1, "disk")
        self._syncing: Future[None] | None = None

    def place(self, began_s: float, when: str) -> Path:
        """A path for a new file, whose time begins at this pts; the name says when. Those that are too many go.

        Raises OutputError.
        """
        path = _free(self._folder / f"{self._kind}-{when}.mp4")
        try:
            with (self._folder / RECORDINGS).open("a", encoding="utf-8") as index:
                index.write(f"{path.name},{began_s!r}\n")
            for old in outdated(self._listed(path), self._keep, time.time()):
                old.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError.refused(self._folder, "tidied", error, "check its owner") from error
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

    def _listed(self, open_: Path) -> list[tuple[Path, int, float]]:
        found = [(path, path.stat()) for path in self._folder.glob(f"{self._kind}-*.mp4") if path != open_]
        return sorted(((path, s.st_size, s.st_mtime) for path, s in found), key=lambda entry: entry[2])


def stamp_of(captured_ns: int) -> str:
    """The time of day of a picture, for a file's name. captured_ns: as in Frame."""
    return time.strftime(STAMP, time.gmtime(time.time() - (time.monotonic_ns() - captured_ns) / 1e9))


def outdated(segments: Sequence[tuple[Path, int, float]], keep: Retention, now_s: float) -> list[Path]:
    """Which of the closed segments (path, bytes, time of last change), oldest first, must go."""
    out = [path for path, _, changed_s in segments if keep.keep_days and now_s - changed_s > keep.keep_days * 86400]
    total = sum(size for path, size, _ in segments if path not in out)
    for path, size, _ in segments:
        if keep.quota_gb and total > keep.quota_gb * GB and path not in out:
            out.append(path)
            total -= size
    return out


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
