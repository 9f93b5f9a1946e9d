"""What is kept between runs on this machine, and how much of it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

COMPILED_BYTES = 2e9  # of compiled networks: there is one for every size of picture and number of threads


def cache_folder() -> Path:
    """XDG_CACHE_HOME/roadtally, by default ~/.cache/roadtally."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "roadtally"
    except RuntimeError:  # a user without a name and home, as containers have them
        return Path(os.devnull) / "roadtally"  # where nothing can be kept


def takes_files(folder: Path) -> bool:
    """Whether files can be kept there; it is made if absent. A service often has a home that is read-only, or none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def compiled_folder() -> Path:
    """Where an engine keeps the networks that it compiled. Those that were not used for longest go when they are many.

    Another process may use or remove the same files meanwhile: whoever misses one compiles again.
    """
    folder = cache_folder() / "compiled"
    tidy(folder, COMPILED_BYTES)
    return folder


def tidy(folder: Path, most_bytes: float) -> None:
    """Remove the files of a folder that were neither written nor read for longest, until the rest fits."""
    found = []
    for path in folder.glob("*"):
        with suppress(OSError):
            stat = path.stat()
            found.append((max(stat.st_atime, stat.st_mtime), stat.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= most_bytes:
            return
        with suppress(OSError):
            path.unlink()
            total -= size
