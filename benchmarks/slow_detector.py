"""The default detector on a device that takes ROADTALLY_SLOW_MS for a look at 416x256, less for smaller inputs, one at
a time: a plugin for overload_live.py."""

from __future__ import annotations

import os
import time

import msgspec
import numpy as np

from models.contract import DetectorSpec, Pending
from models.registry import DEFAULT, open_detector
from stream.messages import Detections


class SlowPending:
    """Done when the network is, and not before it is due."""

    def __init__(self, pending: Pending, due_s: float) -> None:
        self._pending, self._due_s = pending, due_s

    def done(self) -> bool:
        return time.monotonic() >= self._due_s and self._pending.done()

    def result(self) -> list[Detections]:
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        return self._pending.result()


class SlowDetector:
    """See models.contract.Detector."""

    in_flight = 2

    def __init__(self, spec: DetectorSpec) -> None:
        self._detector = open_detector(msgspec.structs.replace(spec, model=DEFAULT))
        self._ms = float(os.environ["ROADTALLY_SLOW_MS"])
        self._free_s = 0.0
        self.describe = f"{self._detector.describe}, slowed down to {self._ms:.0f} ms"

    def start(self, pictures: np.ndarray) -> SlowPending:
        count, height, width, _ = pictures.shape
        cost_s = self._ms / 1000 * count * height * width / (416 * 256)
        self._free_s = max(self._free_s, time.monotonic()) + cost_s
        return SlowPending(self._detector.start(pictures), self._free_s)

    def close(self) -> None:
        self._detector.close()
