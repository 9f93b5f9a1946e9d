"""Detect: pictures in, detections in picture coordinates out, in order, several passes at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from models.contract import Pending
from models.registry import open_detector
from stream.batching import Batcher
from stream.messages import Decoded, Detected, Detections, InBand, Message
from stream.metrics import Metrics
from stream.topology import WorkerPlan

POLL_S = 0.001  # how often a pass under way is looked at while no message comes


@dataclass(slots=True)
class _Entry:
    """A message in its place in the queue, and where its detections will come from."""

    message: Decoded | InBand
    pending: Pending | None = None
    row: int = 0
    asked: bool = False


class Detect:
    """The detector of all cameras of one worker."""

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        self._detector = open_detector(work.detector)
        self.notes = (self._detector.describe,)
        self._letterboxes = {camera.name: camera.letterbox for camera in work.cameras}
        self._batcher: Batcher[_Entry] = Batcher(work.detector.max_batch, work.max_wait_ms / 1000)
        self._queue: deque[_Entry] = deque()
        self._passes: deque[Pending] = deque()
        self._metrics = metrics

    def process(self, message: Message) -> Iterable[Message]:
        assert isinstance(message, Decoded | InBand)
        entry = _Entry(message)
        self._queue.append(entry)
        if isinstance(message, InBand):
            self._start_rest()
        elif message.frame.duty == "detect":
            assert message.tensor is not None
            entry.asked = True
            self._batcher.add(entry, message.tensor.shape, time.monotonic())
        return self.poll()

    def poll(self) -> Iterable[Message]:
        while batch := self._batcher.due(time.monotonic()):
            self._start(batch)
        return list(self._finished())

    @property
    def wait_s(self) -> float | None:
        if self._passes:
            return POLL_S
        return self._batcher.wait_s(time.monotonic())

    def close(self) -> None:
        self._detector.close()

    def _start(self, batch: list[_Entry]) -> None:
        while self._passes and self._passes[0].done():
            self._passes.popleft()
        if len(self._passes) >= self._detector.in_flight:
            self._passes.popleft().result()  # wait for the oldest: the network sets the pace
        tensors = [entry.message.tensor for entry in batch if isinstance(entry.message, Decoded)]
        pictures = tensors[0][None] if len(tensors) == 1 and tensors[0] is not None else np.stack(tensors)  # type: ignore[arg-type]
        pending = self._detector.start(pictures)
        self._passes.append(pending)
        for row, entry in enumerate(batch):
            entry.pending, entry.row = pending, row
        self._metrics.count("roadtally_passes_total")

    def _start_rest(self) -> None:
        while batch := self._batcher.rest():
            self._start(batch)

    def _finished(self) -> Iterator[Message]:
        """Messages from the head of the queue whose passes are done: order is kept."""
        while self._queue:
            entry = self._queue[0]
            if entry.asked and (entry.pending is None or not entry.pending.done()):
                return
            self._queue.popleft()
            yield self._output(entry)
        self._passes.clear()

    def _output(self, entry: _Entry) -> Message:
        message = entry.message
        if isinstance(message, InBand):
            return message
        return Detected(message.frame, self._detections(entry), message.yuv)

    def _detections(self, entry: _Entry) -> Detections | None:
        if entry.pending is None:
            return None
        found = entry.pending.result()[entry.row]
        letterbox = self._letterboxes[entry.message.frame.camera]  # type: ignore[union-attr]
        return Detections(letterbox.to_picture(found.xyxy), found.score, found.label, found.masks)
