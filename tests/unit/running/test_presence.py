"""A worker leaves when its supervisor is gone, and not because a machine is busy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream.errors import StageError
from stream.running.presence import FIRST_S, SILENCE_S, Presence
from stream.running.processes import kept_waiting_s

GONE = 2**30  # no process


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("stream.running.presence.time", clock)
    return clock


def checks_until_left(presence: Presence, clock: Clock, step_s: float, most: int) -> int | None:
    for k in range(most):
        clock.now_s += step_s
        try:
            presence.check()
        except StageError:
            return k + 1
    return None


def test_worker_stays_while_the_process_of_its_supervisor_lives_when_that_says_nothing(clock: Clock) -> None:
    """A supervisor that a busy machine kept from speaking for 15 s had ended the run."""
    assert checks_until_left(Presence("detect", os.getppid()), clock, 0.5, 1000) is None


def test_worker_leaves_at_once_when_the_process_of_its_supervisor_is_gone(clock: Clock) -> None:
    presence = Presence("detect", GONE)
    assert presence.is_known_gone()
    with pytest.raises(StageError, match="supervisor is gone"):
        presence.check()


@pytest.mark.parametrize(("heard", "limit_s"), [(False, FIRST_S), (True, SILENCE_S)])
def test_worker_leaves_when_nothing_is_heard_from_another_host(clock: Clock, heard: bool, limit_s: float) -> None:
    presence = Presence("detect", None)
    if heard:
        presence.heard()
    checks = checks_until_left(presence, clock, 0.5, 1000)
    assert checks == pytest.approx(limit_s / 0.5, abs=1.5)


def test_worker_does_not_leave_when_it_was_not_run_for_a_minute(clock: Clock) -> None:
    """Words that came meanwhile are heard after it wakes up."""
    presence = Presence("detect", None)
    presence.heard()
    clock.now_s += 60
    presence.check()


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this system does not tell")
def test_time_without_a_processor_is_told_apart_from_a_stuck_process_when_two_share_a_core() -> None:
    core = min(os.sched_getaffinity(0))
    wait = {"while True: pass": 2, "import time; time.sleep(60)": 1}
    waiting = [begun(f"import os; os.sched_setaffinity(0, {{{core}}}); print(flush=True)\n{then}")
               for then, count in wait.items() for _ in range(count)]  # fmt: skip
    try:
        while state_of(waiting[2].pid) != "S":  # on its way there it waits for the core as well
            time.sleep(0.01)
        before, waited = [kept_waiting_s(one.pid) for one in waiting], [0.0, 0.0, 0.0]
        while sum(waited[:2]) <= 0.3:
            time.sleep(0.05)
            waited = [kept_waiting_s(one.pid) - b for one, b in zip(waiting, before, strict=True)]
    finally:
        for one in waiting:
            one.kill()
            one.communicate()
    assert waited[2] < 0.06
    assert kept_waiting_s(GONE) == 0.0


def state_of(pid: int) -> str:
    """Of a process: R while it runs or waits for a core, S while it sleeps."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def begun(program: str) -> subprocess.Popen[bytes]:
    """A process that has said something."""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process
