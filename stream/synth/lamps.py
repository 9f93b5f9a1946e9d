"""Light that does not come from the sky: street lamps, headlights, rear lamps, their glow."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from stream.synth.camera import RoadCamera
from stream.synth.cast import Sighting
from stream.synth.light import Daylight
from stream.synth.site import Site
from stream.synth.solids import SHIFT, fixed_point

COARSE = 4  # light on the road is worked out on a picture so many times smaller
STREET, BEAM = np.array([0.26, 0.38, 0.48], np.float32), np.array([0.26, 0.31, 0.33], np.float32)  # BGR
HEADLIGHT, REAR_LIGHT, BRAKE_LIGHT = (215.0, 240.0, 255.0), (21.0, 14.0, 165.0), (30.0, 20.0, 235.0)
CAR_LAMPS = (0.62, 0.7)
LAMPS_M = {
    "van": (0.75, 0.7), "bus": (0.95, 0.9), "lorry": (0.9, 0.9), "articulated": (0.95, 0.9),
    "motorcycle": (0.0, 0.9), "bicycle": (0.0, 0.9),
}  # fmt: skip
"""Half the distance between a vehicle's lamps, and their height; else CAR_LAMPS."""


class Lamps:
    """Turns a picture drawn by daylight into one of dusk or night."""

    def __init__(self, camera: RoadCamera, site: Site, light: Daylight) -> None:
        self._camera = camera
        small = (camera.width // COARSE, camera.height // COARSE)
        x_m, y_m = camera.ground()
        pools = np.zeros(x_m.shape, np.float32)
        for x, y in site.lit_m:
            away = ((x_m - x) / 5.5) ** 2 + ((np.minimum(y_m, 1e4) - y) / 8.0) ** 2
            pools += np.exp(-away).astype(np.float32)
        dark = 1 - float(light.exposure.mean())
        street = light.exposure.astype(np.float32) + pools[..., None] * STREET * dark
        self._street = cv2.resize(street, small, interpolation=cv2.INTER_AREA)

    def lit(self, picture: np.ndarray, seen: Sequence[Sighting]) -> np.ndarray:
        """The picture by the light of the sky, the street lamps and the headlights, with the lamps themselves."""
        beams, glow = np.zeros(self._street.shape[:2], np.float32), np.zeros_like(picture)
        for index, sighting in enumerate(seen):
            if sighting.kind != "pedestrian":
                self._beam(beams, sighting)
                self._glow(glow, sighting, seen[index + 1 :])
        level = self._street + cv2.GaussianBlur(beams, (0, 0), 2.2)[..., None] * BEAM
        level = cv2.resize(np.minimum(level, 1.0), picture.shape[1::-1])
        halo = cv2.resize(glow, beams.shape[::-1], interpolation=cv2.INTER_AREA)
        halo = cv2.resize(cv2.GaussianBlur(halo, (0, 0), 2.5), picture.shape[1::-1])
        lamps = cv2.add(cv2.GaussianBlur(glow, (0, 0), 0.9), cv2.convertScaleAbs(halo, alpha=1.5))
        return cv2.add((picture * level).astype(np.uint8), lamps)

    def _beam(self, beams: np.ndarray, sighting: Sighting) -> None:
        """Add what the headlights throw on the road: narrow and near, wide and far."""
        stance, front = sighting.stance, sighting.length_m / 2
        for reach, half in ((6.0, 1.2), (15.0, 2.0)):
            ends = front + 1.0, front + reach
            corners = np.array([(ends[0], 0.8, 0), (ends[0], -0.8, 0), (ends[1], -half, 0), (ends[1], half, 0.0)])
            xy, _ = self._camera.project(self._camera.slide(corners @ stance.turn + stance.at_m))
            layer = np.zeros_like(beams)
            cv2.fillConvexPoly(layer, np.round(xy / COARSE).astype(np.int32), 0.55)
            beams += layer

    def _glow(self, glow: np.ndarray, sighting: Sighting, nearer: Sequence[Sighting]) -> None:
        """The lamps that face the camera and are not hidden by a nearer body."""
        stance = sighting.stance
        eye = self._camera.position_m[:2] - stance.at_m[:2]
        facing = float(eye @ stance.forward / np.hypot(*eye))  # 1: straight at the camera, -1: straight away from it
        towards, weak = facing > 0, min(1.0, 1.5 * abs(facing)) * (0.45 if sighting.kind == "bicycle" else 1.0)
        lamp = HEADLIGHT if towards else BRAKE_LIGHT if sighting.braking else REAR_LIGHT
        colour, size_m = [weak * part for part in lamp], weak * (0.17 if towards else 0.12)
        span, height = LAMPS_M.get(sighting.kind, CAR_LAMPS)
        end = sighting.length_m / 2 if towards else -sighting.length_m / 2
        places = np.array([(end, side, height) for side in sorted({-span, span})]) @ stance.turn + stance.at_m
        xy, depth = self._camera.project(self._camera.slide(places))
        for point, centre, near in zip(xy.tolist(), fixed_point(xy).tolist(), depth.tolist(), strict=True):
            if not any(cv2.pointPolygonTest(other.hull, point, False) > 0 for other in nearer):
                radius = max(0.6, size_m * self._camera.focal_px / near)
                cv2.circle(glow, centre, round(radius * (1 << SHIFT)), colour, -1, cv2.LINE_AA, SHIFT)
