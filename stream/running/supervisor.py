"""The supervisor: makes the rings, starts the workers, hears them, drains them, and leaves nothing behind."""

from __future__ import annotations

import time
from contextlib import ExitStack

import msgspec
import zmq

from stream.errors import RoadtallyError
from stream.plan.topology import Plan
from stream.running.crew import Crew
from stream.running.outcome import Interrupts, Outcome, Watch
from stream.running.restarts import Restarts
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
    Halted,
    Hello,
    Ready,
)
from stream.transport.ring import Ring

LEAVE_S = 8.0  # from "leave now" to the kill
ALIVE_S = 1.0  # between two words to all
TICK_S = 0.1
LAST_WORD_S = 3.0  # of a worker that was at work and has left by itself: it is on its way on a busy machine


def run_workers(plan: Plan, watch: Watch, interrupts: Interrupts, resumed: str = "") -> Outcome:
    """Runs to the end of all sources; errors are in the outcome, never raised. resumed: why the lanes do not begin with
    their sources but with their checkpoints; empty: they do begin."""
    outcome = Outcome()
    started_s = time.monotonic()
    try:
        with ExitStack() as resources:
            for spec in plan.rings:
                resources.callback(Ring.create(spec).close)
            _Supervisor(plan, resources, outcome, resumed).run(watch, interrupts)
    except RoadtallyError as error:
        outcome.status, outcome.error = "failed", error
    outcome.wall_s = time.monotonic() - started_s
    return outcome


class _Supervisor:
    """What is wanted (the plan) against what is (processes and their words)."""

    def __init__(self, plan: Plan, resources: ExitStack, outcome: Outcome, resumed: str) -> None:
        self._outcome = outcome
        context = zmq.Context()
        resources.callback(context.destroy, 500)
        self._control = ControlServer(context, plan.control)
        resources.callback(self._control.close)
        self._crew = Crew(plan)
        resources.callback(self._crew.processes.reap, LEAVE_S)
        self._restarts = Restarts(plan, self._crew, self._control, outcome.recoveries)
        if resumed:
            self._restarts.resume(resumed)
        self._alive_s = time.monotonic()
        self._leave_by_s: float | None = None
        self._crew.start()

    def run(self, watch: Watch, interrupts: Interrupts) -> None:
        """Until every worker has said its last word and has left."""
        while self._is_wanted():
            try:
                for heard in self._control.waiting(TICK_S):  # all of it: who is silent is judged below
                    self._hear(*heard)
                self._obey(interrupts)
                if self._leave_by_s is None:
                    self._check()
            except RoadtallyError as error:
                self._fail(error)
            self._tell_alive()
            watch(self._values())
        self._outcome.values = self._values()

    def _is_wanted(self) -> bool:
        busy = self._crew.busy
        if self._leave_by_s is None:
            return bool(busy)
        # told to leave now, a worker that was not yet at work goes without a last word
        return time.monotonic() < self._leave_by_s and any(self._crew.processes.end_of(name) is None for name in busy)

    def _hear(self, name: str, word: FromWorker) -> None:
        """Raises the error that a worker tells of as its last word."""
        crew, restarts = self._crew, self._restarts
        if name not in crew.plans or (isinstance(word, Hello) and self._leave_by_s is not None):
            if isinstance(word, Hello):  # under a name that this run does not have, or when it is over
                self._control.send(name, Drain(now=True))
            return
        crew.heard(name)
        if name in crew.remote and crew.going:
            restarts.hear_remote(name, word)
        if isinstance(word, Hello):
            work = msgspec.structs.replace(crew.plans[name], epochs=restarts.epochs_of(name))
            self._control.send(name, Assign(msgspec.msgpack.encode(work)))
        elif isinstance(word, Ready):
            self._outcome.notes += word.notes
            crew.opened(name)
            self._go(name)
        elif isinstance(word, Halted):
            restarts.halted(name, word.epochs)
        elif isinstance(word, Beat | Done):
            crew.tell_values(name, word.values)
            restarts.note_recovered()
            if isinstance(word, Done):
                crew.done.add(name)
                restarts.finished(name)
        elif isinstance(word, Fault) and name not in crew.remote.away:  # else it left since it heard nothing
            crew.done.add(name)
            raise word.error()

    def _go(self, name: str) -> None:
        """All begin together; one that was started again begins when it is ready, and first says that it holds
        nothing of the life before."""
        crew = self._crew
        if crew.going:
            names = [name]
        elif crew.all_ready:
            crew.going, names = True, list(crew.plans)
            self._outcome.open_s = time.monotonic() - crew.begun_s
        else:
            return
        for ready in names:
            self._control.send(ready, Go())
            self._restarts.halt_again(ready)
            if self._outcome.status == "interrupted":
                self._control.send(ready, Drain())

    def _check(self) -> None:
        """Whether every worker that should live does, and is heard. One of them is dealt with at a time: that changes
        what is expected of the others."""
        crew = self._crew
        for name in crew.busy:
            if (end := crew.processes.end_of(name)) is not None:
                self._hear_last_words(name)
                if name not in crew.done:
                    self._restarts.died(name, end)
                return
            if name in crew.remote.away:
                if self._outcome.status == "interrupted":  # what it holds will not come any more
                    self._leave()
            elif crew.silent_s(name) > crew.patience_s(name):
                self._restarts.fell_silent(name)
                return

    def _hear_last_words(self, name: str) -> None:
        """Of a worker that has ended; the others go on talking meanwhile."""
        spoke = self._crew.going and self._crew.processes.left_by_itself(name)
        for heard in self._control.words(LAST_WORD_S if spoke else TICK_S):
            self._hear(*heard)
            if name in self._crew.done:
                return

    def _obey(self, interrupts: Interrupts) -> None:
        if interrupts.count and self._outcome.status == "finished":
            self._outcome.status = "interrupted"
            self._tell(Drain())
        if interrupts.count > 1 and self._leave_by_s is None:
            self._leave()

    def _fail(self, error: RoadtallyError) -> None:
        """The first error ends the run; those that follow from it are not told."""
        if self._outcome.error is None:
            self._outcome.status, self._outcome.error = "failed", error
            self._leave()

    def _leave(self) -> None:
        self._leave_by_s = time.monotonic() + LEAVE_S
        self._tell(Drain(now=True))

    def _tell_alive(self) -> None:
        if time.monotonic() - self._alive_s > ALIVE_S:
            self._alive_s = time.monotonic()
            self._tell(Alive())

    def _tell(self, word: Alive | Drain) -> None:
        for name in self._crew.listening:
            self._control.send(name, word)

    def _values(self) -> dict[str, float]:
        return self._crew.values() | self._restarts.values()
