"""The workers of a run as its supervisor knows them: opened, at work or done, and for how long nothing was heard."""

from __future__ import annotations

import time
from collections.abc import Mapping

from stream.plan.topology import Plan
from stream.running.processes import Processes
from stream.running.remote import AWAY_S, Remote

OPEN_S = 120.0  # for a worker to load its model and be ready
REMOTE_S = 600.0  # for a person to start a worker on another host
STALL_S = 30.0  # without a beat from a worker's main loop


class Crew:
    """By the name of the worker. Those of this host are processes of ours; those of others a person starts."""

    def __init__(self, plan: Plan) -> None:
        self.plans = {work.name: work for work in plan.workers}
        self.last = plan.workers[-1].name  # what it has recorded, nobody needs any more
        self.remote = Remote(plan.workers, plan.control)
        self.processes = Processes(plan.control)
        self.going = False  # all were ready once
        self.ready: set[str] = set()
        self.done: set[str] = set()  # have said their last word
        self.begun_s = time.monotonic()
        self._ready_s: dict[str, float] = {}
        self._heard_s: dict[str, float] = {}
        self._values: dict[str, Mapping[str, float]] = {}

    def start(self) -> None:
        for name in self.plans:
            if name not in self.remote:
                self.processes.start(name)

    def start_again(self, name: str) -> None:
        """What it had done is needed again. On another host a person starts it."""
        self.done.discard(name)
        self.ready.discard(name)
        if name not in self.remote:
            self.processes.start(name)

    @property
    def busy(self) -> list[str]:
        return [name for name in self.plans if name not in self.done]

    @property
    def all_ready(self) -> bool:
        return self.ready == set(self.plans)

    @property
    def listening(self) -> list[str]:
        """Who can hear a word to all."""
        return [name for name in self._heard_s if name not in self.done]

    def heard(self, name: str) -> None:
        self._heard_s[name] = self.processes.clock_s(name)

    def opened(self, name: str) -> None:
        self.ready.add(name)
        self._ready_s[name] = time.monotonic()

    def lived_s(self, name: str) -> float:
        """How long it has been at work since it was ready last."""
        return time.monotonic() - self._ready_s[name] if name in self.ready else 0.0

    def silent_s(self, name: str) -> float:
        """How long nothing was heard of it since it was started, in which it had a processor."""
        since_s = max(self._heard_s.get(name, self.begun_s), self.processes.started_s(name))
        return self.processes.clock_s(name) - since_s

    def patience_s(self, name: str) -> float:
        """How long it may be silent."""
        remote = name in self.remote
        if name in self.ready:
            return AWAY_S if remote and self.going else STALL_S
        return REMOTE_S if remote else OPEN_S

    def tell_values(self, name: str, values: Mapping[str, float]) -> None:
        self._values[name] = values

    def values(self) -> dict[str, float]:
        """The metrics of all, as each told them last."""
        merged = self.remote.values()
        for values in self._values.values():
            merged.update(values)
        return merged
