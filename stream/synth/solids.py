"""Bodies of flat faces: convex prisms with patches on them, shaded once and drawn far part first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from stream.synth.camera import RoadCamera
from stream.synth.light import Colour, Daylight

SHIFT = 4  # cv2 draws at 1/16 px

Profile = Sequence[tuple[float, float, float]]
"""Corners of a side view from the front bottom over the top to the rear bottom: x forward, z up, half width; metres."""


def fixed_point(pixels: np.ndarray) -> np.ndarray:
    """Pixels, where pixel i covers i to i + 1, as cv2 wants them: counted from pixel centres, in 1/16, i32."""
    return np.round((pixels - 0.5) * (1 << SHIFT)).astype(np.int32)


class Haze(NamedTuple):
    """What lies between a thing and the camera: a share (0 to 1) of a colour, BGR (3,)."""

    share: float
    colour: np.ndarray

    def over(self, colours: np.ndarray) -> np.ndarray:
        """Colours (N, 3) seen through it."""
        return colours * (1 - self.share) + self.colour * self.share


class Face(NamedTuple):
    """A flat polygon. points (n, 3) in body axes: x forward, y left, z up; normal (3,) outward, unit."""

    points: np.ndarray
    normal: np.ndarray
    colour: Colour
    gloss: float


class Prism(NamedTuple):
    """bands: the faces along the profile, corners left, right, right, left; left, right: the faces at its sides."""

    bands: list[Face]
    left: Face
    right: Face

    @property
    def faces(self) -> list[Face]:
        return [*self.bands, self.left, self.right]


def prism(profile: Profile, colour: Colour, gloss: float = 0.0) -> Prism:
    """The body between two sides of the given profile; open at the bottom."""
    left = np.array([(x, w, z) for x, z, w in profile])
    right = left * (1, -1, 1)
    middle = (left + right).mean(axis=0) / 2
    bands = [
        face(np.stack([left[i], right[i], right[i + 1], left[i + 1]]), middle, colour, gloss)
        for i in range(len(left) - 1)
    ]
    return Prism(bands, face(left, middle, colour, gloss), face(right, middle, colour, gloss))


def box(front: float, rear: float, bottom: float, top: float, half_width: float) -> Profile:
    """The profile of a plain box."""
    w = half_width
    return ((front, bottom, w), (front, top, w), (rear, top, w), (rear, bottom, w))


def face(points: np.ndarray, inside: np.ndarray, colour: Colour, gloss: float = 0.0) -> Face:
    """A face whose normal points away from `inside` (3,)."""
    around = np.roll(points, -1, axis=0)
    normal = np.cross(points, around).sum(axis=0)
    normal = normal / max(float(np.linalg.norm(normal)), 1e-9)
    outward = 1.0 if (points.mean(axis=0) - inside) @ normal >= 0 else -1.0
    return Face(points, normal * outward, colour, gloss)


def patch(of: Face, u: tuple[float, float], v: tuple[float, float], colour: Colour, gloss: float = 0.0) -> Face:
    """A part of a four-cornered face: u runs along its first edge, v towards its last two corners; 0 to 1."""
    a, b, c, d = of.points
    rim = [(u[0], v[0]), (u[1], v[0]), (u[1], v[1]), (u[0], v[1])]
    points = np.stack([(1 - s) * (1 - t) * a + s * (1 - t) * b + s * t * c + (1 - s) * t * d for s, t in rim])
    return Face(points, of.normal, colour, gloss)


def both_sides(outline: Sequence[tuple[float, float]], y_m: float, colour: Colour, gloss: float = 0.0) -> list[Face]:
    """The same flat outline (x, z) on the left and on the right side, y_m from the middle."""
    return [
        Face(np.array([(x, side * y_m, z) for x, z in outline]), np.array([0.0, side, 0.0]), colour, gloss)
        for side in (1.0, -1.0)
    ]


def disc(x_m: float, z_m: float, radius_m: float, corners: int = 14) -> list[tuple[float, float]]:
    """The outline of a wheel."""
    angle = np.arange(corners) * (2 * np.pi / corners)
    return [(x_m + radius_m * float(np.cos(a)), z_m + radius_m * float(np.sin(a))) for a in angle]


class Stance(NamedTuple):
    """How a body stands: where its middle is on the ground, (3,) in road axes; the direction of its front, x and y of
    a unit vector; metres travelled, which pose legs and pedals."""

    at_m: np.ndarray
    forward: tuple[float, float]
    phase: float

    @property
    def turn(self) -> np.ndarray:
        """(3, 3) from body axes to road axes, for points (n, 3) on its left."""
        x, y = self.forward
        return np.array([[x, y, 0], [-y, x, 0], [0, 0, 1.0]])


class Solid:
    """A body of faces. Parts are given from the rear to the front; each is drawn in its order."""

    def __init__(self, parts: Sequence[Sequence[Face]], light: Daylight) -> None:
        faces = [f for part in parts for f in part]
        self._light = light
        self._points = np.concatenate([f.points for f in faces])
        ends = np.cumsum([len(f.points) for f in faces])
        self._spans = [(int(e) - len(f.points), int(e)) for e, f in zip(ends, faces, strict=True)]
        self._part = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        self._middle = np.stack([f.points.mean(axis=0) for f in faces])
        self._normal = np.stack([f.normal for f in faces])
        self._gloss = np.array([f.gloss for f in faces])
        self._paint = np.array([f.colour for f in faces], float)
        self._outline = _extreme(self._points)
        self._shaded: tuple[tuple[float, float], np.ndarray] | None = None

    def outline(self, stance: Stance) -> np.ndarray:
        """(P, 3) the extreme points, in road axes."""
        return self._outline @ stance.turn + stance.at_m

    def draw(self, canvas: np.ndarray, camera: RoadCamera, stance: Stance, haze: Haze) -> None:
        """Paint the faces that look at the camera, those of the far end first."""
        turn, eye = stance.turn, camera.position_m - stance.at_m
        normal = self._normal @ turn
        seen = np.flatnonzero(((eye - self._middle @ turn) * normal).sum(axis=1) > 0)
        xy, _ = camera.project(camera.slide(self._points @ turn + stance.at_m))
        fixed = fixed_point(xy)
        if self._shaded is None or self._shaded[0] != stance.forward:
            self._shaded = stance.forward, self._light.shade(self._paint, normal, self._gloss)
        colours = haze.over(self._shaded[1]).tolist()
        coming = eye[:2] @ stance.forward > 0
        part = self._part[seen]
        for index in seen[np.argsort(part if coming else -part, kind="stable")]:
            start, end = self._spans[index]
            cv2.fillConvexPoly(canvas, fixed[start:end], colours[index], cv2.LINE_8, SHIFT)


def _extreme(points: np.ndarray) -> np.ndarray:
    """The corners that can lie on the rim of the body's picture: its convex hull, thinned."""
    from scipy.spatial import ConvexHull

    return points[ConvexHull(np.round(points, 2)).vertices]
