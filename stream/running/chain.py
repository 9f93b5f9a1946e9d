"""A chain: the stages of one worker, one after the other in one thread."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from stream.messages import EndOfStream, Message, lane_of
from stream.metrics import Metrics
from stream.plan.topology import WorkerPlan
from stream.stages import Stage, open_stage


class Chain:
    """Opens the stages of a worker but for the decoder, drives messages through them, closes them."""

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        self._metrics = metrics
        self._epochs = {camera.name: work.epochs.get(camera.name, 0) for camera in work.cameras}
        self._names = [name for name in work.stages if name != "decode"]
        self._stages: list[Stage] = []
        with ExitStack() as opened:
            for name in self._names:
                self._stages.append(open_stage(name, work, metrics))
                opened.callback(self._stages[-1].close)
            self._opened = opened.pop_all()
        self.open_cameras = {camera.name for camera in work.cameras}

    def begin(self, epochs: Mapping[str, int]) -> None:
        """These are the lives of the cameras now: messages of lives before go no further, not even those inside."""
        self.open_cameras |= {camera for camera, epoch in epochs.items() if epoch > self._epochs[camera]}
        self._epochs.update(epochs)

    def is_stale(self, message: Message) -> bool:
        """Whether it is of a life before: a worker died since, and it will be made again."""
        camera, epoch = lane_of(message)
        return epoch < self._epochs[camera]

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(note for stage in self._stages for note in stage.notes)

    @property
    def wait_s(self) -> float | None:
        """How soon poll() wants to be called; None when only a message can bring something."""
        waits = [wait for stage in self._stages if (wait := stage.wait_s) is not None]
        return min(waits, default=None)

    def push(self, message: Message) -> list[Message]:
        """Put one message in at the front; returns what came out at the end."""
        return self._through([message], 0)

    def poll(self) -> list[Message]:
        """What became ready inside without a new message."""
        out: list[Message] = []
        for i, stage in enumerate(self._stages):
            if stage.wait_s is None:
                continue
            started_s = time.perf_counter()
            ready = stage.poll()
            self._metrics.count("roadtally_busy_seconds_total", time.perf_counter() - started_s, stage=self._names[i])
            out += self._through(ready, i + 1)
        return out

    def close(self) -> None:
        """Every stage is closed, even when another cannot be; the first error is raised."""
        self._opened.close()

    def _through(self, messages: Iterable[Message], first: int) -> list[Message]:
        for i in range(first, len(self._stages)):
            stage = self._stages[i]
            started_s = time.perf_counter()
            messages = [out for message in messages if not self.is_stale(message) for out in stage.process(message)]
            busy_s = time.perf_counter() - started_s
            self._metrics.count("roadtally_busy_seconds_total", busy_s, stage=self._names[i])
        out = [message for message in messages if not self.is_stale(message)]
        self.open_cameras -= {message.camera for message in out if isinstance(message, EndOfStream)}
        return out
