"""The workers of a run on other hosts: nobody here can start them, so it is told who is away and how they come back."""

from __future__ import annotations

from collections.abc import Iterable

from stream.metrics import key
from stream.plan.topology import WorkerPlan

AWAY_S = 10.0  # without a beat from a worker that was at work: less than a worker waits for its supervisor


class Remote:
    """Which of them are away. Pure bookkeeping; time is given."""

    def __init__(self, workers: Iterable[WorkerPlan], control: str) -> None:
        self._hosts = {work.name: work.host for work in workers if work.host}
        self._control = control
        self._away: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._hosts

    @property
    def away(self) -> frozenset[str]:
        return frozenset(self._away)

    def lose(self, name: str) -> None:
        self._away.add(name)

    def find(self, name: str) -> None:
        self._away.discard(name)

    def where(self, name: str) -> str:
        return f"on {self._hosts[name]}"

    def fix(self, name: str) -> str:
        """How a person brings it back."""
        return f"start `roadtally worker --name {name} --control {self._control}` on {self._hosts[name]}"

    def values(self) -> dict[str, float]:
        return {key("roadtally_worker_away", worker=name): float(name in self._away) for name in self._hosts}
