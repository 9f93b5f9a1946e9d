"""What a user is told when the system refuses a file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from stream.errors import ConfigError, OutputError, RoadtallyError


@pytest.mark.parametrize(
    ("kind", "done", "error", "what"),
    [
        (OutputError, "written", OSError(errno.ENOSPC, "No space left on device", "/a/b"), "No space left on device"),
        (ConfigError, "read", PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (OutputError, "made", OSError("the drive went away"), "the drive went away"),  # was "None"
        (ConfigError, "read", UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), "'utf-8' codec can't decode"),
    ],
)
def test_the_words_of_the_system_are_told_when_a_file_is_refused(
    kind: type[RoadtallyError], done: str, error: Exception, what: str
) -> None:
    refused = kind.refused(Path("/a/b"), done, error, "free some disk")
    assert isinstance(refused, kind)
    assert str(refused).startswith(f"/a/b: cannot be {done}: {what}")
    assert str(refused).endswith("\n  fix: free some disk") and "None" not in str(refused)
