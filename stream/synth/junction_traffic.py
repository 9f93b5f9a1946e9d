"""Who drives and walks through a junction, where and how fast: a seeded simulation.

Vehicles follow the Intelligent Driver Model, as on a straight road (traffic.py), slow down in the turn, and come into
the junction only when all that they would meet there has gone: others on ways that come close to theirs, and people who
cross. Until then they wait at the stop line, in turn. People wait at the kerb in the same way. So nobody drives
through anybody, and nobody ever has to stop inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from stream.synth.arms import STEP_M, Junction, Way
from stream.synth.settings import SynthSettings
from stream.synth.traffic import DECK, LENGTH_M, STANDSTILL_M, OfKind, follow
from stream.synth.walkers import Walker, Walkers

ASIDE_MS2, EASE_MS2, START_MS2 = 2.3, 1.7, 2.2  # what a driver likes in a turn, when braking before it, and behind it
LOOK_M = 24.0  # before the stop line: from here on a driver sees whether the junction is free
PARTED_M = 10.0  # behind the stop line ways from one arm are so far apart that vehicles pass each other
PATIENCE_S = 5.0  # who has waited longer is let in before all that come later
RIGID = ("articulated",)  # bodies do not bend here: these go straight on
CLUMSY = ("bus", "lorry")  # these do not turn round
TURNS = {"right": 0.27, "straight": 0.40, "left": 0.27, "round": 0.06}
ARRIVAL_S = 15.0  # between vehicles of one arm, at density 1
KINDS = (*DECK, "bicycle", "bicycle")


@dataclass(slots=True, eq=False)
class Driver(OfKind):
    """A road user on wheels. along_m: its middle on its way."""

    track_id: int
    kind: str
    way: Way
    along_m: float
    speed: float
    wish: float  # m/s, on a free and straight road
    aside_m: float  # to the right of its way
    look: int
    acceleration: float = 0.0
    phase: float = 0.0
    admitted: bool = False
    waited_s: float = 0.0  # since it saw the junction

    @property
    def rear_m(self) -> float:
        return self.along_m - self.length_m / 2

    @property
    def forward(self) -> tuple[float, float]:
        """A body is straight: it lies from where its front wheels are on the way to where its rear wheels are."""
        ahead = self.way.at(self.along_m + self.length_m / 3) - self.way.at(self.along_m - self.length_m / 3)
        x, y = (ahead / np.hypot(*ahead)).tolist()
        return x, y

    @property
    def place_m(self) -> tuple[float, float]:
        front, rear = (self.way.at(self.along_m + sign * self.length_m / 3) for sign in (1, -1))
        x, y = self.forward
        middle = (front + rear) / 2
        return float(middle[0] + self.aside_m * y), float(middle[1] - self.aside_m * x)


@dataclass(slots=True)
class JunctionTraffic:
    """All road users of one junction. `step` moves the clock; `users` is who is there now."""

    junction: Junction
    density: float
    rng: np.random.Generator
    drivers: list[Driver] = field(default_factory=list)  # in the order of arrival
    due_s: dict[str, float] = field(default_factory=dict)  # by arm, until the next arrival
    deck: list[str] = field(default_factory=list)
    limits: dict[Way, np.ndarray] = field(default_factory=dict)  # m/s, at each point
    born: int = 0
    walkers: Walkers = field(init=False)

    def __post_init__(self) -> None:
        self.due_s = {arm.name: self._pause() for arm in self.junction.arms}
        self.limits = {way: speed_limits(way) for way in self.junction.ways}
        self.walkers = Walkers(self.junction, self.density, self.rng)

    @property
    def users(self) -> list[Driver | Walker]:
        return [*self.drivers, *self.walkers.there]

    def step(self, dt_s: float) -> None:
        inside = [d for d in self.drivers if d.admitted]
        busy = {arm for d in inside for arm, end_m in d.way.walks_m.items() if d.rear_m < end_m}
        self._admit(inside, self.walkers.crossing | self.walkers.impatient, dt_s)
        self.born = self.walkers.step(dt_s, busy, self.born)
        self._advance(dt_s)
        self.drivers = [d for d in self.drivers if d.rear_m < d.way.length_m - d.length_m]
        for arm in self.due_s:
            self.due_s[arm] -= dt_s
            if self.due_s[arm] <= 0 and self._enter(arm):
                self.due_s[arm] = self._pause()

    def _admit(self, inside: list[Driver], walked: set[str], dt_s: float) -> None:
        """Let those in who would meet nobody; of those who wait, the longest first."""
        meetings = self.junction.meetings
        first: dict[str, Driver] = {}
        for driver in self.drivers:
            if not driver.admitted:
                first.setdefault(driver.way.origin, driver)
        seeing = [d for d in first.values() if d.along_m + d.length_m / 2 > d.way.stop_m - LOOK_M]
        before: list[Driver] = []
        for driver in sorted(seeing, key=lambda d: -d.waited_s):
            met = any(d.rear_m < meetings.get((driver.way, d.way), -1.0) for d in inside)
            gives_way = any((driver.way, d.way) in meetings for d in before)
            if met or gives_way or walked & driver.way.walks_m.keys():
                driver.waited_s += dt_s
                before += [driver] if driver.waited_s > PATIENCE_S else []
            else:
                driver.admitted = True
                inside.append(driver)

    def _advance(self, dt_s: float) -> None:
        moves = [self._acceleration(driver) for driver in self.drivers]
        for driver, acceleration in zip(self.drivers, moves, strict=True):
            driver.acceleration = acceleration
            driver.speed = max(0.0, driver.speed + acceleration * dt_s)
            driver.along_m += driver.speed * dt_s
            driver.phase += driver.speed * dt_s

    def _acceleration(self, driver: Driver) -> float:
        """In m/s²: of the nearest thing ahead, on the way in, at the stop line, or on the way out."""
        way, front_m = driver.way, driver.along_m + driver.length_m / 2
        limit = self.limits[way][min(int(driver.along_m / STEP_M), len(way.points) - 1)]
        wish = min(driver.wish, float(limit))
        gap_m, speed = math.inf, driver.speed
        if not driver.admitted:  # it halts half a metre before the line
            gap_m, speed = way.stop_m + STANDSTILL_M - 0.5 - front_m, 0.0
        for other in self.drivers:
            ahead_m = _ahead(driver, other)
            if 0 < ahead_m < math.inf and (gap := ahead_m - (other.length_m + driver.length_m) / 2) < gap_m:
                gap_m, speed = gap, other.speed
        return follow(driver.speed, wish, gap_m, speed, START_MS2)

    def _pause(self) -> float:
        return 1.5 + float(self.rng.exponential(ARRIVAL_S / self.density))

    def _enter(self, arm: str) -> bool:
        """Let one more in at the end of an arm; False while the last one is still too near."""
        near = [d for d in self.drivers if d.way.origin == arm]
        if near and near[-1].rear_m < 24:
            return False
        self.deck = self.deck or [KINDS[i] for i in self.rng.permutation(len(KINDS))]
        kind = self.deck.pop()
        slow = {"bicycle": 0.45, "bus": 0.85, "lorry": 0.85, "articulated": 0.8}.get(kind, 1.0)
        wish = slow * float(self.rng.uniform(36, 50)) / 3.6
        aside = {"bicycle": 0.9, "motorcycle": 0.4}.get(kind, 0.0) + float(self.rng.uniform(-0.2, 0.2))
        speed = min(wish, near[-1].speed + 1.0) if near else wish
        self.born += 1
        look, phase = int(self.rng.integers(2**31)), float(self.rng.uniform(0, 9))
        way = self._choose(arm, kind)
        self.drivers.append(Driver(self.born, kind, way, LENGTH_M[kind] / 2, speed, wish, aside, look, phase=phase))
        return True

    def _choose(self, arm: str, kind: str) -> Way:
        ways = [way for way in self.junction.ways if way.origin == arm]
        turns = [turn_of(way) for way in ways]
        if kind in RIGID and "straight" in turns:
            return ways[turns.index("straight")]
        chance = np.array([TURNS[turn] * (turn != "round" or kind not in (*CLUMSY, *RIGID)) for turn in turns])
        return ways[int(self.rng.choice(len(ways), p=chance / chance.sum()))]


def _ahead(driver: Driver, other: Driver) -> float:
    """Metres along their ways from one to another that is on the same lane; infinite where none is shared."""
    way, after = driver.way, other.way
    if after.origin == way.origin and (after is way or min(driver.along_m, other.rear_m) < way.inside_m[0] + PARTED_M):
        return other.along_m - driver.along_m
    if other.admitted and driver.admitted and after.destination == way.destination:
        return (way.length_m - driver.along_m) - (after.length_m - other.along_m)
    return math.inf


def turn_of(way: Way) -> str:
    """right, straight, left, or round: back to the same arm."""
    if way.origin == way.destination:
        return "round"
    (x0, y0), (x1, y1) = way.points[1] - way.points[0], way.points[-1] - way.points[-2]
    angle = np.rad2deg(np.arctan2(x0 * y1 - y0 * x1, x0 * x1 + y0 * y1))
    return "left" if angle > 45 else "right" if angle < -45 else "straight"


def speed_limits(way: Way) -> np.ndarray:
    """m/s at each point of a way: what its bends allow, and what allows braking for those ahead."""
    step = np.gradient(way.points, STEP_M, axis=0)
    bend = np.gradient(step, STEP_M, axis=0)
    curvature = np.abs(step[:, 0] * bend[:, 1] - step[:, 1] * bend[:, 0])
    curvature = np.convolve(curvature, np.ones(9) / 9, mode="same")
    limit2 = ASIDE_MS2 / np.maximum(curvature, 1e-3)
    for k in range(len(limit2) - 2, -1, -1):
        limit2[k] = min(limit2[k], limit2[k + 1] + 2 * EASE_MS2 * STEP_M)
    return np.sqrt(limit2)


def play_junction(junction: Junction, settings: SynthSettings) -> Iterator[list[Driver | Walker]]:
    """The road users of each frame of the clip. The same objects move on: read them before asking for the next."""
    traffic = JunctionTraffic(junction, settings.density, np.random.default_rng([settings.seed, 2]))
    for _ in range(450):  # a minute and a half: until some have come through
        traffic.step(0.2)
    for _ in range(settings.frames):
        yield traffic.users
        traffic.step(1 / settings.fps)
