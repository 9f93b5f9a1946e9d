"""Drawing a picture of the road: shadows, bodies, lamps at night, the lens and the sensor."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from stream.synth import scenery
from stream.synth.camera import RoadCamera
from stream.synth.cast import Sighting
from stream.synth.lamps import Lamps
from stream.synth.light import Daylight
from stream.synth.site import Site
from stream.synth.solids import Haze

OVERSAMPLE = 2
"""Bodies are drawn this many times larger and averaged down: that is the anti-aliasing."""
NOISE_MARGIN = 64  # px by which the noise picture can be shifted


class Renderer:
    """Draws the pictures of one clip, in order: the sensor noise is a seeded sequence."""

    def __init__(self, camera: RoadCamera, site: Site, light: Daylight, seed: int) -> None:
        self._fine = camera.scaled(OVERSAMPLE)
        self._camera, self._light = camera, light
        self._place = scenery.paint(self._fine, site, light, seed)
        self._lamps = Lamps(camera, site, light) if light.lamps else None
        self._rng = np.random.default_rng([seed, 5])
        grain = self._rng.normal(128, light.noise, (camera.height + NOISE_MARGIN, camera.width + NOISE_MARGIN, 3))
        self._grain = cv2.GaussianBlur(np.clip(grain, 0, 255).astype(np.uint8), (0, 0), 0.5)

    def picture(self, seen: Sequence[Sighting]) -> np.ndarray:
        """BGR u8 (H, W, 3) of the sightings, given in painting order."""
        canvas = self._shadowed(seen)
        for sighting in seen:
            haze = Haze(float(self._light.veil(sighting.stance.at_m[1])), self._light.haze)
            sighting.body.draw(canvas, self._fine, sighting.stance, haze)
        picture = cv2.resize(canvas, (self._camera.width, self._camera.height), interpolation=cv2.INTER_AREA)
        if self._lamps is not None:
            picture = self._lamps.lit(picture, seen)
        return self._sensed(picture)

    def _shadowed(self, seen: Sequence[Sighting]) -> np.ndarray:
        """The empty place with the cast shadow of each body, and the dark right below it."""
        camera, light = self._camera, self._light
        mask = np.zeros((camera.height, camera.width), np.uint8)
        under = np.zeros_like(mask)
        for sighting in seen:
            flat = sighting.outline_m * (1, 1, 0)
            _fill(mask, camera, np.vstack([flat, light.cast(sighting.outline_m)]))
            _fill(under, camera, flat)
        dark = cv2.blur(cv2.addWeighted(mask, light.shadow, cv2.blur(under, (7, 7)), 0.42, 0), (3, 3))
        left = cv2.resize(255 - dark, (self._fine.width, self._fine.height), interpolation=cv2.INTER_LINEAR)
        return cv2.multiply(self._place, cv2.cvtColor(left, cv2.COLOR_GRAY2BGR), scale=1 / 255)

    def _sensed(self, picture: np.ndarray) -> np.ndarray:
        """A lens that is not quite sharp, and a sensor that is not quite quiet."""
        picture = cv2.GaussianBlur(picture, (3, 3), 0.55)
        row, column = self._rng.integers(0, NOISE_MARGIN, 2)
        grain = self._grain[row : row + self._camera.height, column : column + self._camera.width]
        return cv2.addWeighted(picture, 1, grain, 1, -128)


def _fill(mask: np.ndarray, camera: RoadCamera, points_m: np.ndarray) -> None:
    xy, _ = camera.project(camera.slide(points_m))
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(xy).astype(np.int32)), 255)
