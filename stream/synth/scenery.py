"""The empty place: sky, ground, and the houses, trees and lamp posts beside the road. Painted once per clip."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stream.synth.bodywork import side_panes
from stream.synth.camera import RoadCamera
from stream.synth.ground import Ground
from stream.synth.light import Colour, Daylight
from stream.synth.site import Site
from stream.synth.solids import SHIFT, Haze, Solid, Stance, box, fixed_point, patch, prism

FACADES: tuple[Colour, ...] = ((150, 176, 200), (120, 140, 178), (190, 198, 204), (110, 128, 150), (176, 186, 188))
PANE: Colour = (70, 64, 58)
BARK: Colour = (46, 56, 66)
LEAF = np.array([48.0, 98.0, 76.0])
ZINC = np.array([[120.0, 122.0, 122.0]])

Place = tuple[float, float]  # x and y in road axes, metres


def paint(camera: RoadCamera, site: Site, light: Daylight, seed: int) -> np.ndarray:
    """The empty place as the camera sees it: BGR u8 (H, W, 3)."""
    rng = np.random.default_rng([seed, 4])
    ground = Ground(camera, rng)
    full = (light.sky + light.sun * float(light.to_sun[2])).astype(np.float32)
    picture = site.surface(ground, rng) * full
    veil = light.veil(ground.y_m)[..., None]
    picture += (light.haze.astype(np.float32) - picture) * veil
    cloud = cv2.resize(rng.standard_normal((12, 20)), (camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
    picture[ground.sky] = (light.haze + 8 * cloud[..., None])[ground.sky]
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    _Roadside(canvas, camera, light, rng).paint(site)
    return canvas


@dataclass(frozen=True, slots=True, eq=False)
class _Roadside:
    """Paints what stands beside the road."""

    canvas: np.ndarray
    camera: RoadCamera
    light: Daylight
    rng: np.random.Generator

    def paint(self, site: Site) -> None:
        """Everything, the far things first."""
        brush = {"tree": self._tree, "bush": self._bush, "house": self._house, "post": self._post}
        for y, what, x in sorted(site.things(self.rng), reverse=True):
            brush[what]((float(x), float(y)))

    def _house(self, at: Place) -> None:
        rng = self.rng
        colour = FACADES[int(rng.integers(len(FACADES)))]
        depth, half, top = rng.uniform(9, 14) / 2, rng.uniform(4, 6), rng.uniform(6, 11)
        hull = prism(box(depth, -depth, 0, top, half), colour)
        faces = hull.faces
        for low in (0.12, 0.42, 0.72):
            for left in np.arange(0.08, 0.9, 0.22).tolist():
                span, height = (left, left + 0.12), (low, low + 0.16)
                faces += [patch(wall, span, height, PANE, 0.5) for wall in (hull.bands[0], hull.bands[2])]
                faces += [pane for wall in (hull.left, hull.right) for pane in side_panes(wall, [span], height)]
        haze = Haze(float(self.light.veil(at[1])), self.light.haze)
        stance = Stance(np.array([*at, 0.0]), (0.0, 1.0), 0.0)
        Solid([faces], self.light).draw(self.canvas, self.camera, stance, haze)

    def _post(self, at: Place) -> None:
        arm = at[0] - 1.6 * np.sign(at[0])
        xy, depth = self.camera.project(np.array([(*at, 0.0), (*at, 7.5), (arm, at[1], 8.0)]))
        width = max(1, round(0.14 * self.camera.focal_px / float(depth[0])))
        colour = self.light.shade(ZINC, np.array([[0, -1.0, 0]]), np.zeros(1))[0].tolist()
        cv2.polylines(self.canvas, [fixed_point(xy)], False, colour, width, cv2.LINE_AA, SHIFT)

    def _bush(self, at: Place) -> None:
        self._leaves(at, 0.3, self.rng.uniform(0.5, 0.9), 90)

    def _tree(self, at: Place) -> None:
        trunk, size = self.rng.uniform(2.2, 3.2), self.rng.uniform(1.5, 2.3)
        xy, depth = self.camera.project(np.array([(*at, 0.0), (*at, trunk + 0.5)]))
        stem = max(1, round(0.25 * self.camera.focal_px / float(depth[0])))
        self._leaves(at, trunk, size, 420)
        # over the leaves' shadow, and hidden by the leaves again: they are few in front of it
        cv2.polylines(self.canvas, [fixed_point(xy)], False, BARK, stem, cv2.LINE_AA, SHIFT)

    def _leaves(self, at: Place, trunk: float, size: float, count: int) -> None:
        """A crown of leaf clumps lit from the sun's side, and its shadow on the ground."""
        rng, light = self.rng, self.light
        where = rng.standard_normal((count, 3))
        where *= (rng.uniform(0.4, 1, count) ** 0.5 / np.linalg.norm(where, axis=1))[:, None]
        clumps = where * size * (1, 1, 1.25) + (*at, trunk + size)
        self._shadow(clumps)
        xy, depth = self.camera.project(clumps)
        hue = LEAF * rng.uniform(0.75, 1.15) * rng.uniform(0.85, 1.15, 3)
        lit = 0.45 + 0.55 * np.clip(0.35 + 0.65 * where @ light.to_sun + 0.25 * where[:, 2], 0, 1)
        tint = hue * (lit * rng.uniform(0.7, 1.25, count))[:, None] * (light.sky + light.sun)
        colours = np.clip(Haze(float(light.veil(at[1])), light.haze).over(tint), 0, 255).tolist()
        radius = np.maximum(1, rng.uniform(0.06, 0.17, count) * size * self.camera.focal_px / depth)
        radii, centres = fixed_point(radius + 0.5).tolist(), fixed_point(xy).tolist()
        for index in np.argsort(-depth).tolist():
            cv2.circle(self.canvas, centres[index], radii[index], colours[index], -1, cv2.LINE_AA, SHIFT)

    def _shadow(self, clumps: np.ndarray) -> None:
        cast = self.light.cast(clumps)
        if cast[:, 1].min() < 4:
            return
        xy, depth = self.camera.project(cast)
        mask = np.zeros(self.canvas.shape[:2], np.uint8)
        for (x, y), near in zip(xy.round().astype(int).tolist(), depth.tolist(), strict=True):
            cv2.circle(mask, (x, y), max(1, round(0.3 * self.camera.focal_px / near)), 255, -1)
        x, y, w, h = cv2.boundingRect(mask)
        if w and h:
            area = self.canvas[y : y + h, x : x + w]
            share = cv2.blur(mask[y : y + h, x : x + w], (5, 5))[..., None] * (self.light.shadow / 255)
            area[:] = (area * (1 - share)).astype(np.uint8)
