"""What is done about a worker that died, is stuck or is away: it is started again or waited for, and its lanes go back
to their last checkpoints. Which lanes, and when they may go on, is kept in stream.running.recovery."""

from __future__ import annotations

import time
from collections.abc import Mapping

from stream.errors import StageError
from stream.metrics import key
from stream.plan.topology import Plan
from stream.running.crew import Crew
from stream.running.recovery import MOST, WINDOW_S, Lanes, Recovery, rewinds
from stream.transport.control import Beat, ControlServer, FromWorker, Halt, Hello, Ready

RESUME = "what was counted is kept; `run --resume` goes on"


class Restarts:
    """Raises StageError where a worker cannot be brought back: that ends the run."""

    def __init__(self, plan: Plan, crew: Crew, control: ControlServer, recoveries: list[Recovery]) -> None:
        """recoveries: every time that a worker was started again is added here."""
        self._plan, self._crew, self._control, self._recoveries = plan, crew, control, recoveries
        self._lanes = Lanes(plan.workers)

    def resume(self, why: str) -> None:
        """All lanes begin with their checkpoints, not with their sources."""
        for work in self._plan.workers:
            if work.inlet is None:
                self._lanes.begin_anew(work.name, why)

    def epochs_of(self, name: str) -> dict[str, int]:
        return self._lanes.epochs_of(name)

    def halt_again(self, name: str) -> None:
        """One that was not there when its lanes began anew hears it now."""
        if self._lanes.awaits(name):
            self._halt(name)

    def hear_remote(self, name: str, word: FromWorker) -> None:
        """A worker on another host that was at work says something: it may be back, or be another than before."""
        crew = self._crew
        if isinstance(word, Hello) and name in crew.ready:
            self.died(name, f"{crew.remote.where(name)} came anew")
        elif isinstance(word, Beat) and name in crew.remote.away:  # the network was away, it was not
            crew.ready.add(name)
            self._halt(name)
        if isinstance(word, Beat | Ready):
            crew.remote.find(name)

    def halted(self, name: str, epochs: Mapping[str, int]) -> None:
        """It holds nothing of the lives before. Lanes of which that is true of all workers begin their new lives."""
        self._lanes.halted(name, epochs)
        for decoder, word in rewinds(self._plan, self._lanes):
            self._control.send(decoder, word)

    def finished(self, name: str) -> None:
        """Perhaps before it heard that its lanes begin anew."""
        if self._lanes.awaits(name):
            self._begin_anew(name, self._recoveries[-1].reason)

    def fell_silent(self, name: str) -> None:
        """One on another host is waited for; one at work here is stuck, and is started again; one that never came is
        an error."""
        crew, silence = self._crew, f"nothing heard for {self._crew.patience_s(name):.0f} s"
        if name in crew.remote and crew.going:
            crew.remote.lose(name)
            self.died(name, f"{crew.remote.where(name)} is away: {silence}")
        elif name in crew.ready and name not in crew.remote:
            crew.processes.kill(name)
            self.died(name, f"was stuck: {silence}")
        else:
            crew.done.add(name)
            raise StageError(f"stage {name}", silence, crew.remote.fix(name) if name in crew.remote else "")

    def died(self, name: str, why: str) -> None:
        """It is started again, and its lanes go back to their last checkpoints."""
        crew = self._crew
        if name != crew.last and crew.last in crew.done:  # all that it ever did has been recorded
            crew.done.add(name)
        elif not self._lanes.may_start_again(name, crew.lived_s(name)):
            crew.done.add(name)
            often = f"{why}; it was started again {MOST} times within {WINDOW_S:.0f} s"
            raise StageError(f"stage {name}", often, RESUME)
        elif not crew.going:
            crew.start_again(name)
        else:
            self._begin_anew(name, f"stage {name} {why}")

    def _begin_anew(self, name: str, reason: str) -> None:
        crew = self._crew
        concerned = self._lanes.begin_anew(name, reason, crew.done)
        self._recoveries.append(Recovery(name, reason, time.time(), self._lanes.epochs_of(name)))
        for other in concerned:
            if other in crew.done and other in crew.remote:
                what = f"had finished {crew.remote.where(other)} and is needed again: {reason}"
                raise StageError(f"stage {other}", what, RESUME)
            if other == name or other in crew.done:
                crew.start_again(other)
            elif other in crew.ready:
                self._halt(other)

    def _halt(self, name: str) -> None:
        self._control.send(name, Halt(self._lanes.epochs_of(name)))

    def note_recovered(self) -> None:
        """Which lanes have recorded a picture of their new life."""
        waiting = [recovery for recovery in self._recoveries if recovery.recovery_s is None]
        values = self._crew.values() if waiting else {}
        for recovery in waiting:
            lives = [values.get(key("roadtally_epoch", camera=c), 0) >= e for c, e in recovery.epochs.items()]
            if all(lives):
                recovery.recovery_s = time.time() - recovery.died_utc

    def values(self) -> dict[str, float]:
        """How often each worker was started again."""
        counts: dict[str, float] = {}
        for recovery in self._recoveries:
            name = key("roadtally_restarts_total", worker=recovery.worker)
            counts[name] = counts.get(name, 0.0) + 1
        return counts
