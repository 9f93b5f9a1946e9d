"""The supervisor: makes the rings, starts the workers, watches them, drains them, and leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import signal
import time
from contextlib import ExitStack
from multiprocessing.context import SpawnProcess

import msgspec
import zmq

from stream import worker
from stream.errors import RoadtallyError, StageError
from stream.outcome import Interrupts, Outcome, Watch
from stream.topology import Plan
from stream.transport.control import (
    Alive,
    Assign,
    Beat,
    ControlServer,
    Done,
    Drain,
    Fault,
    FromWorker,
    Go,
    Hello,
    Ready,
)
from stream.transport.ring import Ring

OPEN_S = 120.0  # for a worker to load its model and be ready
REMOTE_S = 600.0  # for a person to start a worker on another host
STALL_S = 30.0  # without a beat from a worker's main loop
LEAVE_S = 8.0  # from "leave now" to the kill
TICK_S = 0.1


def run_workers(plan: Plan, watch: Watch, interrupts: Interrupts) -> Outcome:
    """Runs to the end of all sources; errors are in the outcome, never raised."""
    outcome = Outcome()
    started_s = time.monotonic()
    try:
        with ExitStack() as resources:
            for spec in plan.rings:
                resources.callback(Ring.create(spec).close)
            _Supervisor(plan, resources, outcome, started_s).run(watch, interrupts)
    except RoadtallyError as error:
        outcome.status, outcome.error = "failed", error
    outcome.wall_s = time.monotonic() - started_s
    return outcome


class _Supervisor:
    """What is wanted (the plan) against what is (processes and their words)."""

    def __init__(self, plan: Plan, resources: ExitStack, outcome: Outcome, started_s: float) -> None:
        self._plan, self._outcome, self._started_s = plan, outcome, started_s
        context = zmq.Context()
        resources.callback(context.destroy, 500)
        self._control = ControlServer(context, plan.control)
        resources.callback(self._control.close)
        self._work = {work.name: work for work in plan.workers}
        self._ready: set[str] = set()
        self._done: set[str] = set()
        self._heard_s: dict[str, float] = {}
        self._values: dict[str, dict[str, float]] = {}
        self._alive_s = time.monotonic()
        self._leave_by_s: float | None = None
        self._processes = {work.name: self._start(work.name) for work in plan.workers if not work.host}
        resources.callback(self._reap)

    def run(self, watch: Watch, interrupts: Interrupts) -> None:
        """Until every worker has said its last word and has left."""
        while self._busy():
            heard = self._control.receive(TICK_S)
            if heard is not None:
                self._hear(*heard)
            self._tell_alive()
            self._obey(interrupts)
            if self._outcome.error is None:
                self._check()
            watch(self._merged())
        self._outcome.values = self._merged()

    def _busy(self) -> bool:
        wanted = [name for name in self._work if name not in self._done]
        if self._leave_by_s is None:
            return bool(wanted)
        # told to leave now, a worker that was not yet at work goes without a last word
        gone = {name for name, process in self._processes.items() if process.exitcode is not None}
        return time.monotonic() < self._leave_by_s and any(name not in gone for name in wanted)

    def _start(self, name: str) -> SpawnProcess:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_worker_main, args=(name, self._plan.control), name=name, daemon=True)
        process.start()
        return process

    def _hear(self, name: str, word: FromWorker) -> None:
        self._heard_s[name] = time.monotonic()
        if isinstance(word, Hello) and name in self._work:
            self._control.send(name, Assign(msgspec.msgpack.encode(self._work[name])))
        elif isinstance(word, Ready):
            self._outcome.notes += word.notes
            self._ready.add(name)
            if self._ready == set(self._work):
                self._outcome.open_s = time.monotonic() - self._started_s
                self._tell(Go())
        elif isinstance(word, Beat | Done):
            self._values[name] = word.values
            if isinstance(word, Done):
                self._done.add(name)
        elif isinstance(word, Fault):
            self._done.add(name)
            self._fail(word.error())

    def _check(self) -> None:
        """Whether every worker that should live does, and moves."""
        now_s = time.monotonic()
        for name, work in self._work.items():
            if name in self._done:
                continue
            process = self._processes.get(name)
            if process is not None and process.exitcode is not None:
                self._hear_last_words()
                if name not in self._done:
                    self._done.add(name)
                    self._fail(
                        StageError(f"stage {name}", _died(process.exitcode), "its files are closed; run it again")
                    )
                return
            limit_s = STALL_S if name in self._ready else (REMOTE_S if work.host else OPEN_S)
            silent_s = now_s - self._heard_s.get(name, self._started_s)
            if silent_s > limit_s:
                self._done.add(name)
                fix = (
                    f"start `roadtally worker --name {name} --control {self._plan.control}` there" if work.host else ""
                )
                self._fail(StageError(f"stage {name}", f"nothing heard for {limit_s:.0f} s", fix))
                return

    def _hear_last_words(self) -> None:
        while (heard := self._control.receive(TICK_S)) is not None:
            self._hear(*heard)

    def _obey(self, interrupts: Interrupts) -> None:
        if interrupts.count and self._outcome.status == "finished":
            self._outcome.status = "interrupted"
            self._tell(Drain())
        if interrupts.count > 1 and self._leave_by_s is None:
            self._leave()

    def _fail(self, error: RoadtallyError) -> None:
        if self._outcome.error is None:
            self._outcome.status, self._outcome.error = "failed", error
            self._leave()

    def _leave(self) -> None:
        self._leave_by_s = time.monotonic() + LEAVE_S
        self._tell(Drain(now=True))

    def _tell_alive(self) -> None:
        if time.monotonic() - self._alive_s > 1:
            self._alive_s = time.monotonic()
            self._tell(Alive())

    def _tell(self, word: Go | Alive | Drain) -> None:
        for name in self._heard_s:
            if name not in self._done:
                self._control.send(name, word)

    def _merged(self) -> dict[str, float]:
        merged: dict[str, float] = {}
        for values in self._values.values():
            merged.update(values)
        return merged

    def _reap(self) -> None:
        """Wait for all processes to one deadline, then kill what is left."""
        deadline_s = time.monotonic() + LEAVE_S
        for process in self._processes.values():
            process.join(max(0.0, deadline_s - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()
            process.close()


def _worker_main(name: str, control: str) -> None:
    raise SystemExit(worker.main(name, control))


def _died(exit_code: int) -> str:
    if exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code} before its work was done"
