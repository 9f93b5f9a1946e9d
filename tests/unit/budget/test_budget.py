"""The controller of operating points, on a simulated clock: a device, cameras, and a profile that may be wrong."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from stream.budget.controller import Budget, Controller, Move
from stream.budget.load import Rate, Service
from stream.budget.looks import Look, OperatingPoint, front_of

POINTS = (
    OperatingPoint(Look(416), 1, 8.0, 0.02),
    OperatingPoint(Look(320), 1, 5.0, 0.05),
    OperatingPoint(Look(416), 2, 8.0, 0.06),
    OperatingPoint(Look(320), 2, 5.0, 0.09),
    OperatingPoint(Look(320), 4, 5.0, 0.15),
    OperatingPoint(Look(320), 8, 5.0, 0.30),
)
BUDGET = Budget(0.15)
Of = Callable[[float], float]


@dataclass
class Device:
    """One picture at a time; of each camera the newest waits. slow: how much slower than the profile, by time."""

    controller: Controller
    slow: Of
    noise: float = 0.0
    other_s: float = 0.01  # from the camera to the detector and from there to the event
    truth: dict[Look, float] = field(default_factory=lambda: {point.look: point.ms for point in POINTS})
    moves: list[tuple[float, Move]] = field(default_factory=list)
    delays: list[tuple[float, float]] = field(default_factory=list)
    waiting: dict[str, tuple[float, Look]] = field(default_factory=dict)
    free_s: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(3))

    def run(self, cameras: dict[str, Of], seconds: float, begin_s: float = 0.0) -> Device:
        """cameras: frames a second, by time."""
        due = {camera: begin_s + 0.003 * i for i, camera in enumerate(cameras)}
        while min(due.values()) < begin_s + seconds:
            camera = min(due, key=lambda c: due[c])
            now_s = due[camera]
            due[camera] += 1 / cameras[camera](now_s)
            self._work(now_s)
            if self.controller.asks(camera, now_s):
                self.waiting[camera] = now_s, self.controller.point(camera).look
            else:
                self._tell(camera, now_s, self.other_s)
            self._work(now_s)
            self.moves += [(now_s, move) for move in self.controller.decide(now_s)]
        return self

    def _work(self, now_s: float) -> None:
        while self.waiting and self.free_s <= now_s:
            camera = min(self.waiting, key=lambda c: self.waiting[c][0])
            since_s, look = self.waiting.pop(camera)
            begin_s = max(self.free_s, since_s)
            ms = self.truth[look] * self.slow(begin_s) * self.chance.lognormvariate(0, self.noise)
            self.free_s = begin_s + ms / 1000
            self.controller.served(look, ms)
            self._tell(camera, self.free_s, self.free_s - since_s + self.other_s)

    def _tell(self, camera: str, now_s: float, delay_s: float) -> None:
        self.controller.arrived(camera, now_s, delay_s)
        self.delays.append((now_s, delay_s))

    def p95_s(self, from_s: float, to_s: float) -> float:
        delays = sorted(delay_s for now_s, delay_s in self.delays if from_s <= now_s < to_s)
        return delays[int(0.95 * len(delays))]

    def moves_in(self, from_s: float, to_s: float) -> int:
        return sum(from_s <= now_s < to_s for now_s, _ in self.moves)


def device(slow: Of, budget: Budget | None = BUDGET, **more: float) -> Device:
    return Device(Controller(POINTS, {"cam": budget}), slow, **more)  # type: ignore[arg-type]


def at_25(now_s: float) -> float:
    return 25.0


def test_the_front_holds_what_no_other_beats_when_points_are_compared() -> None:
    worse = (OperatingPoint(Look(416), 3, 8.0, 0.2), OperatingPoint(Look(640), 1, 20.0, 0.02))
    assert front_of([*reversed(POINTS), *worse]) == POINTS


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_it_stays_at_the_most_accurate_point_when_the_machine_is_fast_enough(noise: float) -> None:
    assert device(lambda t: 1.5, noise=noise).run({"cam": at_25}, 300).moves == []


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("factor", [5.5, 9.0, 20.0])
def test_latency_is_held_after_seconds_when_the_machine_becomes_too_slow(factor: float, noise: float) -> None:
    run = device(lambda t: 1.0 if t < 30 else factor, noise=noise).run({"cam": at_25}, 200)
    assert run.p95_s(36, 200) <= BUDGET.latency_p95_s
    assert run.moves_in(0, 30) == 0 and run.moves_in(30, 36) >= 1
    assert run.moves_in(60, 200) <= 4, run.moves


def test_it_returns_step_by_step_when_the_load_falls() -> None:
    run = device(lambda t: 9.0 if 30 <= t < 60 else 1.0).run({"cam": at_25}, 120)
    assert run.controller.point("cam") == POINTS[0]
    assert run.moves_in(62, 95) >= 1 and run.moves_in(95, 120) == 0


def test_it_follows_without_swinging_when_the_load_rises_and_falls_slowly() -> None:
    run = device(lambda t: 1 + 8 * max(0.0, 1 - abs(t - 150) / 150)).run({"cam": at_25}, 300)
    directions = [POINTS.index(m.after) > POINTS.index(m.before) for _, m in run.moves]
    assert sum(a != b for a, b in itertools.pairwise(directions)) <= 3, run.moves
    assert run.controller.point("cam") == POINTS[0]
    assert run.p95_s(0, 300) <= BUDGET.latency_p95_s


def test_moves_become_rare_when_bursts_come_again_and_again() -> None:
    run = device(lambda t: 9.0 if t % 20 < 5 else 1.0).run({"cam": at_25}, 1200)
    assert run.moves_in(600, 1200) <= 40, run.moves_in(600, 1200)


def test_latency_is_held_when_pictures_come_in_bursts_behind_a_motion_gate() -> None:
    run = device(lambda t: 9.0).run({"cam": lambda t: 25.0 if t % 10 < 3 else 1.0}, 300)
    assert run.p95_s(10, 300) <= BUDGET.latency_p95_s
    assert run.moves_in(60, 300) <= 4, run.moves


@pytest.mark.parametrize("load", [0.55, 0.64, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_it_does_not_oscillate_when_the_load_lies_at_a_threshold(load: float) -> None:
    factor = load * 1000 / 25 / POINTS[0].ms
    run = device(lambda t: factor, noise=0.25).run({"cam": at_25}, 600)
    assert run.moves_in(60, 600) <= 6, run.moves


@pytest.mark.parametrize(
    "truth",
    [
        pytest.param({416: 60.0, 320: 7.0}, id="the large one is much slower than profiled"),
        pytest.param({416: 9.0, 320: 60.0}, id="the small one is slower than the large one"),
        pytest.param({416: 0.8, 320: 0.5}, id="all are ten times faster"),
    ],
)
def test_it_settles_within_the_budget_when_the_profile_is_wrong(truth: dict[int, float]) -> None:
    run = device(lambda t: 1.0, noise=0.1)
    run.truth = {Look(input_): ms for input_, ms in truth.items()}
    run.run({"cam": at_25}, 600)
    assert run.p95_s(20, 600) <= BUDGET.latency_p95_s
    assert run.moves_in(120, 600) <= 6, run.moves


def test_it_moves_no_point_when_others_make_results_late() -> None:
    run = device(lambda t: 0.5)
    run.other_s = 0.3
    assert run.run({"cam": at_25}, 100).moves == []


def test_the_camera_that_matters_less_gives_way_when_two_share_the_device() -> None:
    controller = Controller(POINTS, {"main": Budget(0.15, weight=4.0), "side": Budget(0.15), "fixed": None})
    cameras = {"main": at_25, "side": at_25, "fixed": lambda t: 2.0}
    run = Device(controller, lambda t: 2.5).run(cameras, 60)
    assert POINTS.index(controller.point("side")) > POINTS.index(controller.point("main"))
    assert controller.point("fixed") == POINTS[0]
    assert run.p95_s(10, 60) <= 0.15


def test_pictures_beyond_the_rate_are_not_looked_at_when_the_budget_names_one() -> None:
    controller = Controller(POINTS, {"cam": Budget(0.15, fps=15.0)})
    looks = sum(controller.asks("cam", k / 60) for k in range(600))
    assert looks == pytest.approx(150, rel=0.1)


def test_every_kth_picture_is_looked_at_when_the_point_says_so() -> None:
    controller = Controller((OperatingPoint(Look(320), 4, 5.0, 0.1),), {"cam": None})
    assert [controller.asks("cam", k / 25) for k in range(8)].count(True) == 2


def test_whoever_comes_after_a_quiet_time_is_seen_at_once_when_few_pictures_are_looked_at() -> None:
    """Counting only the pictures that moved made it wait for up to seven of them."""
    controller = Controller((OperatingPoint(Look(320), 8, 5.0, 0.1),), {"cam": None})
    looks = [k for k in range(40) if controller.asks("cam", k / 25, moved=k >= 20)]
    assert looks == [20, 28, 36]


@pytest.mark.parametrize(("gate", "looks"), [(True, 0), (False, 10)])
def test_a_still_road_is_looked_at_only_when_the_point_has_no_gate(gate: bool, looks: int) -> None:
    controller = Controller((OperatingPoint(Look(320), 2, 5.0, 0.1, gate=gate),), {"cam": None})
    assert sum(controller.asks("cam", k / 25, moved=False) for k in range(20)) == looks


def test_the_gate_comes_back_when_looking_at_a_still_road_costs_too_much() -> None:
    points = (OperatingPoint(Look(416), 1, 8.0, 0.0, gate=False), OperatingPoint(Look(416), 1, 8.0, 0.01))
    controller, now_s = Controller(points, {"cam": BUDGET}), 0.0
    for k in range(250):
        now_s = k / 25
        if controller.asks("cam", now_s, moved=k % 10 == 0):
            controller.served(Look(416), 60.0)
            controller.arrived("cam", now_s, 0.06)
        controller.decide(now_s)
    assert controller.point("cam").gate and controller.load(now_s) < 0.3


def test_a_lighter_network_and_a_part_of_the_picture_are_taken_when_the_machine_is_slower() -> None:
    points = (
        OperatingPoint(Look(416, model="small"), 1, 20.0, 0.01),
        OperatingPoint(Look(416, "lines", "small"), 1, 12.0, 0.015),
        OperatingPoint(Look(416), 1, 8.0, 0.02),
    )
    for slow, expected in ((1.2, 0), (2.1, 1), (3.8, 2)):
        run = Device(Controller(points, {"cam": BUDGET}), lambda t, slow=slow: slow)
        run.truth = {point.look: point.ms for point in points}
        assert run.run({"cam": at_25}, 30).controller.point("cam") == points[expected]


def test_each_move_says_why_when_it_is_made() -> None:
    (_, move), *_ = device(lambda t: 20.0).run({"cam": at_25}, 10).moves
    assert "load" in move.reason and "%" in move.reason


def test_a_rate_counts_a_burst_at_once_when_it_comes() -> None:
    rate = Rate(0.0)
    for k in range(100):
        rate.add(k / 10)
    assert rate.value(10.0) == pytest.approx(10, rel=0.1)
    for k in range(50):
        rate.add(10 + k / 50)
    assert rate.value(11.0) > 30
    assert math.isclose(rate.value(100.0), 0, abs_tol=0.01)


def test_a_slower_machine_slows_all_looks_when_one_is_measured() -> None:
    service = Service({"large": 8.0, "small": 5.0})
    for _ in range(500):
        service.add("large", 24.0)
    assert service.ms("large") == pytest.approx(24, rel=0.05)
    assert service.ms("small") == pytest.approx(15, rel=0.3)
