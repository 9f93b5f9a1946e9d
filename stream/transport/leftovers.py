"""The folder of a run's sockets, and what a run that was killed has left behind: that folder, and its shared memory."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "roadtally-"  # of socket folders and of rings, followed by the name of the run
OWNER = "owner"  # in the folder: locked for as long as the run lives, wherever the process is seen from
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lies on Linux


@contextmanager
def socket_folder(run: str) -> Iterator[Path]:
    """A private folder while the context lasts."""
    clear_leftovers()
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{run}-") as name, (Path(name) / OWNER).open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        yield Path(name)


def clear_leftovers() -> None:
    """Remove what runs that are no more have left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*-*"):
        with suppress(OSError), (folder / OWNER).open() as owner:  # no such file: another user's, or not yet locked
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held: the run lives
            for ring in SHARED_MEMORY.glob(f"{folder.name.rpartition('-')[0]}-*"):
                ring.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
