"""Who is where in the picture: the bodies of the road users, and the order in which they hide each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from stream.synth import cars, heavy
from stream.synth.camera import RoadCamera
from stream.synth.figures import Figure
from stream.synth.light import Daylight
from stream.synth.people import FIGURES
from stream.synth.solids import Haze, Solid
from stream.synth.traffic import RoadUser


class Body(Protocol):
    """What can be drawn at a place: solids and figures."""

    def outline(self, phase: float) -> np.ndarray: ...

    def draw(self, canvas: np.ndarray, camera: RoadCamera, at_m: np.ndarray, phase: float, haze: Haze) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One road user in one picture. Pixels; at_m and outline_m (P, 3) in road axes, metres."""

    track_id: int
    kind: str
    label: str
    heading: int
    length_m: float
    phase: float
    braking: bool
    body: Body
    at_m: np.ndarray
    outline_m: np.ndarray
    hull: np.ndarray  # f32 (K, 2) silhouette, also beyond the border of the picture
    xyxy: np.ndarray  # f32 (4,) box of the hull
    anchor: np.ndarray  # f32 (2,) where the middle of the body stands on the ground


class Cast:
    """Keeps the body of each road user for as long as it is on the road."""

    def __init__(self, camera: RoadCamera, light: Daylight) -> None:
        self._camera, self._light = camera, light
        self._bodies: dict[int, Body] = {}

    def sightings(self, users: list[RoadUser]) -> list[Sighting]:
        """Those that reach into the picture, in the order of painting: whoever is hidden comes before who hides."""
        self._bodies = {user.track_id: self._bodies.get(user.track_id) or self._build(user) for user in users}
        ahead = [user for user in users if user.y_m + user.length_m / 2 > 5]
        if not ahead:
            return []
        inside = self._sight(ahead)
        return [inside[i] for i in painting_order(inside, float(self._camera.position_m[0]))]

    def _sight(self, users: list[RoadUser]) -> list[Sighting]:
        """All outlines and feet are projected at once: numpy's cost is by call, not by point."""
        at_m = [np.array([user.x_m, user.y_m, 0.0]) for user in users]
        parts = [self._bodies[user.track_id].outline(user.phase) + at for user, at in zip(users, at_m, strict=True)]
        outline_m = self._camera.slide(np.concatenate([*parts, at_m]))
        xy = self._camera.project(outline_m)[0].astype(np.float32)
        ends = np.cumsum([len(part) for part in parts])
        starts = ends - [len(part) for part in parts]
        low = np.minimum.reduceat(xy[: ends[-1]], starts)
        high = np.maximum.reduceat(xy[: ends[-1]], starts)
        size = np.array([self._camera.width, self._camera.height])
        seen = []
        for i in np.flatnonzero((high > 0.5).all(axis=1) & (low < size - 0.5).all(axis=1)):
            user, part = users[i], slice(starts[i], ends[i])
            braking = user.acceleration < -0.6
            hull, box = cv2.convexHull(xy[part])[:, 0], np.concatenate([low[i], high[i]])
            seen.append(Sighting(
                user.track_id, user.kind, user.label, user.lane.heading, user.length_m, user.phase, braking,
                self._bodies[user.track_id], at_m[i], outline_m[part], hull, box, xy[ends[-1] + i],
            ))  # fmt: skip
        return seen

    def _build(self, user: RoadUser) -> Body:
        if user.kind in FIGURES:
            return Figure(*FIGURES[user.kind], user.look, user.lane.heading, self._light)
        rng = np.random.default_rng(user.look)
        if user.kind in cars.SHAPES:
            parts = cars.car(user.kind, rng)
        else:
            parts = heavy.bus(rng) if user.kind == "bus" else heavy.truck(user.kind, rng)
        return Solid(parts, user.lane.heading, self._light)


def painting_order(seen: list[Sighting], camera_x_m: float) -> list[int]:
    """Indices, far ones first. Whoever is wholly farther along the road is hidden; side by side, the one farther off
    to the side is. Only overlapping boxes are compared: over all pairs these rules can run in a circle."""
    if not seen:
        return []
    middle = np.array([s.at_m[1] for s in seen])
    half = np.array([s.length_m / 2 for s in seen])
    aside = np.abs([s.at_m[0] - camera_x_m for s in seen])
    boxes = np.stack([s.xyxy for s in seen])
    meet = (boxes[:, None, :2] < boxes[None, :, 2:]).all(axis=2)
    meet &= meet.T
    farther = (middle - half)[:, None] >= (middle + half)[None, :] - 0.3
    beside = ~farther & ~farther.T
    before = meet & (farther | (beside & (aside[:, None] > aside[None, :])))
    waiting, order = before.sum(axis=0), []
    far_first = np.argsort(-middle, kind="stable")
    left = np.ones(len(seen), bool)
    while left.any():
        rest = far_first[left[far_first]]
        free = rest[waiting[rest] == 0]
        order.append(int(free[0] if len(free) else rest[0]))
        left[order[-1]] = False
        waiting -= before[order[-1]]
    return order
