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


class Solid:
    """A body ready to draw for one heading. Parts are given from the rear to the front; each is drawn in its order."""

    def __init__(self, parts: Sequence[Sequence[Face]], heading: int, light: Daylight) -> None:
        ordered = [f for part in (parts if heading < 0 else parts[::-1]) for f in part]
        turn = np.array([[0, heading, 0], [-heading, 0, 0], [0, 0, 1.0]])  # body axes to road axes
        self._points = np.concatenate([f.points for f in ordered]) @ turn
        ends = np.cumsum([len(f.points) for f in ordered])
        self._spans = [(int(e) - len(f.points), int(e)) for e, f in zip(ends, ordered, strict=True)]
        self._middle = np.stack([f.points.mean(axis=0) for f in ordered]) @ turn
        self._normal = np.stack([f.normal for f in ordered]) @ turn
        gloss = np.array([f.gloss for f in ordered])
        self._colour = light.shade(np.array([f.colour for f in ordered], float), self._normal, gloss)
        self._outline = _extreme(self._points)

    def outline(self, phase: float) -> np.ndarray:
        """(P, 3) the extreme points, relative to the middle of the body on the ground, in road axes."""
        return self._outline

    def draw(self, canvas: np.ndarray, camera: RoadCamera, at_m: np.ndarray, phase: float, haze: Haze) -> None:
        """Paint the faces that look at the camera."""
        seen = ((camera.position_m - self._middle - at_m) * self._normal).sum(axis=1) > 0
        xy, _ = camera.project(camera.slide(self._points + at_m))
        fixed = fixed_point(xy)
        colours = haze.over(self._colour).tolist()
        for index in np.flatnonzero(seen):
            start, end = self._spans[index]
            cv2.fillConvexPoly(canvas, fixed[start:end], colours[index], cv2.LINE_8, SHIFT)


def _extreme(points: np.ndarray) -> np.ndarray:
    """The corners that can lie on the rim of the body's picture: its convex hull, thinned."""
    from scipy.spatial import ConvexHull

    return points[ConvexHull(np.round(points, 2)).vertices]
