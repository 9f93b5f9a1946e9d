"""The worker processes of a run on this host: spawned, never forked; killed if they do not leave."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path

from stream.running import worker


class Processes:
    """By the name of the worker. A name that is not known belongs to another host."""

    def __init__(self, control: str) -> None:
        """control: address of the supervisor."""
        self._control = control
        self._spawn = multiprocessing.get_context("spawn")
        self._running: dict[str, SpawnProcess] = {}
        self._started_s: dict[str, float] = {}

    def start(self, name: str) -> None:
        """Also again, once it has left."""
        if name in self._running:
            self._running[name].join()
            self._running[name].close()
        process = self._spawn.Process(target=_main, args=(name, self._control, os.getpid()), name=name, daemon=True)
        process.start()
        self._running[name] = process
        self._started_s[name] = self.clock_s(name)

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].join()

    def clock_s(self, name: str) -> float:
        """time.monotonic(), but it stands still while the worker waits for a processor: one that is not run on a busy
        machine is not stuck."""
        process = self._running.get(name)
        return time.monotonic() - (0.0 if process is None or process.pid is None else kept_waiting_s(process.pid))

    def started_s(self, name: str) -> float:
        """When it was started last, by its clock; 0 on another host."""
        return self._started_s.get(name, 0.0)

    def end_of(self, name: str) -> str | None:
        """How it ended, in words; None while it runs, and on another host."""
        code = self._running[name].exitcode if name in self._running else None
        if code is None:
            return None
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code} before its work was done"

    def left_by_itself(self, name: str) -> bool:
        """Whether it has ended, and not by a signal: if it was at work, it has said a last word."""
        code = self._running[name].exitcode if name in self._running else None
        return code is not None and code >= 0

    def reap(self, within_s: float) -> None:
        """Wait for all to one deadline, then kill what is left."""
        deadline_s = time.monotonic() + within_s
        for process in self._running.values():
            process.join(max(0.0, deadline_s - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()
            process.close()
        self._running.clear()


def kept_waiting_s(pid: int) -> float:
    """How long in its life the main thread of a process could have run and had no processor; 0 where the system does
    not tell."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _main(name: str, control: str, parent: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor's to handle, also when sent to the whole group
    code = worker.main(name, control, parent)
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed. What the interpreter would still tidy up takes 0.1 to 0.2 s of a core.
    os._exit(code)
