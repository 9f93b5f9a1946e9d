"""How a run goes on when a worker has died: which lanes begin a new life, and when all their workers are ready for it.

A lane is the way of one camera's messages through the workers. When one of its workers dies, the lane's epoch goes up.
Its other workers drop what they hold of the life before (Halt); the dead one is started again, and so are those that
had finished already. When all have said so, the decoder goes back to the last stored checkpoint and begins the new life
(Rewind). Nothing is stored in between, so the checkpoint that is read then is the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from stream.plan.topology import Plan, WorkerPlan
from stream.records.store import STORE, Store
from stream.transport.control import Rewind

MOST, WINDOW_S = 5, 60.0  # a worker is started again so often within so long at work


class Recovery(msgspec.Struct):
    """One time that a worker was started again. recovery_s: until every lane of it had recorded a picture again, from
    when the death was seen; None: it did not come to that."""

    worker: str
    reason: str
    died_utc: float
    epochs: dict[str, int]  # camera -> the life that began
    recovery_s: float | None = None


class Lanes:
    """The lives of all lanes. Pure bookkeeping: stream.running.restarts sends and starts."""

    def __init__(self, workers: Iterable[WorkerPlan]) -> None:
        self._cameras = {work.name: frozenset(camera.name for camera in work.cameras) for work in workers}
        self.epochs: dict[str, int] = {name: 0 for cameras in self._cameras.values() for name in cameras}
        self._reasons: dict[str, str] = {}  # of the lanes that stand still
        self._awaited: set[str] = set()  # workers that must still say that they hold nothing of the life before
        self._lives_s: dict[str, deque[float]] = {name: deque(maxlen=MOST + 1) for name in self._cameras}

    def may_start_again(self, worker: str, lived_s: float) -> bool:
        """Counts a death after so long at work; False when there were too many in a short time. What it took to open
        does not count: on a slow machine a worker that always dies would be started for ever."""
        lives_s = self._lives_s[worker]
        lives_s.append(lived_s)
        return len(lives_s) <= MOST or sum(lives_s) - lives_s[0] > WINDOW_S

    def begin_anew(self, worker: str, reason: str, finished: Iterable[str] = ()) -> set[str]:
        """The lanes of a worker begin new lives: all workers that are concerned, the finished ones among them."""
        lanes = set(self._cameras[worker])
        while more := {n for name in finished if self._cameras[name] & lanes for n in self._cameras[name] - lanes}:
            lanes |= more
        for camera in lanes:
            self.epochs[camera] += 1
            self._reasons[camera] = reason
        concerned = {name for name, cameras in self._cameras.items() if cameras & lanes}
        self._awaited |= concerned
        return concerned

    def epochs_of(self, worker: str) -> dict[str, int]:
        return {camera: self.epochs[camera] for camera in self._cameras[worker]}

    def awaits(self, worker: str) -> bool:
        return worker in self._awaited

    def halted(self, worker: str, epochs: Mapping[str, int]) -> None:
        """A worker has dropped all of the lives before these."""
        if all(self.epochs[camera] == epoch for camera, epoch in epochs.items()):
            self._awaited.discard(worker)

    def due(self) -> dict[str, str]:
        """Camera -> reason of the lanes that may begin now; each is given once."""
        if self._awaited:
            return {}
        due, self._reasons = self._reasons, {}
        return due


def rewinds(plan: Plan, lanes: Lanes) -> list[tuple[str, Rewind]]:
    """(decoder, what it must do) for each lane that may begin anew now: from its last stored checkpoint."""
    due = lanes.due()
    if not due:
        return []
    store = Store(Path(plan.folder) / STORE)
    try:
        return [
            (work.name, Rewind(name, lanes.epochs[name], due[name], store.checkpoint(name)))
            for work in plan.workers
            for name in (camera.name for camera in work.cameras)
            if work.inlet is None and name in due
        ]
    finally:
        store.close()
