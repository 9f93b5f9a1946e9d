"""Zones as numbers: how deep inside a point is, where a way cuts the border, whether a zone can be counted in."""

from __future__ import annotations

import math

import numpy as np

from stream.scene import Scene, Zone

LEAST_AREA_PX2 = 64.0


class Polygon:
    """One zone, to measure many points against it at once."""

    def __init__(self, zone: Zone) -> None:
        self._start = np.array(zone.corners_xy, np.float64)  # (E, 2)
        self._way = np.roll(self._start, -1, axis=0) - self._start
        self._length2 = np.maximum((self._way * self._way).sum(axis=1), 1e-12)

    def depth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """px from the border, positive inside: f64 (N,) each -> (N,). Element by element: see LineSet.distance."""
        least2, inside = np.full(x.shape, np.inf), np.zeros(x.shape, bool)
        for (x0, y0), (dx, dy), length2 in zip(self._start.tolist(), self._way.tolist(), self._length2, strict=True):
            ax, ay = x - x0, y - y0
            share = np.clip((ax * dx + ay * dy) / length2, 0.0, 1.0)
            least2 = np.minimum(least2, (ax - share * dx) ** 2 + (ay - share * dy) ** 2)
            if dy:  # even-odd rule: does a ray to the right cut this side?
                inside ^= ((ay < 0) != (y < y0 + dy)) & (ax < ay * (dx / dy))
        return np.where(inside, 1.0, -1.0) * np.sqrt(least2)

    def cuts(self, a: tuple[float, float], b: tuple[float, float]) -> list[float]:
        """Where the way from a to b cuts the border: shares of the way, 0 to 1, rising."""
        way, offset = np.subtract(b, a), self._start - a
        across = way[0] * self._way[:, 1] - way[1] * self._way[:, 0]
        parallel = across == 0
        across = np.where(parallel, 1.0, across)
        along = (offset[:, 0] * self._way[:, 1] - offset[:, 1] * self._way[:, 0]) / across
        side = (offset[:, 0] * way[1] - offset[:, 1] * way[0]) / across
        found = ~parallel & (along >= 0) & (along <= 1) & (side >= 0) & (side <= 1)
        return sorted(along[found].tolist())


def check_zone(zone: Zone, scene: Scene) -> str | None:
    """Why nothing can be counted in the zone of this picture, or None when it can."""
    corners = zone.corners_xy
    if not all(math.isfinite(value) for corner in corners for value in corner):
        return "its corners must be finite numbers"
    if len(corners) < 3:
        return f"it has {len(corners)} corners and needs 3 or more"
    for x, y in corners:
        if not (0 <= x <= scene.width and 0 <= y <= scene.height):
            return f"its corner ({x:g}, {y:g}) lies outside the picture of {scene.width}x{scene.height}"
    sides = list(zip(corners, (*corners[1:], corners[0]), strict=True))
    for i, (a, b) in enumerate(sides):
        for c, d in sides[i + 2 : len(sides) - (i == 0)]:
            if _cross(a, b, c, d):
                return "its sides cross each other: give the corners in order round the zone"
    area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in sides)) / 2
    if area < LEAST_AREA_PX2:
        return f"it covers {area:.0f} square pixels and needs at least {LEAST_AREA_PX2:g}"
    return None


def _cross(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]) -> bool:
    def side(p: tuple[float, float], q: tuple[float, float], r: tuple[float, float]) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
