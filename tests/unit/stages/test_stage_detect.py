"""The detector of several cameras: who is looked at, who is passed over, and in which order all come out."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from models.contract import DetectorSpec, Pending
from stream.budget.looks import Look, OperatingPoint
from stream.geometry import Letterbox
from stream.messages import Decoded, Detected, Detections, EndOfStream, Frame, Message
from stream.metrics import Metrics
from stream.stages.detect import Detect
from tests.blobs import BlobDetector

ROUNDS, A_ROUND = 40, 4  # pictures of each camera that come while the detector makes two passes


class Clock:
    """Turned by the test: to the stage, a busy machine would look like a slow network."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("detect", "points"):
        monkeypatch.setattr(f"stream.stages.{module}.time", clock)
    return clock


def detector_of(metrics: Metrics, blocks: bool, **weights: float) -> Detect:
    letterbox = Letterbox((0, 0, 64, 32), (32, 64))
    fixed = {"letterbox": letterbox, "letterboxes": {"64": letterbox}, "blocks": blocks, "budget": None}
    cameras = [SimpleNamespace(name=n, weight=w, **fixed) for n, w in weights.items()]
    spec = DetectorSpec("tests.blobs:BlobDetector", ((32, 64),))
    points = (OperatingPoint(Look(64), 1, 5.0, 0.0),)
    work = SimpleNamespace(detector=spec, cameras=cameras, max_wait_ms=5.0, points=points, host="", masks=None)
    return Detect(work, metrics)  # type: ignore[arg-type]


def picture(camera: str, seq: int) -> Decoded:
    return Decoded(Frame(camera, 0, seq, seq / 25, 0, 64, 32), None, np.zeros((32, 64, 3), np.uint8))


def flood(stage: Detect, cameras: list[str]) -> list[Message]:
    out: list[Message] = []
    for k in range(ROUNDS * A_ROUND):
        for camera in cameras:
            out += stage.process(picture(camera, k))
        if k % A_ROUND == A_ROUND - 1:
            out += stage.poll()
    for camera in cameras:
        out += stage.process(EndOfStream(camera, 0, ROUNDS * A_ROUND, {}))
    while sum(isinstance(message, EndOfStream) for message in out) < len(cameras):
        out += stage.poll()
    return out


def test_every_picture_comes_out_in_order_when_cameras_want_too_much() -> None:
    metrics = Metrics()
    out = flood(detector_of(metrics, False, light=1.0, heavy=3.0), ["light", "heavy"])
    looked: Counter[str] = Counter()
    for camera in ("light", "heavy"):
        own = [m for m in out if (m.frame.camera if isinstance(m, Detected) else m.camera) == camera]  # type: ignore[union-attr]
        assert isinstance(own.pop(), EndOfStream)
        frames = [m.frame for m in own if isinstance(m, Detected)]
        assert [frame.seq for frame in frames] == list(range(ROUNDS * A_ROUND))
        looked[camera] = sum(frame.duty == "detect" for frame in frames)
        passed_over = metrics.snapshot()[f'roadtally_passed_over_total{{camera="{camera}"}}']
        assert passed_over == len(frames) - looked[camera]
    assert looked["light"] + looked["heavy"] == pytest.approx(2 * ROUNDS, abs=4)
    assert looked["heavy"] / looked["light"] == pytest.approx(3.0, abs=0.3)
    assert all((m.detections is None) == (m.frame.duty == "predict") for m in out if isinstance(m, Detected))


def test_every_picture_is_looked_at_when_files_wait() -> None:
    out = flood(detector_of(Metrics(), True, one=1.0, other=1.0), ["one", "other"])
    assert sum(isinstance(m, Detected) and m.frame.duty == "detect" for m in out) == 2 * ROUNDS * A_ROUND


def test_results_go_on_together_when_files_wait(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, each would meet the stages behind with cold caches."""
    passes: list[_Slow] = []

    class Slow(BlobDetector):
        in_flight = 8

        def start(self, pictures: np.ndarray) -> _Slow:  # type: ignore[override]
            passes.append(_Slow(super().start(pictures)))
            return passes[-1]

    monkeypatch.setattr("stream.stages.networks.open_detector", Slow)
    gone: dict[bool, list[int]] = {}
    for blocks in (True, False):
        passes.clear()
        stage = detector_of(Metrics(), blocks, cam=1.0)
        for seq in range(6):
            assert not [*stage.process(picture("cam", seq)), *stage.poll()]
            clock.now_s += 0.006  # longer than a pass waits to be filled
            assert not list(stage.poll())
        gone[blocks] = []
        for one in passes:
            one.over = True
            gone[blocks].append(len(list(stage.poll())))
    assert gone == {True: [0, 0, 0, 4, 0, 2], False: [1] * 6}


class _Slow:
    """A pass that lasts until it is told to be over."""

    def __init__(self, pending: Pending) -> None:
        self._pending, self.over = pending, False

    def done(self) -> bool:
        return self.over

    def result(self) -> list[Detections]:
        assert self.over
        return self._pending.result()


def test_a_picture_is_looked_at_by_the_network_and_where_its_point_says(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[DetectorSpec] = []

    class Noted(BlobDetector):
        def __init__(self, spec: DetectorSpec) -> None:
            super().__init__(spec)
            opened.append(spec)

    monkeypatch.setattr("stream.stages.networks.open_detector", Noted)
    whole, part = Letterbox((0, 0, 64, 64), (64, 64)), Letterbox((0, 32, 64, 64), (32, 64))
    looks = Look(64, "lines", "light"), Look(64)
    camera = SimpleNamespace(
        name="cam",
        weight=1.0,
        letterbox=whole,
        letterboxes={looks[0].name: part, "64": whole},
        blocks=True,
        budget=None,
    )
    points = tuple(OperatingPoint(look, 1, 5.0, 0.0, gate=False) for look in looks)
    spec = DetectorSpec("own", ())
    work = SimpleNamespace(detector=spec, cameras=[camera], max_wait_ms=0.0, points=points, host="", masks=None)
    stage = Detect(work, Metrics())  # type: ignore[arg-type]
    assert {(one.model, one.input_hw) for one in opened} == {("light", ((32, 64),)), ("own", ((64, 64),))}
    seen = np.full((64, 64, 3), 150, np.uint8)
    seen[40:50, 20:40] = 20
    frame = Frame("cam", 0, 0, 0.0, 0, 64, 64, "quiet")  # shaped all the same: a point without a gate wants it
    (found,) = [*stage.process(Decoded(frame, None, seen)), *stage.poll()]
    assert isinstance(found, Detected) and found.frame.duty == "detect" and found.detections is not None
    np.testing.assert_allclose(found.detections.xyxy, [[20, 40, 40, 50]])
