"""Tracks through simulated junctions with their true movements, cut as trackers cut them; no picture is drawn.

The traffic, its camera and the lines over the arms are those of `roadtally synth --place`. Who is there in the first
frame or the last is left out, so each vehicle makes a whole movement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stream.counting import Counter
from stream.messages import LABELS, Crossing, Frame, Tracks
from stream.records.store import RoadUser
from stream.scene import Movement, Scene
from stream.settings import CountingSettings
from stream.sinks.events import PATH_STEP
from stream.synth import SynthSettings
from stream.synth.cast import Cast, Sighting
from stream.synth.junction_traffic import Driver
from stream.synth.light import daylight
from stream.synth.places import place_of

JITTER = 0.03  # of the shorter side of a box: how far each side of it is off
SMALLEST_PX = 8.0  # what is lower or narrower is not detected
SHORTEST = 5  # frames: a tracker confirms nothing sooner
HIDDEN_S = 0.5, 2.0
CAMERA = "junction"


@dataclass(frozen=True, slots=True)
class Track:
    """All that was seen of a vehicle, or a part of it under an id of its own.

    seq i64 (n,), times_s f64 (n,), xyxy f64 (n, 4) in pixels, inside bool (n,): between stop line and last kerb.
    """

    track_id: int
    vehicle: int
    label: str
    origin: str
    destination: str
    seq: np.ndarray
    times_s: np.ndarray
    xyxy: np.ndarray
    inside: np.ndarray

    def part(self, track_id: int, rows: slice) -> Track:
        cut = (column[rows] for column in (self.seq, self.times_s, self.xyxy, self.inside))
        return Track(track_id, self.vehicle, self.label, self.origin, self.destination, *cut)


def watch_junction(settings: SynthSettings) -> tuple[Scene, list[Track]]:
    """A line over each arm with all movements between them, and the vehicles in order of arrival."""
    place, size = place_of(settings), (settings.width, settings.height)
    cast, drivers = Cast(place.camera, daylight(settings.light, settings.seed)), dict[int, Driver]()
    rows: dict[int, list[tuple[int, np.ndarray, bool]]] = {}
    partial: set[int] = set()
    for seq, users in enumerate(place.play()):
        there = {user.track_id: user for user in users if isinstance(user, Driver)}
        drivers |= there
        if seq in (0, settings.frames - 1):
            partial |= there.keys()
        for sighting in cast.sightings([*there.values()]):
            driver = there[sighting.track_id]
            inside = driver.way.inside_m[0] <= driver.along_m < driver.way.inside_m[1]
            rows.setdefault(sighting.track_id, []).append((seq, _box(sighting, size), inside))
    random = np.random.default_rng(settings.seed)
    whole = [_track(drivers[key], rows[key], settings.fps, random) for key in sorted(rows.keys() - partial)]
    names = [line.name for line in place.suggested]
    movements = tuple(Movement(f"{a} to {b}", a, b) for a in names for b in names)
    return Scene(CAMERA, *size, place.suggested, movements=movements), whole


def _box(of: Sighting, size: tuple[int, int]) -> np.ndarray:
    return np.clip(of.xyxy.astype(np.float64), 0, [*size, *size])


def _track(
    driver: Driver, rows: Sequence[tuple[int, np.ndarray, bool]], fps: float, random: np.random.Generator
) -> Track:
    seq, xyxy, inside = (np.array(column) for column in zip(*rows, strict=True))
    sides = xyxy[:, 2:] - xyxy[:, :2]
    xyxy = xyxy + random.normal(0, JITTER, xyxy.shape) * sides.min(axis=1)[:, None]
    way, key = driver.way, driver.track_id
    whole = Track(key, key, driver.label, way.origin, way.destination, seq, seq / fps, xyxy, inside)
    seen = np.flatnonzero(sides.min(axis=1) >= SMALLEST_PX)
    return whole.part(key, slice(int(seen[0]), int(seen[-1]) + 1))


def cut_tracks(vehicles: Sequence[Track], share: float, seed: int) -> list[Track]:
    """What a tracker makes of vehicles that hide inside the junction: of this share of them the track is born late,
    ends early, or breaks and goes on as another. New ids are above the old ones; origin and destination stay true."""
    random, found = np.random.default_rng(seed), list[Track]()
    next_id = max(vehicle.track_id for vehicle in vehicles) + 1
    for vehicle in vehicles:
        n = len(vehicle.seq)
        parts = [(0, n)]
        if random.random() < share:
            kind, at = random.integers(3), int(random.choice(np.flatnonzero(vehicle.inside)))
            again = int(np.searchsorted(vehicle.times_s, vehicle.times_s[at] + random.uniform(*HIDDEN_S)))
            parts = [[(at, n)], [(0, at)], [(0, at), (again, n)]][kind]
        for k, (start, stop) in enumerate(parts):
            if stop - start >= SHORTEST:
                found.append(vehicle.part(next_id if k else vehicle.track_id, slice(start, stop)))
                next_id += k
    return found


def crossings_of(scene: Scene, tracks: Sequence[Track]) -> list[Crossing]:
    """What the counter makes of the tracks."""
    counter, found = Counter(scene, CountingSettings()), list[Crossing]()
    for seq, pts_s, there in _frames(tracks):
        found += counter.update(Frame(CAMERA, 0, seq, pts_s, 0, scene.width, scene.height), there)
    return [*found, *counter.finish()]


def user_of(scene: Scene, track: Track) -> RoadUser:
    """What the store keeps of a track: its path, thinned as there."""
    foot_x, foot_y = (track.xyxy[:, 0] + track.xyxy[:, 2]) / 2, track.xyxy[:, 3]
    path: list[tuple[float, float, float]] = []
    for time_s, x, y in zip(track.times_s.tolist(), foot_x.tolist(), foot_y.tolist(), strict=True):
        if not path or abs(x - path[-1][1]) + abs(y - path[-1][2]) > PATH_STEP * scene.width:
            path.append((time_s, x, y))
    first_s, last_s = track.times_s[[0, -1]].tolist()
    return RoadUser(CAMERA, track.track_id, track.label, first_s, last_s, tuple(path))


def _frames(tracks: Sequence[Track]) -> Iterator[tuple[int, float, Tracks]]:
    """seq, pts_s and what a tracker would say, of each frame in which there is a track or one has just ended."""
    rows: dict[int, list[tuple[int, int, np.ndarray, np.ndarray]]] = {}
    ended: dict[int, list[int]] = {}
    times_s: dict[int, float] = {}
    for track in tracks:
        centre = (track.xyxy[:, :2] + track.xyxy[:, 2:]) / 2
        velocity = np.gradient(centre, track.times_s, axis=0)
        for seq, time_s, xyxy, speed in zip(
            track.seq.tolist(), track.times_s.tolist(), track.xyxy, velocity, strict=True
        ):
            rows.setdefault(seq, []).append((track.track_id, LABELS.index(track.label), xyxy, speed))
            times_s[seq] = time_s
        ended.setdefault(seq + 1, []).append(track.track_id)
        times_s.setdefault(seq + 1, 2 * time_s - track.times_s[-2].item())
    for seq in sorted(times_s):
        yield seq, times_s[seq], _tracks(sorted(rows.get(seq, []), key=lambda row: row[0]), ended.get(seq, []))


def _tracks(rows: Sequence[tuple[int, int, np.ndarray, np.ndarray]], ended: Sequence[int]) -> Tracks:
    n = len(rows)
    return Tracks(
        track_id=np.array([row[0] for row in rows], np.int64),
        xyxy=np.array([row[2] for row in rows], np.float32).reshape(n, 4),
        velocity=np.array([row[3] for row in rows], np.float32).reshape(n, 2),
        label=np.array([row[1] for row in rows], np.int16),
        score=np.full(n, 0.8, np.float32),
        observed=np.ones(n, bool),
        confirmed=np.ones(n, bool),
        ended=np.array(ended, np.int64),
    )
