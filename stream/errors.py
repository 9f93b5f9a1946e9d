"""Every error that a user can meet, drawn as a tree.

    RoadtallyError                 exit code 1
    ├── ConfigError                exit code 2   a setting, a line, an option
    ├── SourceError                exit code 3   a file or camera that cannot be read
    ├── ModelError                 exit code 4   weights, engines, networks
    ├── OutputError                exit code 5   a folder or file that cannot be written
    ├── StageError                 exit code 6   a stage died or stopped answering
    └── TruthError                 exit code 7   a truth file of the wrong form

Each says where it happened, what was expected and what came, and what to do about it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self


class RoadtallyError(Exception):
    """An error that is shown to the user as one message, never as a traceback.

    where: the file, camera, option or stage concerned.
    what:  what was expected and what came instead.
    fix:   what the user can do about it.
    """

    exit_code = 1

    def __init__(self, where: str, what: str, fix: str = "") -> None:
        super().__init__(where, what, fix)
        self.where, self.what, self.fix = where, what, fix

    @classmethod
    def refused(cls, where: Path | str, done: str, error: Exception, fix: str) -> Self:
        """The system did not let a file or folder be `done` ("read", "written", "made"); error: what it said."""
        return cls(str(where), f"cannot be {done}: {words_of(error)}", fix)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}"
        return f"{text}\n  fix: {self.fix}" if self.fix else text


class ConfigError(RoadtallyError):
    exit_code = 2


class SourceError(RoadtallyError):
    exit_code = 3


class ModelError(RoadtallyError):
    exit_code = 4


class OutputError(RoadtallyError):
    exit_code = 5


class StageError(RoadtallyError):
    exit_code = 6


class TruthError(RoadtallyError):
    exit_code = 7


def words_of(error: Exception) -> str:
    """What went wrong in the words of the system, without number and path, or else in those of the library."""
    return getattr(error, "strerror", None) or str(error)


KINDS: dict[str, type[RoadtallyError]] = {
    kind.__name__: kind
    for kind in (RoadtallyError, ConfigError, SourceError, ModelError, OutputError, StageError, TruthError)
}
