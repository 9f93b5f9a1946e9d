"""People on foot at a junction: along the footways, and over the road where it is marked."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from stream.synth.arms import HALF_M, WALK_M, Arm, Junction
from stream.synth.road import FOOTWAY_M, KERB_M
from stream.synth.traffic import OfKind

ARRIVAL_S = 15.0  # between two who come, at density 1
PATIENCE_S = 3.0  # drivers who come later than that let them cross
COMES_M = 42.0  # from the middle: where people come and go
BESIDE_M = HALF_M + KERB_M + FOOTWAY_M / 2


@dataclass(slots=True, eq=False)
class Walker(OfKind):
    """Someone who crosses one arm. points (n, 2): the way; corners_m (n,), kerbs_m: where along it they are, and where
    the road begins and ends."""

    track_id: int
    arm: str
    points: np.ndarray
    corners_m: np.ndarray
    kerbs_m: tuple[float, float]
    speed: float
    look: int
    along_m: float = 0.0
    waited_s: float = 0.0
    phase: float = 0.0
    acceleration: float = 0.0

    kind = "pedestrian"

    @property
    def forward(self) -> tuple[float, float]:
        ahead = self._at(self.along_m + 0.4) - self._at(self.along_m - 0.4)
        x, y = (ahead / np.hypot(*ahead)).tolist()
        return x, y

    @property
    def place_m(self) -> tuple[float, float]:
        x, y = self._at(self.along_m).tolist()
        return x, y

    @property
    def on_road(self) -> bool:
        return self.kerbs_m[0] < self.along_m < self.kerbs_m[1]

    def _at(self, along_m: float) -> np.ndarray:
        return np.array([np.interp(along_m, self.corners_m, self.points[:, axis]) for axis in (0, 1)])


@dataclass(slots=True)
class Walkers:
    """All people on foot. crossing, impatient: the arms where someone is on the road, or has waited long enough."""

    junction: Junction
    density: float
    rng: np.random.Generator
    there: list[Walker] = field(default_factory=list)
    due_s: float = 0.0

    @property
    def crossing(self) -> set[str]:
        return {walker.arm for walker in self.there if walker.on_road}

    @property
    def impatient(self) -> set[str]:
        return {walker.arm for walker in self.there if not walker.on_road and walker.waited_s > PATIENCE_S}

    def step(self, dt_s: float, busy: set[str], born: int) -> int:
        """busy: arms that a vehicle still drives over. born: ids given so far; returns them with the new one."""
        for walker in self.there:
            reach = walker.along_m + walker.speed * dt_s
            if walker.along_m <= walker.kerbs_m[0] < reach and walker.arm in busy:
                walker.waited_s += dt_s
                continue
            walker.waited_s = 0.0
            walker.along_m = reach
            walker.phase += walker.speed * dt_s
        self.there = [walker for walker in self.there if walker.along_m < walker.corners_m[-1] - 0.5]
        self.due_s -= dt_s
        if self.due_s > 0:
            return born
        self.due_s = 1.0 + float(self.rng.exponential(ARRIVAL_S / self.density))
        self.there.append(self._come(born + 1))
        return born + 1

    def _come(self, track_id: int) -> Walker:
        rng, arms = self.rng, self.junction.arms
        k, side = int(rng.integers(len(arms))), float(rng.choice([-1.0, 1.0]))
        arm, out_m = arms[k], float(rng.uniform(WALK_M[0] + 0.4, WALK_M[1] - 0.4))
        beside = BESIDE_M + float(rng.uniform(-0.7, 0.7))
        start, kerb, other = (arm.at(*place) for place in ((COMES_M, side * beside), (out_m, side * beside),
                                                           (out_m, -side * beside)))  # fmt: skip
        last = arm.at(COMES_M, -side * beside)
        beyond = arms[(k - int(side)) % len(arms)]
        if rng.random() < 0.5 and _at_an_angle(arm, beyond):  # round the corner, along the next arm
            corner = [beyond.at(out_m, side * beside), beyond.at(COMES_M, side * beside)]
            points = np.array([start, kerb, other, *corner])
        else:
            points = np.array([start, kerb, other, last])
        walked_m = COMES_M - out_m
        kerbs_m = walked_m + beside - HALF_M - 0.5, walked_m + beside + HALF_M + 0.3
        corners_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        speed, look = float(rng.uniform(1.1, 1.6)), int(rng.integers(2**31))
        return Walker(track_id, arm.name, points, corners_m, kerbs_m, speed, look)


def _at_an_angle(one: Arm, other: Arm) -> bool:
    return float(one.outward @ other.outward) > -0.8
