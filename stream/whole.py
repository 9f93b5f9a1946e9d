"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stream.errors import OutputError


@contextmanager
def whole_file(path: Path, fix: str = "free some disk, or choose --out") -> Iterator[Path]:
    """Gives a path beside it, of the same ending, to write to; what was written then takes its place in one move. Where
    that fails a file of before stays as it is, and nothing half is left. What is no file (/dev/stdout) is written as it
    is. Raises OutputError where the system refuses, with this fix."""
    is_file = path.is_file() or not path.exists()
    target = path.resolve() if is_file else path  # a link stays a link
    unfinished = target.with_stem(f"{target.stem}.part") if is_file else path
    try:
        yield unfinished
        if is_file:
            _bring_to_disk(unfinished)
            unfinished.replace(target)
    except OSError as error:
        raise OutputError.refused(path, "written", error, fix) from error
    finally:
        if is_file:
            with suppress(OSError):  # mostly there is none any more
                unfinished.unlink()


def _bring_to_disk(path: Path) -> None:
    """A full disk may show only now, and a power cut after the move must not leave an empty file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
