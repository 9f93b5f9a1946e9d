"""What goes when a run and those before it take too much disk, or are too old: pictures and tracks, never counts.

    folder/                     the run at work: recordings that are closed, and audit strips
    folder/previous/<UTC>/      a run before: its recordings, strips, background, trajectories and tracks

The oldest file of all goes first, whatever it is. Stores count, but stay. What does not bear a name that roadtally gave
is never touched.
"""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from stream.config.schema import PREVIOUS
from stream.errors import OutputError
from stream.plan.cameras import Retention
from stream.records.store import STORE, Store
from stream.records.trajectories import TRAJECTORIES
from stream.sinks.background import BACKGROUND
from stream.sinks.original import BUFFER
from stream.sinks.recording import JOINED, PARTS
from stream.sinks.shelf import GB, recordings_of
from stream.sinks.strips import STRIPS
from stream.sinks.tracks import TRACKS
from stream.sinks.video import VIDEO

TIDIED = "tidied"  # the kind of the notes that say what went
TIDY_S = 20.0  # between two looks at the disk
LARGE = (VIDEO, PARTS, JOINED, BACKGROUND, TRACKS, TRAJECTORIES.replace(".", "*."))  # besides recordings
BELOW = {STRIPS: ("[0-9]*_*min.png", "*.part.png"), BUFFER: ("part-*.mp4",)}  # and in folders


class Kept(NamedTuple):
    """A file that may go. changed_s: when it was written last, seconds of the epoch."""

    path: Path
    bytes: int
    changed_s: float


class Quota:
    """Holds the folder of a run to it, in a thread of its own: a slow disk never holds up a picture."""

    def __init__(self, folder: Path, keep: Retention) -> None:
        self._folder, self._keep = folder, keep
        self._disk = ThreadPoolExecutor(1, "quota")
        self._tidying: Future[list[Kept]] | None = None
        self._begun_s = float("-inf")

    def look(self) -> Sequence[Kept]:
        """Tidy now and then, without waiting for it; what went since it was asked last. Raises OutputError."""
        if self._tidying is not None:
            if not self._tidying.done():
                return ()
            gone, self._tidying = self._tidying.result(), None
            return gone
        if is_limited(self._keep) and time.monotonic() - self._begun_s > TIDY_S:
            self._begun_s = time.monotonic()
            self._tidying = self._disk.submit(self._tidy)
        return ()

    def close(self) -> None:
        self._disk.shutdown()

    def _tidy(self) -> list[Kept]:
        gone = tidy(self._folder, self._keep, time.time())
        if gone:
            store = Store(self._folder / STORE)
            store.note("", TIDIED, words_for(gone, self._keep))
            store.close()
        return gone


def is_limited(keep: Retention) -> bool:
    return bool(keep.quota_gb or keep.keep_days)


def tidy(folder: Path, keep: Retention, now_s: float) -> list[Kept]:
    """Remove from the folder of a run, and from those of runs before in it, what must go; what went. Raises
    OutputError where something cannot be removed."""
    if not is_limited(keep):
        return []
    try:
        may_go, stay = _held(folder)
    except OSError as error:
        raise OutputError.refused(folder, "looked through", error, "check its owner") from error
    gone = outdated(may_go, keep, now_s, sum(kept.bytes for kept in stay))
    for kept in gone:
        try:
            kept.path.unlink(missing_ok=True)
            if _is_left_behind(kept.path.parent, folder):
                kept.path.parent.rmdir()
        except OSError as error:
            raise OutputError.refused(kept.path, "removed", error, "check its owner") from error
    return gone


def outdated(files: Iterable[Kept], keep: Retention, now_s: float, staying_bytes: int = 0) -> list[Kept]:
    """Which of the files must go. staying_bytes: what others take that stay, and that the quota is for, too."""
    ordered = sorted(files, key=lambda kept: (kept.changed_s, kept.path))
    total = staying_bytes + sum(kept.bytes for kept in ordered)
    gone = []
    for kept in ordered:
        is_old = keep.keep_days and now_s - kept.changed_s > keep.keep_days * 86400
        if is_old or (keep.quota_gb and total > keep.quota_gb * GB):
            gone.append(kept)
            total -= kept.bytes
    return gone


def words_for(gone: Sequence[Kept], keep: Retention) -> str:
    """What went and why, in a line."""
    size_mb = sum(kept.bytes for kept in gone) / 1e6
    first, last = (time.strftime("%Y-%m-%d %H:%M", time.gmtime(kept.changed_s)) for kept in (gone[0], gone[-1]))
    limits = f"quota_gb {keep.quota_gb:g}, keep_days {keep.keep_days:g}"
    return f"removed {len(gone)} old files, {size_mb:.1f} MB, of {first} to {last} UTC ({limits})"


def _is_left_behind(place: Path, folder: Path) -> bool:
    """A folder of strips or packets that holds none any more; the run at work may write on into its own."""
    before = place.name in (STRIPS, BUFFER) and place.is_relative_to(folder / PREVIOUS)
    return before and not any(place.iterdir())


def _held(folder: Path) -> tuple[list[Kept], list[Kept]]:
    """The large files of the run and of those before: which may go, and which stay: stores, and what the run writes."""
    may_go, stay = set(), {*folder.glob(f"{STORE}*")}
    for place in _places(folder):
        closed = {path for path, _ in recordings_of(place)[:-1]}
        large = _large(place)
        old = {path for path in large if path in closed or path.parent == place / STRIPS}
        may_go |= old
        stay |= large - old
    for store in (folder / PREVIOUS).glob(f"*/{STORE}"):  # what lies beside none is nothing of a run
        stay.add(store)
        with os.scandir(store.parent) as entries:
            below = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        may_go.update(*(_large(place) for place in (store.parent, *below)))
    return list(_looked_at(may_go)), list(_looked_at(stay))


def _places(folder: Path) -> list[Path]:
    """The folder of the run at work, and those of its cameras."""
    of_cameras = {path.parent for path in folder.glob(f"*/{TRAJECTORIES}")}
    return [folder, *(place for place in of_cameras if not (place / STORE).exists())]  # else it is another run


def _large(place: Path) -> set[Path]:
    """The large files of a camera's run. Each folder is read once: there may be hundreds of runs."""
    names = _names(place)
    found = {place / name for name in _like(names, LARGE)}
    if _like(names, ("*.mp4",)):
        found |= {path for path, _ in recordings_of(place) if path.name in names}
    for folder, patterns in BELOW.items():
        if folder in names:
            found |= {place / folder / name for name in _like(_names(place / folder), patterns)}
    return found


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def _like(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    return [name for pattern in patterns for name in fnmatch.filter(names, pattern)]


def _looked_at(paths: Iterable[Path]) -> Iterator[Kept]:
    for path in paths:
        try:
            about = path.stat()
        except FileNotFoundError:  # tidied long ago, or by another recorder of the run
            continue
        yield Kept(path, about.st_size, about.st_mtime)
