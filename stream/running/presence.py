"""Whether the supervisor of a worker is still there, as the worker sees it.

On its own host that is a question about a process: a worker stays as long as the one that started it lives, however
long that one is kept from speaking by a busy machine or a stopped terminal. On another host there are only words. There
silence counts as far as this worker could have heard something: the time in which it was itself not run does not.
"""

from __future__ import annotations

import os
import time

from stream.errors import StageError

SILENCE_S = 15.0  # without a word from a supervisor on another host a worker leaves,
FIRST_S = 60.0  # and so long it waits for the first one
STEP_S = 1.0  # counts at most between two checks: who looks less often did not run


class Presence:
    """parent: the process that is the supervisor; None: it is on another host."""

    def __init__(self, worker: str, parent: int | None) -> None:
        self._worker, self._parent = worker, parent
        self._limit_s, self._silent_s = FIRST_S, 0.0
        self._checked_s = time.monotonic()

    def heard(self) -> None:
        """A word has come."""
        self._limit_s, self._silent_s = SILENCE_S, 0.0

    @property
    def is_elsewhere(self) -> bool:
        """Whether the supervisor is on another host: then a person has started this worker."""
        return self._parent is None

    def is_known_gone(self) -> bool:
        """Whether nobody can hear a last word any more; on another host that is not known."""
        return self._parent is not None and os.getppid() != self._parent

    def check(self) -> None:
        """To be called again and again, after all words that have come. Raises StageError when it is there no more."""
        now_s = time.monotonic()
        self._silent_s += min(now_s - self._checked_s, STEP_S)
        self._checked_s = now_s
        if self.is_known_gone():
            raise StageError(self._worker, "the supervisor is gone")
        if self._parent is None and self._silent_s > self._limit_s:
            what = f"nothing heard from the supervisor for {self._limit_s:.0f} s"
            raise StageError(self._worker, what, "is it running, and is this its address?")
