"""Light that does not come from the sky: street lamps, headlights, rear lamps, their glow."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from stream.synth.camera import RoadCamera
from stream.synth.cast import Sighting
from stream.synth.light import Daylight
from stream.synth.road import POST_SPACING_M, Road

COARSE = 4  # light on the road is worked out on a picture so many times smaller
SPAN_M = {"motorcycle": 0.0, "bicycle": 0.0, "bus": 0.95, "lorry": 0.9, "articulated": 0.95, "van": 0.75}
"""Half the distance between a vehicle's lamps; cars 0.62 m."""


class Lamps:
    """Turns a picture drawn by daylight into one of dusk or night."""

    def __init__(self, camera: RoadCamera, road: Road, light: Daylight) -> None:
        self._camera, self._light = camera, light
        small = (camera.width // COARSE, camera.height // COARSE)
        x_m, y_m = camera.ground()
        pools = np.zeros(x_m.shape, np.float32)
        for side in (-1.0, 1.0):
            for y in np.arange(16, 150, POST_SPACING_M):
                away = ((x_m - side * (road.footway_x_m - 1)) / 5.5) ** 2 + ((np.minimum(y_m, 1e4) - y) / 8.0) ** 2
                pools += np.exp(-away).astype(np.float32)
        warm = np.array([0.26, 0.38, 0.48], np.float32)
        street = light.exposure.astype(np.float32) + pools[..., None] * warm * (1 - float(light.exposure.mean()))
        self._street = cv2.resize(street, small, interpolation=cv2.INTER_AREA)

    def lit(self, picture: np.ndarray, seen: Sequence[Sighting]) -> np.ndarray:
        """The picture by the light of the sky, the street lamps and the headlights, with the lamps themselves."""
        beams = np.zeros(self._street.shape[:2], np.float32)
        for sighting in seen:
            if sighting.kind != "pedestrian":
                self._beam(beams, sighting)
        beams = cv2.GaussianBlur(beams, (0, 0), 2.2)
        level = self._street + beams[..., None] * np.array([0.26, 0.31, 0.33], np.float32)
        level = cv2.resize(np.minimum(level, 1.0), (picture.shape[1], picture.shape[0]))
        dark = (picture * level).astype(np.uint8)
        glow = np.zeros_like(picture)
        for index, sighting in enumerate(seen):
            if sighting.kind != "pedestrian":
                self._glow(glow, sighting, seen[index + 1 :])
        wide = cv2.resize(
            cv2.GaussianBlur(cv2.resize(glow, self._street.shape[1::-1], interpolation=cv2.INTER_AREA), (0, 0), 2.5),
            picture.shape[1::-1],
        )
        return cv2.add(cv2.add(dark, cv2.GaussianBlur(glow, (0, 0), 0.9)), cv2.convertScaleAbs(wide, alpha=1.5))

    def _beam(self, beams: np.ndarray, sighting: Sighting) -> None:
        x, front = sighting.at_m[0], sighting.at_m[1] + sighting.heading * sighting.length_m / 2
        ends = [front + sighting.heading * d for d in (1.0, 6.0, 15.0)]
        for reach, half in ((ends[1], 1.2), (ends[2], 2.0)):
            corners = np.array(
                [(x - 0.8, ends[0], 0), (x + 0.8, ends[0], 0), (x + half, reach, 0), (x - half, reach, 0.0)]
            )
            xy, _ = self._camera.project(self._camera.slide(corners))
            layer = np.zeros_like(beams)
            cv2.fillConvexPoly(layer, np.round(xy / COARSE).astype(np.int32), 0.55)
            beams += layer

    def _glow(self, glow: np.ndarray, sighting: Sighting, nearer: Sequence[Sighting]) -> None:
        """The lamps that face the camera and are not hidden by a nearer body."""
        towards = sighting.heading < 0
        end_y = sighting.at_m[1] - sighting.length_m / 2
        span = SPAN_M.get(sighting.kind, 0.62)
        height = 0.9 if sighting.kind in ("bicycle", "motorcycle", "bus", "lorry", "articulated") else 0.7
        places = np.array([(sighting.at_m[0] + side * span, end_y, height) for side in ((-1, 1) if span else (0,))])
        xy, depth = self._camera.project(self._camera.slide(places))
        weak = 0.45 if sighting.kind == "bicycle" else 1.0
        colour = (
            np.array([215.0, 240.0, 255.0])
            if towards
            else np.array([30.0, 20.0, 235.0]) * (1.0 if sighting.braking else 0.7)
        )
        size_m = 0.17 if towards else 0.12
        for point, near in zip(xy, depth, strict=True):
            if any(cv2.pointPolygonTest(s.hull, (float(point[0]), float(point[1])), False) > 0 for s in nearer):
                continue
            radius = max(0.6, size_m * self._camera.focal_px / float(near) * weak)
            centre = (round(float(point[0]) * 16), round(float(point[1]) * 16))
            cv2.circle(glow, centre, round(radius * 16), (colour * weak).tolist(), -1, cv2.LINE_AA, 4)
