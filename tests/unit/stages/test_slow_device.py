"""A live camera before a device that is far too slow, on a simulated clock: how late results are."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from models.contract import DetectorSpec
from stream.budget.controller import Budget
from stream.budget.looks import Look, OperatingPoint
from stream.geometry import Letterbox
from stream.messages import Decoded, Detected, Detections, Frame, Notice
from stream.metrics import Metrics
from stream.stages.detect import Detect

INTERVAL_S, WINDOW = 0.04, 16  # between pictures; pictures under way
LOOK_S = 0.16  # at the whole
WHOLE, PART = Letterbox((0, 0, 64, 64), (64, 64)), Letterbox((0, 0, 64, 32), (32, 64))
POINTS = tuple(
    OperatingPoint(look, every, 10.0 * share, error)
    for look, every, share, error in (
        (Look(64), 1, 1.0, 0.0),
        (Look(64), 2, 1.0, 0.01),
        (Look(64, "lines"), 2, 0.5, 0.02),
        (Look(64, "lines"), 3, 0.5, 0.03),
        (Look(64, "lines"), 4, 0.5, 0.05),
    )
)


class Clock:
    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


class Device:
    """One look after the other, as long as its pixels take; two may have been begun."""

    in_flight = 2
    describe = "slow"

    def __init__(self, clock: Clock, look_s: float) -> None:
        self._clock, self._look_s, self._free_s = clock, look_s, 0.0

    def start(self, pictures: np.ndarray) -> Pass:
        count, height, width, _ = pictures.shape
        cost_s = self._look_s * count * height * width / (64 * 64)
        self._free_s = max(self._free_s, self._clock.now_s) + cost_s
        return Pass(self._clock, self._free_s, count)

    def close(self) -> None:
        pass


class Pass:
    def __init__(self, clock: Clock, due_s: float, count: int) -> None:
        self._clock, self._due_s, self._count = clock, due_s, count

    def done(self) -> bool:
        return self._clock.now_s >= self._due_s - 1e-9

    def result(self) -> list[Detections]:
        self._clock.now_s = max(self._clock.now_s, self._due_s)
        return [Detections.empty()] * self._count


class Run:
    """What stream.running.worker does with the stage, on the clock. delays: of pictures, (when it came, how late)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, budget_s: float | None, look_s: float = LOOK_S) -> None:
        self.clock = Clock()
        for module in ("detect", "points"):
            monkeypatch.setattr(f"stream.stages.{module}.time", self.clock)
        monkeypatch.setattr("stream.stages.networks.open_detector", lambda spec: Device(self.clock, look_s))
        camera = SimpleNamespace(
            name="cam",
            weight=1.0,
            letterbox=WHOLE,
            letterboxes={Look(64).name: WHOLE, Look(64, "lines").name: PART},
            blocks=False,
            budget=None if budget_s is None else Budget(budget_s),
        )
        points = POINTS if budget_s else POINTS[:1]
        spec = DetectorSpec("slow", ((64, 64),))
        work = SimpleNamespace(detector=spec, cameras=[camera], max_wait_ms=5.0, points=points, host="", masks=None)
        self._stage = Detect(work, Metrics())  # type: ignore[arg-type]
        self._under_way = 0
        self.delays: list[tuple[float, float]] = []
        self.looks = self.skipped = 0

    def go(self, seconds: float) -> Run:
        pictures = [k * INTERVAL_S for k in range(int(seconds / INTERVAL_S))]
        while pictures or self._under_way:
            arrived = list(self._arrived(pictures))
            for picture in arrived:
                self._take(self._stage.process(picture))
            self._take(self._stage.poll())
            if not (pictures and pictures[0] <= self.clock.now_s):
                wait_s = self._stage.wait_s
                self.clock.now_s += max(1e-3, 0.02 if wait_s is None else wait_s)
        return self

    def p95_s(self, from_s: float = 0.0) -> float:
        return float(np.percentile([delay_s for came_s, delay_s in self.delays if came_s >= from_s], 95))

    def _arrived(self, pictures: list[float]) -> Iterator[Decoded]:
        tensor = np.zeros((64, 64, 3), np.uint8)
        while pictures and pictures[0] <= self.clock.now_s:
            came_s = pictures.pop(0)
            if self._under_way == WINDOW:
                self.skipped += 1
                continue
            self._under_way += 1
            yield Decoded(Frame("cam", 0, 0, came_s, int(came_s * 1e9), 64, 64), None, tensor)

    def _take(self, told: object) -> None:
        for message in told:  # type: ignore[attr-defined]
            if isinstance(message, Notice):
                continue
            assert isinstance(message, Detected)
            self._under_way -= 1
            self.looks += message.frame.duty == "detect"
            self.delays.append((message.frame.pts_s, self.clock.now_s - message.frame.captured_ns / 1e9))


@pytest.mark.parametrize("budget_s", [None, 0.3])
def test_results_are_no_later_than_with_plain_skipping_when_a_look_takes_four_pictures(
    budget_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look had been begun while the device was at the first, and its picture grew old there: 0.42 s."""
    run = Run(monkeypatch, budget_s).go(20)
    skipping_s = 2 * LOOK_S  # a picture that waits for one look, and its own
    assert run.p95_s() <= (0.3 if budget_s else skipping_s)
    assert max(delay_s for came_s, delay_s in run.delays if 5 <= came_s < 19) <= skipping_s
    assert run.skipped == 0 and run.looks >= 20 * (5.9 if budget_s is None else 7.0)


def test_the_budget_holds_from_the_start_when_looks_are_barely_sooner_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, 0.25).go(20)
    assert run.p95_s() <= 0.25 and run.p95_s(3.0) <= 0.15


def test_every_picture_is_looked_at_when_the_device_is_quick_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, 0.3, look_s=0.03).go(10)
    assert run.looks == len(run.delays) == 250 and run.p95_s() <= 0.05
