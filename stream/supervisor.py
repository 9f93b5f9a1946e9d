"""The supervisor: makes the rings, starts the workers, watches them, drains them, and leaves nothing behind."""

from __future__ import annotations

import time
from contextlib import ExitStack

import msgspec
import zmq

from stream.errors import RoadtallyError, StageError
from stream.metrics import key
from stream.outcome import Interrupts, Outcome, Watch
from stream.processes import Processes
from stream.recovery import MOST, WINDOW_S, Lanes, Recovery, rewinds
from stream.remote import AWAY_S, Remote
from stream.topology import Plan, WorkerPlan
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
    Halt,
    Halted,
    Hello,
    Ready,
)
from stream.transport.ring import Ring

OPEN_S = 120.0  # for a worker to load its model and be ready
REMOTE_S = 600.0  # for a person to start a worker on another host
STALL_S = 30.0  # without a beat from a worker's main loop
LEAVE_S = 8.0  # from "leave now" to the kill
TICK_S = 0.1


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
        self._plan, self._outcome = plan, outcome
        context = zmq.Context()
        resources.callback(context.destroy, 500)
        self._control = ControlServer(context, plan.control)
        resources.callback(self._control.close)
        self._work = {work.name: work for work in plan.workers}
        self._lanes = Lanes(plan.workers)
        if resumed:
            for work in plan.workers:
                if work.inlet is None:
                    self._lanes.begin_anew(work.name, resumed)
        self._ready: set[str] = set()
        self._ready_s: dict[str, float] = {}
        self._going = False  # all were ready once
        self._done: set[str] = set()
        self._heard_s: dict[str, float] = {}
        self._values: dict[str, dict[str, float]] = {}
        self._alive_s = self._begun_s = time.monotonic()
        self._leave_by_s: float | None = None
        self._remote = Remote(plan.workers, plan.control)
        self._processes = Processes(plan.control)
        resources.callback(self._processes.reap, LEAVE_S)
        for work in plan.workers:
            if not work.host:
                self._processes.start(work.name)

    def run(self, watch: Watch, interrupts: Interrupts) -> None:
        """Until every worker has said its last word and has left."""
        while self._busy():
            heard = self._control.receive(TICK_S)
            while heard is not None:  # all that has come: who is silent is judged below
                self._hear(*heard)
                heard = self._control.receive(0)
            self._tell_alive()
            self._obey(interrupts)
            if self._leave_by_s is None:
                self._check()
            watch(self._merged())
        self._outcome.values = self._merged()

    def _busy(self) -> bool:
        wanted = [name for name in self._work if name not in self._done]
        if self._leave_by_s is None:
            return bool(wanted)
        # told to leave now, a worker that was not yet at work goes without a last word
        return time.monotonic() < self._leave_by_s and any(self._processes.end_of(name) is None for name in wanted)

    def _hear(self, name: str, word: FromWorker) -> None:
        if name not in self._work:  # started by a person, under a name that this run does not have
            if isinstance(word, Hello):
                self._control.send(name, Drain(now=True))
            return
        self._heard_s[name] = self._processes.clock_s(name)
        if name in self._remote and self._going:
            self._hear_remote(name, word)
        if isinstance(word, Hello):
            work = msgspec.structs.replace(self._work[name], epochs=self._lanes.epochs_of(name))
            self._control.send(name, Assign(msgspec.msgpack.encode(work)))
        elif isinstance(word, Ready):
            self._outcome.notes += word.notes
            self._ready.add(name)
            self._ready_s[name] = time.monotonic()
            self._go(name)
        elif isinstance(word, Halted):
            self._lanes.halted(name, word.epochs)
            self._rewind()
        elif isinstance(word, Beat | Done):
            self._values[name] = word.values
            self._note_recovered()
            if isinstance(word, Done):
                self._done.add(name)
                if self._lanes.awaits(name):  # it finished before it heard that its lanes begin anew
                    self._begin_anew(name, self._outcome.recoveries[-1].reason)
        elif isinstance(word, Fault) and name not in self._remote.away:  # else it left since it heard nothing
            self._done.add(name)
            self._fail(word.error())

    def _hear_remote(self, name: str, word: FromWorker) -> None:
        """A worker on another host that was at work says something: it may be back, or be another than before."""
        if isinstance(word, Hello) and name in self._ready:
            self._restart(name, f"{self._remote.where(name)} was started again")
        elif isinstance(word, Beat) and name in self._remote.away:  # the network was away, it was not
            self._ready.add(name)
            self._control.send(name, Halt(self._lanes.epochs_of(name)))
        if isinstance(word, Beat | Ready):
            self._remote.find(name)

    def _go(self, name: str) -> None:
        """All begin together; one that was started again begins when it is ready, and first says that it holds
        nothing of the life before."""
        if self._going:
            names = [name]
        elif self._ready == set(self._work):
            self._going, names = True, list(self._work)
            self._outcome.open_s = time.monotonic() - self._begun_s
        else:
            return
        for ready in names:
            self._control.send(ready, Go())
            if self._lanes.awaits(ready):
                self._control.send(ready, Halt(self._lanes.epochs_of(ready)))
            if self._outcome.status == "interrupted":
                self._control.send(ready, Drain())

    def _check(self) -> None:
        """Whether every worker that should live does, and moves."""
        for name, work in self._work.items():
            if name in self._done:
                continue
            if (end := self._processes.end_of(name)) is not None:
                self._hear_last_words(name)
                if name not in self._done:
                    self._restart(name, end)
                return
            if name in self._remote.away:
                if self._outcome.status == "interrupted":  # what it holds will not come any more
                    self._leave()
                continue
            limit_s = (
                (AWAY_S if work.host and self._going else STALL_S)
                if name in self._ready
                else (REMOTE_S if work.host else OPEN_S)
            )
            heard_s = max(self._heard_s.get(name, self._begun_s), self._processes.started_s(name))
            if self._processes.clock_s(name) - heard_s > limit_s:
                self._miss(name, work, limit_s)
                return

    def _miss(self, name: str, work: WorkerPlan, limit_s: float) -> None:
        """A worker is silent: one at work is stuck, and is started again; one on another host is waited for; one that
        never came is an error."""
        if name in self._processes and name in self._ready:
            self._processes.kill(name)
            self._restart(name, f"was stuck: nothing heard for {limit_s:.0f} s")
            return
        if work.host and self._going:
            self._remote.lose(name)
            self._restart(name, f"{self._remote.where(name)} is away: nothing heard for {limit_s:.0f} s")
            return
        self._done.add(name)
        fix = self._remote.fix(name) if work.host else ""
        self._fail(StageError(f"stage {name}", f"nothing heard for {limit_s:.0f} s", fix))

    def _restart(self, name: str, why: str) -> None:
        """A worker died. Its lanes go back to their last checkpoints."""
        last = self._plan.workers[-1].name
        if name != last and last in self._done:  # all that it ever did has been recorded
            self._done.add(name)
        elif not self._lanes.may_start_again(name, self._lived_s(name)):
            self._done.add(name)
            often = f"{why}; it was started again {MOST} times within {WINDOW_S:.0f} s"
            self._fail(StageError(f"stage {name}", often, "what was counted is kept; `run --resume` goes on"))
        elif not self._going:
            self._start_again(name)
        else:
            self._begin_anew(name, f"stage {name} {why}")

    def _lived_s(self, name: str) -> float:
        """How long it has been at work since it was ready last."""
        return time.monotonic() - self._ready_s[name] if name in self._ready else 0.0

    def _begin_anew(self, name: str, reason: str) -> None:
        concerned = self._lanes.begin_anew(name, reason, self._done)
        self._outcome.recoveries.append(Recovery(name, reason, time.time(), self._lanes.epochs_of(name)))
        for other in concerned:
            if other in self._done and other not in self._processes:
                what = f"had finished on {self._work[other].host} and is needed again: {reason}"
                self._fail(StageError(f"stage {other}", what, "what was counted is kept; `run --resume` goes on"))
            elif other == name or other in self._done:
                self._start_again(other)
            elif other in self._ready:
                self._control.send(other, Halt(self._lanes.epochs_of(other)))

    def _start_again(self, name: str) -> None:
        self._done.discard(name)
        self._ready.discard(name)
        if name not in self._remote:
            self._processes.start(name)

    def _rewind(self) -> None:
        """Begin the new lives of lanes whose workers hold nothing of the old ones."""
        for name, word in rewinds(self._plan, self._lanes):
            self._control.send(name, word)

    def _note_recovered(self) -> None:
        """Which lanes have recorded a picture of their new life."""
        if not self._outcome.recoveries or self._outcome.recoveries[-1].recovery_s is not None:
            return
        values = self._merged()
        for recovery in self._outcome.recoveries:
            lives = [values.get(key("roadtally_epoch", camera=c), 0) >= e for c, e in recovery.epochs.items()]
            if recovery.recovery_s is None and all(lives):
                recovery.recovery_s = time.time() - recovery.died_utc

    def _hear_last_words(self, name: str) -> None:
        """Of a worker that has ended; the others go on talking meanwhile."""
        for heard in self._control.words(TICK_S):
            self._hear(*heard)
            if name in self._done:
                return

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

    def _tell(self, word: Alive | Drain) -> None:
        for name in self._heard_s:
            if name not in self._done:
                self._control.send(name, word)

    def _merged(self) -> dict[str, float]:
        merged = self._remote.values()
        for values in self._values.values():
            merged.update(values)
        for recovery in self._outcome.recoveries:
            name = key("roadtally_restarts_total", worker=recovery.worker)
            merged[name] = merged.get(name, 0) + 1
        return merged
