"""A camera at a device that is too slow, on a simulated clock: what is looked at, how late, what is counted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stream.budget.controller import Budget, Controller
from stream.budget.looks import Look, OperatingPoint
from stream.config.schema import Config
from stream.counting import Counter
from stream.messages import Crossing, Detections, Duty, Frame
from stream.scene import Scene
from stream.tracking.tracker import Tracker
from stream.truth import TrueCrossing

WAITING = 2  # pictures of a live camera, as in stream/stages/detect.py
BEGUN_S = 3.0  # latency is measured from here on: the first seconds tell the controller where it is
OTHER_S = 0.005  # decoding, tracking and the ways between
UNCERTAIN = 0.1  # of the time of a look, by chance


@dataclass
class Road:
    """What a camera shows: seen: what each look sees in every picture; cost: of a look, the dearest is 1; moved:
    whether the motion gate lets a picture through; true: its crossings."""

    name: str
    config: Config
    scene: Scene
    pts_s: list[float]
    seen: dict[Look, list[Detections]]
    cost: dict[Look, float]
    moved: list[bool]
    true: list[TrueCrossing]

    @property
    def fps(self) -> float:
        return (len(self.pts_s) - 1) / (self.pts_s[-1] - self.pts_s[0])

    @property
    def dearest(self) -> Look:
        return max(self.cost, key=lambda look: self.cost[look])


@dataclass(frozen=True)
class Way:
    """How a road is looked at. waiting: pictures that wait while the device is busy; 0: they are skipped, and never
    reach the tracker. points: what a budget moves between; without them, all is looked at in the dearest way."""

    name: str
    waiting: int = WAITING
    points: Sequence[OperatingPoint] = ()
    gate: bool = False


ALL = Way("all", waiting=10**9)
"""With overload 0: every picture is looked at, however late."""


@dataclass
class Device:
    """One camera at one slow device. overload: picture intervals that the dearest look takes; budget_s: p95."""

    road: Road
    way: Way
    overload: float
    budget_s: float
    seed: int = 1
    waiting: list[tuple[int, Look]] = field(default_factory=list)
    free_s: float = 0.0
    looked: dict[int, tuple[Look, float]] = field(default_factory=dict)  # picture -> how, when done

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.free_s = self.chance.random() * self.overload / self.road.fps  # busy with something when it begins
        points = self.way.points
        self.controller = Controller(points, {"cam": Budget(self.budget_s)}) if points else None

    def run(self) -> tuple[list[Crossing], float]:
        """(crossings, p95 of the latency in seconds)."""
        road, keep = self.road, max(1, self.way.waiting)
        for k, now_s in enumerate(road.pts_s):
            self._work(now_s)
            look = self._wanted(k, now_s)
            if look is not None and (self.way.waiting or self.free_s <= now_s):
                self.waiting = [*self.waiting, (k, look)][-keep:]
            self._work(now_s)
            if self.controller is not None:
                self.controller.decide(now_s)
        self._work(float("inf"))
        return self._count()

    def _wanted(self, k: int, now_s: float) -> Look | None:
        moved = not self.way.gate or self.road.moved[k]
        if self.controller is None:
            return self.road.dearest if moved else None
        return self.controller.point("cam").look if self.controller.asks("cam", now_s, moved=moved) else None

    def _work(self, now_s: float) -> None:
        while self.waiting and self.free_s <= now_s:
            k, look = self.waiting.pop(0)
            came_s = self.road.pts_s[k]
            chance = self.chance.uniform(1 - UNCERTAIN, 1 + UNCERTAIN)
            cost_s = self.overload / self.road.fps * self.road.cost[look] * chance
            self.free_s = max(self.free_s, came_s) + cost_s
            self.looked[k] = look, self.free_s
            if self.controller is not None:
                self.controller.served(look, 1000 * cost_s)
                self.controller.arrived("cam", self.free_s, self.free_s - came_s + OTHER_S)

    def _count(self) -> tuple[list[Crossing], float]:
        road, scene = self.road, self.road.scene
        tracker, counter = Tracker(road.config.tracker), Counter(scene, road.config.counting)
        crossings: list[Crossing] = []
        delays, told_s = [0.0], 0.0
        for k, came_s in enumerate(road.pts_s):
            look, done_s = self.looked.get(k, (None, came_s))
            if look is None and not self.way.waiting:
                continue
            told_s = max(told_s, done_s)  # in order
            if came_s >= BEGUN_S:
                delays.append(told_s - came_s + OTHER_S)
            duty: Duty = "predict" if look is None else "detect"
            tracks = tracker.update(None if look is None else road.seen[look][k], came_s)
            frame = Frame(scene.camera, 0, k, came_s, 0, scene.width, scene.height, duty)
            crossings += counter.update(frame, tracks)
        return crossings + list(counter.finish()), float(np.percentile(delays, 95))
