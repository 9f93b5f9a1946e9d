"""The whole pipeline in one process without sockets: the debug mode, and the oracle that the others are tested by."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from stream.errors import RoadtallyError
from stream.messages import InBand, Message
from stream.metrics import Metrics
from stream.plan.topology import Plan
from stream.records.store import STORE, Store
from stream.running.chain import Chain
from stream.running.outcome import Interrupts, Outcome, Watch
from stream.stages.decode import Decode
from stream.transport.ring import SlotPool, local_slots

WATCH_S = 0.25
LOOK_S = 0.1


def run_inline(plan: Plan, watch: Watch, interrupts: Interrupts, resumed: str = "") -> Outcome:
    """Runs to the end of all sources; errors are in the outcome, never raised. resumed: as for run_workers."""
    outcome = Outcome()
    started_s = time.monotonic()
    try:
        with ExitStack() as resources:
            inline = _Inline(plan, resources, outcome)
            if resumed:
                inline.rewind(resumed)
            inline.run(watch, interrupts)
    except RoadtallyError as error:
        outcome.status, outcome.error = "failed", error
    outcome.wall_s = time.monotonic() - started_s
    return outcome


class _Inline:
    def __init__(self, plan: Plan, resources: ExitStack, outcome: Outcome) -> None:
        self._work = plan.workers[0]
        self._outcome = outcome
        self._metrics = Metrics()
        self._pools = {c.name: SlotPool(local_slots(self._work.slots, c.layout)) for c in plan.cameras}
        self._sources = []
        for camera in plan.cameras:
            source = Decode(camera, self._work.sources[camera.name], self._pools[camera.name], self._metrics)
            resources.callback(source.close)
            self._sources.append(source)
        started_s = time.monotonic()
        self._chain = Chain(self._work, self._metrics)
        resources.callback(self._chain.close)
        outcome.open_s = time.monotonic() - started_s
        outcome.notes = [note for source in self._sources for note in source.notes] + list(self._chain.notes)

    def rewind(self, reason: str) -> None:
        """Begin with the last checkpoints instead of the beginnings."""
        store = Store(Path(self._work.folder) / STORE)
        try:
            for camera, source in zip(self._work.cameras, self._sources, strict=True):
                source.rewind(1, store.checkpoint(camera.name), reason)
        finally:
            store.close()

    def run(self, watch: Watch, interrupts: Interrupts) -> None:
        watched_s = 0.0
        while self._chain.open_cameras and interrupts.count < 2:
            if interrupts.count and self._outcome.status == "finished":
                self._outcome.status = "interrupted"
                for source in self._sources:
                    source.stop()
            for source in self._sources:
                message = None if source.ended else source.next(self._wait_s())
                if message is not None:
                    self._release(self._chain.push(message))
                self._release(self._chain.poll())
            if time.monotonic() - watched_s > WATCH_S:
                watched_s = time.monotonic()
                watch(self._metrics.snapshot())
        self._metrics.set("roadtally_cpu_seconds_total", time.process_time(), worker=self._work.name)
        self._outcome.values = self._metrics.snapshot()
        watch(self._outcome.values)

    def _wait_s(self) -> float:
        """How long a camera may keep the others waiting."""
        wait_s = self._chain.wait_s
        return (LOOK_S if wait_s is None else min(wait_s, LOOK_S)) / len(self._sources)

    def _release(self, messages: list[Message]) -> None:
        for message in messages:
            if not isinstance(message, InBand):
                self._pools[message.frame.camera].give_back(message.frame.epoch, message.frame.slot)
