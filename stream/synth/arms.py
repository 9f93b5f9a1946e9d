"""The plan of a junction: its arms, the ways through it, and where people cross on foot.

Metres in the axes of the camera (camera.py). Traffic keeps to the right. An arm has coordinates of its own: `out`, from
the middle of the junction outwards, and `aside`, to the side on which vehicles come in.

        |  | :  |  |        an arm seen from above, its far end at the top:
        |  | :  |  |        out > STOP_M: lanes in (right of the dashes, seen from here on the left) and out
        |  |====|  |        STOP_M: vehicles that come in wait here
       _|  ######  |_       WALK_M: people cross
          MOUTH_M           from here on inwards the kerbs are round
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from stream.synth.road import LANE_M

HALF_M = LANE_M + 0.35  # from the middle of an arm to its kerb
CORNER_M = 5.5  # radius of a kerb
MOUTH_M = HALF_M + CORNER_M
WALK_M = (MOUTH_M + 0.3, MOUTH_M + 2.9)
STOP_M = MOUTH_M + 3.5
LINE_M = STOP_M - 0.3  # of the counting line
REACH_M = 75.0  # where vehicles appear and vanish
STEP_M = 0.25  # between points of a way
BEND = 0.5523  # a cubic curve with handles of so many radii is nearly a quarter of a circle
CLOSE_M = 3.0  # ways whose middles come so near each other cannot be used at once: less than a lane

COMPASS = {"south": -90.0, "east": 0.0, "north": 90.0, "west": 180.0}  # as on the screen; degrees
Shape = Literal["crossroads", "t-junction"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One road of a junction. middle_m, outward (2,): where its junction is, and the direction away from it."""

    name: str
    middle_m: np.ndarray
    outward: np.ndarray

    @property
    def inbound_side(self) -> np.ndarray:
        """(2,) unit vector: on the right of those who come in."""
        return np.array([-self.outward[1], self.outward[0]])

    def at(self, out_m: float, aside_m: float) -> np.ndarray:
        """(2,) in metres, of its own coordinates."""
        return self.middle_m + out_m * self.outward + aside_m * self.inbound_side

    def own(self, x_m: np.ndarray, y_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`out` and `aside` of places."""
        x, y = x_m - self.middle_m[0], y_m - self.middle_m[1]
        return x * self.outward[0] + y * self.outward[1], x * self.inbound_side[0] + y * self.inbound_side[1]


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """From one arm to another. points f64 (n, 2), STEP_M apart; stop_m, walks_m: along it, where vehicles wait and, by
    arm, where the crossing on foot is behind them; inside_m: along it, from the stop line to where all kerbs end."""

    origin: str
    destination: str
    points: np.ndarray
    stop_m: float
    inside_m: Interval
    walks_m: dict[str, float]

    @property
    def length_m(self) -> float:
        return (len(self.points) - 1) * STEP_M

    def at(self, along_m: float) -> np.ndarray:
        """(2,) in metres; beyond an end, the end."""
        place = min(max(along_m / STEP_M, 0.0), len(self.points) - 1.001)
        k = int(place)
        return self.points[k] + (place - k) * (self.points[k + 1] - self.points[k])


@dataclass(frozen=True, eq=False)
class Junction:
    """Arms in the order of their directions, counter-clockwise."""

    arms: tuple[Arm, ...]

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """From each arm to each, back to itself too."""
        return tuple(_way(a, b) for a in self.arms for b in self.arms)

    @cached_property
    def meetings(self) -> dict[tuple[Way, Way], float]:
        """Of two ways from different arms that come close: how far along the second it is clear of the first."""
        met = {}
        for one in self.ways:
            for other in self.ways:
                if one.origin != other.origin and (end := _clear_of(one, other)) is not None:
                    met[one, other] = end
        return met

    def off_kerb(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Metres from the kerb, negative on the carriageway. Kerbs are round between arms that are at an angle."""
        angles = np.array([np.arctan2(arm.outward[1], arm.outward[0]) for arm in self.arms])
        middle = self.arms[0].middle_m
        angle = np.arctan2(y_m - middle[1], x_m - middle[0])
        off = np.full(np.shape(x_m), np.inf)
        for k, arm in enumerate(self.arms):
            after = self.arms[(k + 1) % len(self.arms)]
            span = (angles[(k + 1) % len(angles)] - angles[k]) % (2 * np.pi)
            between = (angle - angles[k]) % (2 * np.pi) < span
            a, b = arm.own(x_m, y_m)[1] - HALF_M, -after.own(x_m, y_m)[1] - HALF_M
            blend = 1.17 * CORNER_M if span < np.deg2rad(150) else 1e-6  # so the curve is as wide as one of CORNER_M
            share = np.clip(0.5 + 0.5 * (b - a) / blend, 0, 1)
            off = np.where(between, b + (a - b) * share - blend * share * (1 - share), off)
        return off


def plan_junction(shape: Shape, seed: int) -> Junction:
    """Arms at nearly right angles, turned by chance; a T lacks one of the four."""
    rng = np.random.default_rng([seed, 6])
    turned = float(rng.choice([-1.0, 1.0]) * rng.uniform(12, 38))
    middle = np.array([rng.uniform(-1.5, 1.5), rng.uniform(27.5, 30.5)])
    lacking = str(rng.choice(list(COMPASS))) if shape == "t-junction" else ""
    arms = []
    for name, degrees in COMPASS.items():
        angle = np.deg2rad(degrees + turned + rng.uniform(-6, 6))
        if name != lacking:
            arms.append(Arm(name, middle, np.array([np.cos(angle), np.sin(angle)])))
    return Junction(tuple(arms))


def _way(a: Arm, b: Arm) -> Way:
    lane = LANE_M / 2
    start, enter, leave, end = a.at(REACH_M, lane), a.at(MOUTH_M, lane), b.at(MOUTH_M, -lane), b.at(REACH_M, -lane)
    curve = _round(a) if a is b else _curve(enter, -a.outward, leave, b.outward)
    inner = _spaced(np.concatenate([[start], curve, [end]]))
    straight_m = REACH_M - MOUTH_M
    length_m = (len(inner) - 1) * STEP_M
    walks_m = {a.name: REACH_M - WALK_M[0], b.name: length_m - (REACH_M - WALK_M[1])}
    return Way(a.name, b.name, inner, REACH_M - STOP_M, (REACH_M - STOP_M, length_m - straight_m), walks_m)


def _curve(start: np.ndarray, way_in: np.ndarray, end: np.ndarray, way_out: np.ndarray) -> np.ndarray:
    """A cubic curve (40, 2) between two straight lanes."""
    apart = end - start
    turn = way_in[0] * way_out[1] - way_in[1] * way_out[0]
    if abs(turn) < 0.5:  # straight on
        handles = (float(np.hypot(*apart)) / 3,) * 2
    else:  # the lanes, drawn on, meet at a corner
        reach = (apart[0] * way_out[1] - apart[1] * way_out[0]) / turn
        back = (way_in[0] * apart[1] - way_in[1] * apart[0]) / turn
        handles = BEND * abs(reach), BEND * abs(back)
    t = np.linspace(0, 1, 40)[:, None]
    one, other = start + handles[0] * way_in, end - handles[1] * way_out
    return (1 - t) ** 3 * start + 3 * t * (1 - t) ** 2 * one + 3 * t * t * (1 - t) * other + t**3 * end


def _round(arm: Arm) -> np.ndarray:
    """Back to the arm that it came from: a little to the right, then a wide half circle to the left."""
    lane, wide = LANE_M / 2, 3.9  # m, radius of the half circle
    angle = np.linspace(0, np.pi, 20)
    circle = [arm.at(0.5 - wide * float(np.sin(w)), wide * float(np.cos(w))) for w in angle]
    return np.concatenate([
        _curve(arm.at(MOUTH_M, lane), -arm.outward, circle[0], -arm.outward)[:-1],
        circle,
        _curve(circle[-1], arm.outward, arm.at(MOUTH_M, -lane), arm.outward)[1:],
    ])  # fmt: skip


def _spaced(points: np.ndarray) -> np.ndarray:
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.arange(0.0, along[-1], STEP_M)
    return np.stack([np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])], axis=1)


def _clear_of(one: Way, other: Way) -> float | None:
    """Where, along the other, it comes near the one for the last time inside the junction; None where it never does."""
    spans = [slice(int(way.inside_m[0] / STEP_M), int(way.inside_m[1] / STEP_M) + 1) for way in (one, other)]
    apart = np.linalg.norm(one.points[spans[0]][None] - other.points[spans[1]][:, None], axis=2)
    near = np.flatnonzero(apart.min(axis=1) < CLOSE_M)
    return None if not len(near) else other.inside_m[0] + float(near[-1] + 1) * STEP_M
