"""The stages of a run, one file each. A stage is named here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Protocol

from stream.messages import Message
from stream.metrics import Metrics
from stream.plan.topology import WorkerPlan

STAGES = {
    "detect": "stream.stages.detect:Detect",
    "segment": "stream.stages.segment:Segment",
    "track": "stream.stages.track:Track",
    "record": "stream.stages.record:Record",
}


class Stage(Protocol):
    """Takes messages of its cameras in order and gives messages in order. Knows no socket and no lease."""

    notes: tuple[str, ...]  # what the user should know once it is open

    def process(self, message: Message) -> Iterable[Message]:
        """Take one message; give whatever became ready. EndOfStream is passed on after all else of its camera."""
        ...

    def poll(self) -> Iterable[Message]:
        """What became ready since, without a new message."""
        ...

    @property
    def wait_s(self) -> float | None:
        """How soon poll() wants to be called; None when only a message can bring something."""
        ...

    def close(self) -> None: ...


def open_stage(name: str, work: WorkerPlan, metrics: Metrics) -> Stage:
    """Import and open the stage: loads models, opens files. Raises RoadtallyError."""
    module, _, kind = STAGES[name].partition(":")
    stage: Stage = getattr(import_module(module), kind)(work, metrics)
    return stage
