"""Traffic through a crossroads as tracks with true turning movements, for tests and benchmarks: no picture is drawn.

Vehicles come in by one of four arms, keep to the right, slow down or wait before the junction, go left, straight on,
right or round, and leave. A camera on a mast at a corner sees them in perspective.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream.messages import LABELS, Tracks
from stream.scene import Line, Movement, Scene

ARMS = ("south", "east", "north", "west")  # counter-clockwise: driving on the right, a left turn skips two
TURNS = {"right": 1, "straight": 2, "left": 3, "round": 0}
ARM_M, LANE_M, STOP_M = 42.0, 3.4, 12.0  # from the middle: where vehicles appear, their lane, the lines
SIZE = (1280, 720)
FPS = 10.0


@dataclass(frozen=True, slots=True)
class Vehicle:
    """times_s f64 (n,), xyxy f64 (n, 4) in pixels; where it came from and went to."""

    track_id: int
    label: str
    origin: str
    destination: str
    times_s: np.ndarray
    xyxy: np.ndarray


def crossroads(seed: int, vehicles: int, gap_s: float = 3.0) -> list[Vehicle]:
    """Vehicles in order of arrival, one about every gap_s seconds."""
    chance = np.random.default_rng(seed)
    made, at_s = [], 0.0
    for track_id in range(1, vehicles + 1):
        at_s += float(chance.exponential(gap_s))
        arm = int(chance.integers(4))
        turn = str(chance.choice(list(TURNS), p=(0.25, 0.45, 0.25, 0.05)))
        way = _way(arm, TURNS[turn], chance)
        label = str(chance.choice(["car", "truck", "bus", "motorcycle"], p=(0.8, 0.1, 0.05, 0.05)))
        times_s, xy_m = _drive(way, at_s, chance)
        exit_arm = ARMS[(arm + TURNS[turn]) % 4]
        made.append(Vehicle(track_id, label, ARMS[arm], exit_arm, times_s, _boxes(xy_m, label, chance)))
    return made


def crossroads_scene() -> Scene:
    """A line over each arm, named after it, and all movements between them."""
    lines = []
    for k, arm in enumerate(ARMS):
        ends = _project(np.array([_turned((x, -STOP_M - 3), k) for x in (-7.0, 7.0)]))
        lines.append(Line(arm, *ends.ravel().round(1).tolist()))
    movements = tuple(Movement(f"{a} to {b}", a, b) for a in ARMS for b in ARMS)
    return Scene("junction", *SIZE, tuple(lines), movements=movements)


def cut_tracks(vehicles: list[Vehicle], share: float, seed: int) -> list[Vehicle]:
    """What a tracker makes of them when vehicles hide: of this share of them it is born late, ends early, or breaks and
    goes on as another track after a second or two. New ids are above the old ones; origin and destination stay true."""
    chance, found, next_id = np.random.default_rng(seed), [], len(vehicles) + 1
    for vehicle in vehicles:
        n = len(vehicle.times_s)
        parts = [(0, n)]
        if chance.random() < share:
            kind, at = chance.integers(3), int(n * chance.uniform(0.35, 0.65))
            hidden = int(chance.uniform(0.5, 2.0) * FPS)
            parts = [[(at, n)], [(0, at)], [(0, at), (at + hidden, n)]][kind]
        for k, (start, stop) in enumerate(parts):
            if stop - start < 5:
                continue
            track_id = vehicle.track_id if k == 0 else next_id
            next_id += k
            rows = slice(start, stop)
            found.append(
                Vehicle(track_id, vehicle.label, vehicle.origin, vehicle.destination,
                        vehicle.times_s[rows], vehicle.xyxy[rows])
            )  # fmt: skip
    return found


def tracks_of(vehicles: list[Vehicle]) -> list[tuple[float, Tracks]]:
    """(pts_s, tracks) of every frame."""
    frames: dict[int, list[tuple[int, np.ndarray, int, np.ndarray]]] = {}
    for vehicle in vehicles:
        centre = (vehicle.xyxy[:, :2] + vehicle.xyxy[:, 2:]) / 2
        velocity = np.gradient(centre, axis=0) * FPS
        label = LABELS.index(vehicle.label)
        for k, time_s in enumerate(vehicle.times_s.tolist()):
            row = (vehicle.track_id, vehicle.xyxy[k], label, velocity[k])
            frames.setdefault(round(time_s * FPS), []).append(row)
    return [(seq / FPS, _tracks(sorted(frames.get(seq, []), key=lambda row: row[0]))) for seq in range(max(frames) + 1)]


def _tracks(rows: list[tuple[int, np.ndarray, int, np.ndarray]]) -> Tracks:
    n = len(rows)
    return Tracks(
        track_id=np.array([row[0] for row in rows], np.int64),
        xyxy=np.array([row[1] for row in rows], np.float32).reshape(n, 4),
        velocity=np.array([row[3] for row in rows], np.float32).reshape(n, 2),
        label=np.array([row[2] for row in rows], np.int16),
        score=np.full(n, 0.8, np.float32),
        observed=np.ones(n, bool),
        confirmed=np.ones(n, bool),
        ended=np.zeros(0, np.int64),
    )


def _turned(xy: tuple[float, float], arm: int) -> tuple[float, float]:
    """A point of the south arm (which comes from y < 0) as one of another arm."""
    x, y = xy
    for _ in range(arm):
        x, y = -y, x
    return x, y


def _way(arm: int, turn: int, chance: np.random.Generator) -> np.ndarray:
    """Points (n, 2) in metres from one arm to another, in the right-hand lane with some sway: a smooth curve."""
    aside = LANE_M / 2 + float(chance.normal(0, 0.35))
    start, enter = (aside, -ARM_M), (aside, -8.0)
    leave, end = (_turned((-aside, -8.0), turn), _turned((-aside, -ARM_M), turn))
    middle = [(aside, 0.0), (-aside, 0.0)] if turn == 0 else [(aside * 0.6, -2.0), _turned((-aside * 0.6, -2.0), turn)]
    ctrl = np.array([enter, *middle, leave])
    t = np.linspace(0, 1, 30)[:, None]
    curve = (1 - t) ** 3 * ctrl[0] + 3 * t * (1 - t) ** 2 * ctrl[1] + 3 * t * t * (1 - t) * ctrl[2] + t**3 * ctrl[3]
    points = np.concatenate([[start], curve, [end]])
    return np.array([_turned((x, y), arm) for x, y in points.tolist()])


def _drive(way: np.ndarray, at_s: float, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,) and places (n, 2) in metres: slower inside, and a wait at the stop line for some."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(way, axis=0).T))])
    cruise, inside = float(chance.uniform(9, 13)), float(chance.uniform(5, 8))
    wait_s = float(chance.exponential(6.0)) if chance.random() < 0.3 else 0.0
    stop_at, places, time_s, here = ARM_M - STOP_M, [], 0.0, 0.0
    while here < along[-1]:
        if abs(here - stop_at) < 1.0 and wait_s > 0:
            wait_s -= 1 / FPS
        else:
            here += (inside if stop_at - 6 < here < along[-1] - 25 else cruise) / FPS
        places.append(here)
        time_s += 1 / FPS
    xy = np.stack([np.interp(places, along, way[:, 0]), np.interp(places, along, way[:, 1])], axis=1)
    first = round(at_s * FPS)
    return (first + np.arange(len(places))) / FPS, xy


def _project(xy_m: np.ndarray) -> np.ndarray:
    """Ground (n, 2) in metres to pixels: from 14 m above the ground, 40 m to the south-west of the middle."""
    eye, focal = np.array([-24.0, -46.0, 22.0]), 1000.0
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, (0, 0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    rays = np.column_stack([xy_m, np.zeros(len(xy_m))]) - eye
    depth = rays @ forward
    return np.stack([SIZE[0] / 2 + focal * (rays @ right) / depth, SIZE[1] / 2 + focal * (rays @ down) / depth], axis=1)


def _boxes(xy_m: np.ndarray, label: str, chance: np.random.Generator) -> np.ndarray:
    """xyxy (n, 4) in pixels with the jitter of a detector: about three hundredths of the height, of every side."""
    foot, scale = _project(xy_m), np.hypot(*(_project(xy_m + np.array((1.0, 0.0))) - _project(xy_m)).T)
    width, height = {"motorcycle": (1.5, 1.6), "bus": (6.0, 3.2), "truck": (5.0, 3.0)}.get(label, (3.4, 1.7))
    w, h = width * scale, height * scale
    boxes = np.stack([foot[:, 0] - w / 2, foot[:, 1] - h, foot[:, 0] + w / 2, foot[:, 1]], axis=1)
    return boxes + chance.normal(0, 0.03, boxes.shape) * h[:, None]
