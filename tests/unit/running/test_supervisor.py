"""The supervisor with workers that a test plays: they are on another host as far as it knows."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from msgspec.structs import replace

from stream.metrics import key
from stream.plan.topology import Plan
from stream.running.crew import Crew
from stream.running.outcome import Interrupts
from stream.running.recovery import Recovery
from stream.running.restarts import Restarts
from stream.running.supervisor import run_workers
from stream.running.worker import main
from stream.transport.control import ControlClient, ControlServer, Done, Go, Ready
from tests.unit.plan.test_topology import plan_of

ALONE = [["decode", "detect", "track", "record"]]


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def plan_elsewhere(folder: Path, *cameras: str) -> Plan:
    """Of workers on another host, which nobody starts."""
    plan = plan_of(cameras or ("north",), placement={"mode": "tcp", "workers": ALONE})
    workers = tuple(replace(work, host="elsewhere") for work in plan.workers)
    return replace(plan, workers=workers, control=f"ipc://{folder}/control", folder=str(folder))


class Comer(threading.Thread):
    """A worker that a person starts; `codes` is how it ended."""

    def __init__(self, name: str, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        monkeypatch.setattr(signal, "signal", lambda *_: None)  # no main thread there
        self._worker, self._control, self.codes = name, plan.control, list[int]()

    def run(self) -> None:
        self.codes.append(main(self._worker, self._control))


def test_a_worker_leaves_and_says_so_when_the_run_does_not_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped --name waited for ever, kept company by the supervisor's words; an error of it ended the whole run."""
    monkeypatch.setattr("stream.running.supervisor.LEAVE_S", 0.0)
    plan, interrupts = plan_elsewhere(tmp_path), Interrupts()
    stranger = Comer("detct", plan, monkeypatch)
    stranger.start()

    def watch(values: dict[str, float]) -> None:
        if stranger.codes:
            interrupts.count = 2

    outcome = run_workers(plan, watch, interrupts)
    stranger.join(30)
    assert stranger.codes == [6] and "stage detct: the run has no such worker" in capsys.readouterr().err
    assert outcome.error is None, "what a stranger says does not end the run"


def test_a_worker_that_comes_late_leaves_when_the_run_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was given its work, opened a network that nobody wanted, and was waited for twice eight seconds."""
    monkeypatch.setattr("stream.running.supervisor.LEAVE_S", 4.0)
    plan, interrupts = plan_elsewhere(tmp_path), Interrupts()
    interrupts.count = 2
    late = Comer(plan.workers[0].name, plan, monkeypatch)

    def watch(values: dict[str, float]) -> None:
        if late.ident is None:
            late.start()

    run_workers(plan, watch, interrupts)
    late.join(30)
    assert late.codes == [6] and "or is over" in capsys.readouterr().err


class Left:
    """Stands for the process of a run: it leaves in order as soon as it may go, and its last word is late."""

    context: zmq.Context
    ended = False
    started = 0

    def __init__(self, control: str) -> None:
        self._control = control

    def start(self, name: str) -> None:
        Left.started += 1
        self._client = ControlClient(self.context, self._control, name)
        self._client.send(Ready(()))
        threading.Thread(target=self._finish, daemon=True).start()

    def _finish(self) -> None:
        while not isinstance(self._client.receive(1.0), Go):
            pass
        Left.ended = True
        time.sleep(0.4)
        self._client.send(Done({}))

    def end_of(self, name: str) -> str | None:
        return "ended with exit code 0 before its work was done" if self.ended else None

    def left_by_itself(self, name: str) -> bool:
        return True

    def clock_s(self, name: str) -> float:
        return time.monotonic()

    def started_s(self, name: str) -> float:
        return 0.0

    def reap(self, within_s: float) -> None:
        self._client.close()


def test_a_worker_that_has_left_is_not_started_again_when_its_last_word_is_late(
    context: zmq.Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last word was waited for 0.1 s: on a busy machine a worker that had finished was said to have died."""
    plan = plan_of(("north",), placement={"workers": ALONE})
    monkeypatch.setattr("stream.running.crew.Processes", Left)
    monkeypatch.setattr(Left, "context", context, raising=False)
    monkeypatch.setattr(Left, "ended", False)
    monkeypatch.setattr(Left, "started", 0)
    monkeypatch.setattr("stream.running.supervisor.LAST_WORD_S", 60.0)
    outcome = run_workers(replace(plan, control=f"ipc://{tmp_path}/control"), lambda values: None, Interrupts())
    assert (Left.started, outcome.status, outcome.recoveries) == (1, "finished", [])


def test_every_recovery_is_timed_when_the_later_one_is_over_first(context: zmq.Context, tmp_path: Path) -> None:
    """Two cameras, two deaths: once the second lane went on, nobody looked after the first any more."""
    plan = plan_elsewhere(tmp_path, "north", "south")
    crew, control, recoveries = Crew(plan), ControlServer(context, plan.control), list[Recovery]()
    restarts = Restarts(plan, crew, control, recoveries)
    for camera in ("north", "south"):
        recoveries.append(Recovery(f"decode-{camera}", "was killed", time.time(), {camera: 1}))
    over = []
    for camera in ("south", "north"):
        crew.tell_values(f"record-{camera}", {key("roadtally_epoch", camera=camera): 1.0})
        restarts.note_recovered()
        over.append([recovery.recovery_s is not None for recovery in recoveries])
    control.close()
    assert over == [[False, True], [True, True]]
