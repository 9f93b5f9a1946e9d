"""The right to write into the folder of a run: one process at a time has it, and loses it when it ends, however."""

from __future__ import annotations

import errno
import fcntl
import time
from pathlib import Path

from stream.errors import OutputError

LOCK = ".lock"  # of the worker that records
RUN_LOCK = ".run.lock"  # of its supervisor, from the first file of a run to the last
LOOK_S = 0.05
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)  # a file system that knows none


class Claim:
    """Held from its making until close(); the folder is made. Raises OutputError when another holds it for longer than
    wait_s."""

    def __init__(self, folder: Path, wait_s: float, lock: str = LOCK) -> None:
        until_s = time.monotonic() + wait_s
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / lock).open("w")
            while not self._taken():
                if time.monotonic() > until_s:
                    self._file.close()
                    raise OutputError(str(folder), "another run is writing into it", "wait for it, or choose --out")
                time.sleep(LOOK_S)
        except OSError as error:
            raise OutputError.refused(folder, "written", error, "choose another folder: --out") from error

    def close(self) -> None:
        self._file.close()

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                return False
            if error.errno not in NO_LOCKS:
                raise
        return True
