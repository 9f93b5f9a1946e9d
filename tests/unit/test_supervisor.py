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

from stream.crew import Crew
from stream.metrics import key
from stream.outcome import Interrupts
from stream.recovery import Recovery
from stream.restarts import Restarts
from stream.supervisor import run_workers
from stream.topology import Plan
from stream.transport.control import ControlServer
from stream.worker import main
from tests.unit.test_topology import plan_of

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


def test_a_worker_leaves_and_says_so_when_the_run_does_not_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped --name waited for ever, kept company by the supervisor's words; an error of it ended the whole run."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # no main thread there
    monkeypatch.setattr("stream.supervisor.LEAVE_S", 0.0)
    plan, interrupts, codes = plan_elsewhere(tmp_path), Interrupts(), list[int]()
    stranger = threading.Thread(target=lambda: codes.append(main("detct", plan.control)))
    stranger.start()

    def watch(values: dict[str, float]) -> None:
        if codes:
            interrupts.count = 2

    outcome = run_workers(plan, watch, interrupts)
    stranger.join(30)
    assert codes == [6] and "stage detct: the run has no such worker" in capsys.readouterr().err
    assert outcome.error is None, "what a stranger says does not end the run"


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
