"""A place without its traffic: what the ground looks like, and what stands beside the road."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from stream.synth.ground import Ground, road_surface
from stream.synth.road import POST_SPACING_M, Road

Thing = tuple[float, str, float]  # y in metres, what (tree, house, post or bush), x


class Site(Protocol):
    """What a renderer must know of a place."""

    @property
    def lit_m(self) -> list[tuple[float, float]]:
        """x and y of the places below street lamps."""

    def surface(self, ground: Ground, rng: np.random.Generator) -> np.ndarray:
        """BGR f32 (H, W, 3) of the ground under full light."""

    def things(self, rng: np.random.Generator) -> list[Thing]:
        """What stands there. None of it hides a vehicle near the lines."""


class StraightSite:
    """Beside a straight road."""

    def __init__(self, road: Road) -> None:
        self._road = road

    @property
    def lit_m(self) -> list[tuple[float, float]]:
        return [(side * (self._road.footway_x_m - 1), y) for side in (-1.0, 1.0) for y in _posts()]

    def surface(self, ground: Ground, rng: np.random.Generator) -> np.ndarray:
        return road_surface(ground, self._road, rng)

    def things(self, rng: np.random.Generator) -> list[Thing]:
        edge = self._road.footway_x_m
        made: list[Thing] = []
        for side in (-1.0, 1.0):
            rows = np.arange(20, 170, 7.0)
            made += [(y + rng.uniform(-2, 2), "tree", side * (edge + rng.uniform(2.2, 5.5))) for y in rows]
            made += [(y, "house", side * (edge + rng.uniform(13, 17))) for y in np.arange(24, 190, 17.0)]
            made += [(y, "post", side * (edge + 0.5)) for y in _posts()]
            made += [(y, "bush", side * (edge + rng.uniform(0.9, 2.0))) for y in rng.uniform(13, 120, 16)]
        return made


def _posts() -> list[float]:
    return [float(y) for y in np.arange(16, 150, POST_SPACING_M)]
