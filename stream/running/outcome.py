"""How a run ended, whichever way it was run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stream.errors import RoadtallyError
from stream.running.recovery import Recovery

Watch = Callable[[dict[str, float]], None]
"""Called now and then with the metrics of all workers, for progress displays and taps."""


@dataclass(slots=True)
class Outcome:
    """status: finished, interrupted or failed; error: the first that ended the run."""

    status: str = "finished"
    error: RoadtallyError | None = None
    wall_s: float = 0.0
    open_s: float = 0.0  # until every worker was ready
    values: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)  # the times that a worker was started again


class Interrupts:
    """SIGINT and SIGTERM as a count: the first drains, the second aborts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, signum: int, frame: object) -> None:
        self.count += 1
