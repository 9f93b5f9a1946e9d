"""Who is where in the picture: the bodies of the road users, and the order in which they hide each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from stream.synth import cars, heavy
from stream.synth.camera import RoadCamera
from stream.synth.figures import Figure
from stream.synth.light import Daylight
from stream.synth.people import FIGURES
from stream.synth.solids import Haze, Solid, Stance

BEHIND_M = 5.0  # bodies that do not reach beyond this, along y, are below the picture
TOUCHING_M = 0.3  # bodies may overlap by so much and still stand one behind the other


class Present(Protocol):
    """A road user as a simulation has it. place_m: the middle of the body; forward: where its front is, a unit vector;
    look seeds the appearance; acceleration in m/s²; phase: metres travelled."""

    track_id: int
    kind: str
    look: int
    acceleration: float
    phase: float

    @property
    def label(self) -> str: ...

    @property
    def length_m(self) -> float: ...

    @property
    def place_m(self) -> tuple[float, float]: ...

    @property
    def forward(self) -> tuple[float, float]: ...


class Body(Protocol):
    """What can be drawn at a place: solids and figures."""

    def outline(self, stance: Stance) -> np.ndarray: ...

    def draw(self, canvas: np.ndarray, camera: RoadCamera, stance: Stance, haze: Haze) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One road user in one picture. Pixels; outline_m (P, 3) in road axes, metres."""

    track_id: int
    kind: str
    label: str
    length_m: float
    braking: bool
    body: Body
    stance: Stance
    outline_m: np.ndarray
    hull: np.ndarray  # f32 (K, 2) silhouette, also beyond the border of the picture
    xyxy: np.ndarray  # f32 (4,) box of the hull
    anchor: np.ndarray  # f32 (2,) where the middle of the body stands on the ground


class Cast:
    """Keeps the body of each road user for as long as it is on the road."""

    def __init__(self, camera: RoadCamera, light: Daylight) -> None:
        self._camera, self._light = camera, light
        self._bodies: dict[int, Body] = {}

    def sightings(self, users: Sequence[Present]) -> list[Sighting]:
        """Those that reach into the picture, in the order of painting: whoever is hidden comes before who hides."""
        self._bodies = {user.track_id: self._bodies.get(user.track_id) or self._build(user) for user in users}
        ahead = [user for user in users if user.place_m[1] + user.length_m / 2 > BEHIND_M]
        if not ahead:
            return []
        inside = self._sight(ahead)
        return [inside[i] for i in painting_order(inside, self._camera.position_m[:2])]

    def _sight(self, users: list[Present]) -> list[Sighting]:
        """All outlines and feet are projected at once: numpy's cost is by call, not by point."""
        stances = [Stance(np.array([*user.place_m, 0.0]), user.forward, user.phase) for user in users]
        parts = [self._bodies[user.track_id].outline(stance) for user, stance in zip(users, stances, strict=True)]
        outline_m = self._camera.slide(np.concatenate([*parts, [stance.at_m for stance in stances]]))
        xy = self._camera.project(outline_m)[0].astype(np.float32)
        ends = np.cumsum([len(part) for part in parts])
        starts = ends - [len(part) for part in parts]
        low = np.minimum.reduceat(xy[: ends[-1]], starts)
        high = np.maximum.reduceat(xy[: ends[-1]], starts)
        size = np.array([self._camera.width, self._camera.height])
        seen = []
        for i in np.flatnonzero((high > 0.5).all(axis=1) & (low < size - 0.5).all(axis=1)):
            user, part = users[i], slice(starts[i], ends[i])
            hull, box = cv2.convexHull(xy[part])[:, 0], np.concatenate([low[i], high[i]])
            seen.append(Sighting(
                user.track_id, user.kind, user.label, user.length_m, user.acceleration < -0.6,
                self._bodies[user.track_id], stances[i], outline_m[part], hull, box, xy[ends[-1] + i],
            ))  # fmt: skip
        return seen

    def _build(self, user: Present) -> Body:
        if user.kind in FIGURES:
            return Figure(*FIGURES[user.kind], user.look, self._light)
        rng = np.random.default_rng(user.look)
        if user.kind in cars.SHAPES:
            parts = cars.car(user.kind, rng)
        else:
            parts = heavy.bus(rng) if user.kind == "bus" else heavy.truck(user.kind, rng)
        return Solid(parts, self._light)


def painting_order(seen: list[Sighting], eye_m: np.ndarray) -> list[int]:
    """Indices, those first that are hidden by others. eye_m (2,): the camera, on the ground. Only overlapping boxes are
    compared: over all pairs the rule can run in a circle."""
    if not seen:
        return []
    boxes = np.stack([s.xyxy for s in seen])
    meet = (boxes[:, None, :2] < boxes[None, :, 2:]).all(axis=2)
    meet &= meet.T
    before = meet & _behind(seen, eye_m)
    waiting, order = before.sum(axis=0), []
    far_first = np.argsort([-s.stance.at_m[1] for s in seen], kind="stable")
    left = np.ones(len(seen), bool)
    while left.any():
        rest = far_first[left[far_first]]
        free = rest[waiting[rest] == 0]
        order.append(int(free[0] if len(free) else rest[0]))
        left[order[-1]] = False
        waiting -= before[order[-1]]
    return order


def _behind(seen: list[Sighting], eye_m: np.ndarray) -> np.ndarray:
    """bool (n, n), whether i is behind j: a line along a side of one of them parts them, with the camera on the side of
    j. Where lines say both, neither hides the other; where no line parts them, the farther one is behind."""
    n = len(seen)
    feet = np.stack([_footprint(s) for s in seen])  # (n, 4, 2)
    axes = np.stack([s.stance.turn[:2, :2] for s in seen])  # (n, 2, 2): forward, left
    at = np.einsum("iak,jck->iajc", axes, feet)  # of the corners of j along the axes of i
    low, high = at.min(axis=3), at.max(axis=3)  # (n, 2, n)
    own = np.arange(n)
    own_low, own_high, eye = low[own, :, own][..., None], high[own, :, own][..., None], (axes @ eye_m)[..., None]
    above, below = low >= own_high - TOUCHING_M, high <= own_low + TOUCHING_M
    hidden = ((above & (eye >= own_high)) | (below & (eye <= own_low))).any(axis=1)
    hiding = ((above & (eye <= low)) | (below & (eye >= high))).any(axis=1)
    behind = hidden | hiding.T
    away = np.array([s.stance.at_m[1] for s in seen])
    apart = (above | below).any(axis=1)
    return np.where(apart | apart.T, behind & ~behind.T, away[:, None] > away[None, :])


def _footprint(of: Sighting) -> np.ndarray:
    """(4, 2): the corners of the rectangle on the ground that a body stands over."""
    turn = of.stance.turn[:2, :2]
    own = (of.outline_m[:, :2] - of.stance.at_m[:2]) @ turn.T
    (x0, y0), (x1, y1) = own.min(axis=0), own.max(axis=0)
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) @ turn + of.stance.at_m[:2]
