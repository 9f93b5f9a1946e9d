"""Who is on the road, where and how fast: a seeded simulation.

Vehicles follow the Intelligent Driver Model (Treiber, Hennecke, Helbing 2000) in their lane, so they keep their
distance and brake behind slower ones. Cyclists do the same in the cycle lane; people walk on the footway.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from stream.synth.road import Lane, Road
from stream.synth.settings import SynthSettings

NEAR_END_M, FAR_END_M = -45.0, 190.0
"""Where road users appear and vanish: out of the picture, or too far to be told from the haze."""

LENGTH_M = {
    "hatchback": 4.0, "sedan": 4.6, "estate": 4.7, "suv": 4.5, "van": 4.9, "bus": 11.5, "lorry": 8.2,
    "articulated": 14.5, "motorcycle": 2.1, "bicycle": 1.8, "pedestrian": 0.5,
}  # fmt: skip
LABEL = {
    "hatchback": "car", "sedan": "car", "estate": "car", "suv": "car", "van": "car", "bus": "bus", "lorry": "truck",
    "articulated": "truck", "motorcycle": "motorcycle", "bicycle": "bicycle", "pedestrian": "person",
}  # fmt: skip
DECK = (
    *["hatchback"] * 4, *["sedan"] * 3, "estate", *["suv"] * 3, "van",
    "bus", "lorry", "articulated", *["motorcycle"] * 2,
)  # fmt: skip
"""Vehicles are dealt from a shuffled deck, so that even a short clip shows every kind."""

HEADWAY_S, STANDSTILL_M, ACCELERATION, BRAKING = 1.2, 2.5, 1.4, 2.0  # IDM: s, m, m/s², m/s²


class OfKind:
    """What the kind of a road user says of it."""

    __slots__ = ()
    kind: str

    @property
    def label(self) -> str:
        return LABEL[self.kind]

    @property
    def length_m(self) -> float:
        return LENGTH_M[self.kind]


@dataclass(slots=True, eq=False)
class RoadUser(OfKind):
    """One road user. y_m is the middle of the body, along the road; phase counts metres travelled."""

    track_id: int
    kind: str
    lane: Lane
    y_m: float
    speed: float  # m/s
    wish: float  # m/s on a free road
    x_m: float
    look: int  # seeds the appearance
    acceleration: float = 0.0
    phase: float = 0.0

    @property
    def place_m(self) -> tuple[float, float]:
        return self.x_m, self.y_m

    @property
    def forward(self) -> tuple[float, float]:
        return 0.0, float(self.lane.heading)


@dataclass(slots=True)
class Traffic:
    """All road users of one road. `step` moves the clock; `users` is who is there now."""

    road: Road
    density: float
    rng: np.random.Generator
    queues: list[list[RoadUser]] = field(default_factory=list)  # per lane, the leader first
    due_s: list[float] = field(default_factory=list)  # per lane, until the next arrival
    deck: list[str] = field(default_factory=list)
    born: int = 0

    def __post_init__(self) -> None:
        self.queues = [[] for _ in self.road.lanes]
        self.due_s = [self._wait(lane) for lane in self.road.lanes]

    @property
    def users(self) -> list[RoadUser]:
        return [user for queue in self.queues for user in queue]

    def step(self, dt_s: float) -> None:
        for index, lane in enumerate(self.road.lanes):
            queue = self.queues[index]
            _advance(queue, lane, dt_s)
            self.queues[index] = queue = [user for user in queue if NEAR_END_M <= user.y_m <= FAR_END_M]
            self.due_s[index] -= dt_s
            if self.due_s[index] <= 0 and self._enter(lane, queue):
                self.due_s[index] = self._wait(lane)

    def _wait(self, lane: Lane) -> float:
        mean_s = {"motor": 2.9, "cycle": 13.0, "foot": 30.0}[lane.use] / self.density
        floor_s = 1.3 if lane.use == "motor" else 1.0
        return floor_s + float(self.rng.exponential(mean_s))

    def _enter(self, lane: Lane, queue: list[RoadUser]) -> bool:
        """Let one more in at the start of the lane; False while the last one is still too near."""
        start = NEAR_END_M if lane.heading > 0 else FAR_END_M
        kind = {"cycle": "bicycle", "foot": "pedestrian"}.get(lane.use) or self._deal()
        wish = self._wish(kind, lane)
        if queue and lane.use != "foot":
            gap = abs(queue[-1].y_m - start) - (queue[-1].length_m + LENGTH_M[kind]) / 2
            if gap < STANDSTILL_M + queue[-1].speed * HEADWAY_S:
                if lane.use == "motor":
                    self.deck.append(kind)
                return False
        speed = min(wish, queue[-1].speed + 1.0) if queue and lane.use != "foot" else wish
        self.born += 1
        x_m = lane.x_m + self._offset(kind, lane)
        look = int(self.rng.integers(2**31))
        queue.append(
            RoadUser(self.born, kind, lane, start, speed, wish, x_m, look, phase=float(self.rng.uniform(0, 9)))
        )
        return True

    def _deal(self) -> str:
        if not self.deck:
            self.deck = [DECK[i] for i in self.rng.permutation(len(DECK))]
        return self.deck.pop()

    def _wish(self, kind: str, lane: Lane) -> float:
        if lane.use == "foot":
            return float(self.rng.uniform(1.1, 1.6))
        if lane.use == "cycle":
            return float(self.rng.uniform(15, 23)) / 3.6
        slow = 0.88 if kind in ("bus", "lorry", "articulated") else 1.0
        inner = 1.12 if abs(lane.x_m) < lane.width_m else 1.0
        return slow * inner * float(self.rng.uniform(42, 58)) / 3.6

    def _offset(self, kind: str, lane: Lane) -> float:
        """Two-wheelers keep to the side of the lane, people spread over the footway."""
        if kind == "motorcycle":
            return lane.heading * float(self.rng.uniform(0.3, 0.9))
        spread = {"motor": 0.18, "cycle": 0.2, "foot": 0.8}[lane.use]
        return float(self.rng.uniform(-spread, spread))


def _advance(queue: list[RoadUser], lane: Lane, dt_s: float) -> None:
    leader: RoadUser | None = None
    for user in queue:
        user.acceleration = 0.0 if lane.use == "foot" else _idm(user, leader)
        user.speed = max(0.0, user.speed + user.acceleration * dt_s)
        user.y_m += lane.heading * user.speed * dt_s
        user.phase += user.speed * dt_s
        leader = user


def _idm(user: RoadUser, leader: RoadUser | None) -> float:
    if leader is None:
        return follow(user.speed, user.wish, math.inf, user.speed)
    gap = abs(leader.y_m - user.y_m) - (leader.length_m + user.length_m) / 2
    return follow(user.speed, user.wish, gap, leader.speed)


def follow(speed: float, wish: float, gap_m: float, leader_speed: float, most: float = ACCELERATION) -> float:
    """Acceleration in m/s² of who is gap_m behind a leader (infinite: there is none).

    Speeds in m/s; most: what it is from a standstill on a free road.
    """
    closing = speed * (speed - leader_speed) / (2 * math.sqrt(most * BRAKING))
    wanted = STANDSTILL_M + max(0.0, speed * HEADWAY_S + closing)
    return float(max(-6.0, most * (1 - (speed / wish) ** 4 - (wanted / max(0.5, gap_m)) ** 2)))


def play(settings: SynthSettings) -> Iterator[list[RoadUser]]:
    """The road users of each frame of the clip. The same objects move on: read them before asking for the next."""
    traffic = Traffic(Road(settings.lanes), settings.density, np.random.default_rng([settings.seed, 2]))
    for _ in range(900):  # three minutes: until people have walked the whole road
        traffic.step(0.2)
    for _ in range(settings.frames):
        yield traffic.users
        traffic.step(1 / settings.fps)
