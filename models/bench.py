"""How long a picture takes on this machine: the figures of `roadtally models bench`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

import msgspec
import numpy as np

from models.contract import Detector, DetectorSpec, Pending
from models.noise import noise
from models.registry import open_detector


class BenchRow(msgspec.Struct, frozen=True):
    """on: what the detector says of itself; pictures_per_s with all passes in flight; latency_ms of one batch alone,
    from picture to detections."""

    model: str
    on: str
    input_hw: tuple[int, int]
    batch: int
    pictures_per_s: float
    latency_ms: float

    @property
    def ms_per_picture(self) -> float:
        return 1000 / self.pictures_per_s


def bench(spec: DetectorSpec, batches: tuple[int, ...] = (1,), seconds: float = 1.0) -> Iterator[BenchRow]:
    """Measure every input size and batch of a detector, `seconds` each after a warm-up. Raises ModelError."""
    largest = max(batches)
    detector = open_detector(msgspec.structs.replace(spec, max_batch=largest))
    try:
        for input_hw in spec.input_hw:
            for batch in batches:
                pictures = noise(input_hw, batch)
                throughput(detector, pictures, seconds / 4)
                rate = throughput(detector, pictures, seconds)
                latency = _latency(detector, pictures, seconds / 2)
                yield BenchRow(spec.model, detector.describe, input_hw, batch, rate, latency)
    finally:
        detector.close()


def throughput(detector: Detector, pictures: np.ndarray, seconds: float) -> float:
    """Pictures per second with in_flight passes under way, each over the same batch u8 (B, h, w, 3)."""
    waiting: deque[Pending] = deque()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds or not waiting:  # at least one, however busy the machine
        if len(waiting) == detector.in_flight:
            done += len(waiting.popleft().result())
        waiting.append(detector.start(pictures))
    while waiting:
        done += len(waiting.popleft().result())
    return done / (time.perf_counter() - began)


def _latency(detector: Detector, pictures: np.ndarray, seconds: float) -> float:
    """Median milliseconds of a batch alone."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not times:
        began = time.perf_counter()
        detector.start(pictures).result()
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))
