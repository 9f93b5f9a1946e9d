"""Detect: pictures in, detections in picture coordinates out, each camera's in order, several passes at a time.

Cameras with a budget are looked at as often and as sharply as it allows (stream/budget/controller.py). Where cameras
still want more passes than the network can give, each gets its share (stream/budget/batching.py). Of a live camera the
newest pictures wait; an older one is passed on without a look, and its tracks are predicted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

import msgspec
import numpy as np

from models.contract import Pending
from stream.budget.batching import Batcher, Share
from stream.budget.looks import Look
from stream.geometry import Letterbox
from stream.messages import Decoded, Detected, Detections, Duty, InBand, Message
from stream.metrics import Metrics
from stream.plan.topology import WorkerPlan
from stream.stages.networks import Networks
from stream.stages.points import Points

AHEAD_S = 0.02  # a pass that keeps the device busy for longer is not begun before the device is free for it
POLL_S = 0.001  # how often a pass under way is looked at while no message comes
BURST = 4  # results that go on together where all cameras wait: each stage then does more while caches hold its data


@dataclass(slots=True)
class _Entry:
    """A message in its place in the queue, and where its detections will come from."""

    message: Decoded | InBand
    since_s: float
    look: Look | None = None
    letterbox: Letterbox | None = None
    pending: Pending | None = None
    row: int = 0
    asked: bool = False


@dataclass(slots=True)
class _Pass:
    """A pass under way: its pictures are looked at in one way. beside: passes under way when it began, with itself."""

    pending: Pending
    look: Look
    pictures: int
    began_s: float
    beside: int


class Detect:
    """The detector of all cameras of one worker."""

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        self._networks = Networks(work)
        self.notes = self._networks.notes
        self._points = Points(work, metrics)
        newest = work.detector.max_batch + 1  # may wait: for one pass, and one that comes meanwhile
        shares = {camera.name: Share(camera.weight, None if camera.blocks else newest) for camera in work.cameras}
        self._batcher: Batcher[_Entry] = Batcher(work.detector.max_batch, work.max_wait_ms / 1000, shares)
        self._queues: dict[str, deque[_Entry]] = {camera.name: deque() for camera in work.cameras}
        self._passes: list[_Pass] = []
        self._patient = all(camera.blocks for camera in work.cameras)
        self._burst = BURST if self._patient else 1
        self._busy_s = 0.0  # that the last pass kept the device
        self._metrics = metrics
        self._segmented = work.masks is not None  # the tensor is looked at once more

    def process(self, message: Message) -> Iterable[Message]:
        """Passes begin in poll(), when all messages that have come are known: turns are taken among them."""
        assert isinstance(message, Decoded | InBand)
        entry = _Entry(message, time.monotonic())
        camera = message.camera if isinstance(message, InBand) else message.frame.camera
        self._queues[camera].append(entry)
        if isinstance(message, Decoded) and message.frame.duty != "predict":
            self._ask(camera, entry, message)
        return list(self._finished(camera))

    def poll(self) -> Iterable[Message]:
        for _ in range(self._free()):
            if not (batch := self._batcher.due(time.monotonic())):
                break
            self._start(batch)
        if not self._free() and self._batcher.wait_s(time.monotonic()) == 0:
            self._passes[0].pending.result()  # wait for the oldest: the network sets the pace
        for notice in self._points.moves():
            self._queues[notice.camera].append(_Entry(notice, time.monotonic()))
        return [message for camera in self._queues for message in self._finished(camera)]

    @property
    def wait_s(self) -> float | None:
        wait_s = self._batcher.wait_s(time.monotonic())
        if not self._passes:
            return wait_s
        return POLL_S if wait_s is None or not self._free() else min(wait_s, POLL_S)

    def close(self) -> None:
        self._networks.close()

    def _ask(self, camera: str, entry: _Entry, message: Decoded) -> None:
        seen = self._points.look(message)
        if seen is None:
            if message.frame.duty == "detect":
                self._pass_over(entry)
            return
        entry.message = with_duty(message, "detect")
        entry.asked, entry.look, entry.letterbox = True, *seen
        late = self._batcher.add(camera, entry, seen, entry.since_s)
        if late is not None:
            self._pass_over(late)

    def _free(self) -> int:
        """How many passes may begin."""
        for one in [one for one in self._passes if one.pending.done()]:
            self._passes.remove(one)
            shared = max(one.beside, self._networks.in_flight - 1)  # how many it shared the device with, or could have
            self._busy_s = (time.monotonic() - one.began_s) / shared
            self._points.served(one.look, 1000 * self._busy_s / one.pictures)
        return self._most() - len(self._passes)

    def _most(self) -> int:
        """Passes under way. One more than the device works on keeps it busy between two; but pictures of a camera grow
        old in it, and newer ones could have been looked at instead. So that one is spared where a pass takes long."""
        most = self._networks.in_flight
        return most if self._patient or self._busy_s < AHEAD_S else max(1, most - 1)

    def _start(self, batch: list[_Entry]) -> None:
        began_s, look = time.monotonic(), batch[0].look
        assert look is not None
        tensors = [self._points.picture(entry.message, entry.letterbox) for entry in batch]  # type: ignore[arg-type]
        pictures = tensors[0][None] if len(tensors) == 1 else np.stack(tensors)
        pending = self._networks.start(look, pictures)
        self._passes.append(_Pass(pending, look, len(batch), began_s, len(self._passes) + 1))
        for row, entry in enumerate(batch):
            entry.pending, entry.row = pending, row
        self._metrics.count("roadtally_passes_total")

    def _pass_over(self, entry: _Entry) -> None:
        """A picture that is not looked at: its tracks are predicted."""
        assert isinstance(entry.message, Decoded)
        entry.message, entry.asked = with_duty(entry.message, "predict"), False
        self._metrics.count("roadtally_passed_over_total", camera=entry.message.frame.camera)

    def _finished(self, camera: str) -> Iterator[Message]:
        """Messages from the head of the camera's queue whose passes are done: order is kept."""
        queue = self._queues[camera]
        ready = sum(1 for _ in takewhile(_is_done, queue))
        if ready >= self._burst or all(one.pending.done() for one in self._passes):
            for _ in range(ready):
                yield self._output(queue.popleft())

    def _output(self, entry: _Entry) -> Message:
        message = entry.message
        if isinstance(message, InBand):
            return message
        self._points.result(message.frame, entry.since_s)
        tensor = message.tensor if self._segmented else None
        return Detected(message.frame, self._detections(entry), message.yuv, tensor)

    def _detections(self, entry: _Entry) -> Detections | None:
        if entry.pending is None or entry.letterbox is None:
            return None
        found = entry.pending.result()[entry.row]
        return Detections(entry.letterbox.to_picture(found.xyxy), found.score, found.label, found.masks)


def _is_done(entry: _Entry) -> bool:
    return not entry.asked or (entry.pending is not None and entry.pending.done())


def with_duty(message: Decoded, duty: Duty) -> Decoded:
    if message.frame.duty == duty:
        return message
    return msgspec.structs.replace(message, frame=msgspec.structs.replace(message.frame, duty=duty))
