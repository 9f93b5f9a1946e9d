"""The place: sky, ground with its road, houses and trees. Painted once per clip."""

from __future__ import annotations

import cv2
import numpy as np

from stream.synth.camera import RoadCamera
from stream.synth.light import Colour, Daylight
from stream.synth.road import KERB_M, LANE_M, Road
from stream.synth.solids import SHIFT, Solid, box, patch, prism

WHITE_PAINT = np.array([214.0, 218.0, 218.0])
GRASS, EARTH = np.array([62.0, 112.0, 96.0]), np.array([84.0, 110.0, 124.0])
ASPHALT, PAVING, KERB_STONE = (
    np.array([112.0, 111.0, 110.0]),
    np.array([158.0, 164.0, 168.0]),
    np.array([182.0, 184.0, 184.0]),
)
FACADES: tuple[Colour, ...] = ((150, 176, 200), (120, 140, 178), (190, 198, 204), (110, 128, 150), (176, 186, 188))


def paint(camera: RoadCamera, road: Road, light: Daylight, seed: int) -> np.ndarray:
    """The empty place as the camera sees it: BGR u8 (H, W, 3)."""
    rng = np.random.default_rng([seed, 4])
    x_m, y_m = camera.ground()
    noise = _Noise(rng, camera, x_m, y_m)
    picture = _ground(road, x_m, y_m, noise, rng)
    picture *= light.sky + light.sun * float(light.to_sun[2])
    reach = np.where(np.isfinite(y_m), y_m, 1e4)[..., None]
    veil = 1 - np.exp(-np.maximum(reach - 20, 0) / 420)
    picture = picture * (1 - veil) + light.haze * veil
    above = ~np.isfinite(y_m)
    picture[above] = _sky(light, noise)[above]
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    _surroundings(canvas, camera, road, light, rng)
    return canvas


class _Noise:
    """Textures fixed to the ground, so that they shrink with distance; `fine` fades where a pixel holds many grains."""

    def __init__(self, rng: np.random.Generator, camera: RoadCamera, x_m: np.ndarray, y_m: np.ndarray) -> None:
        self._tile = rng.standard_normal((512, 512)).astype(np.float32)
        self._x, self._y = x_m, np.where(np.isfinite(y_m), y_m, 0)
        self.pixel_m = np.maximum(self._y, 1.0) / camera.focal_px

    def at(self, size_m: float) -> np.ndarray:
        """Smooth noise (H, W) of unit variance with grains of size_m metres."""
        column, row = (self._x / size_m).astype(np.float32) % 511, (self._y / size_m).astype(np.float32) % 511
        grain = cv2.remap(self._tile, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        return grain * 1.4 * np.minimum(1.0, size_m / (3 * self.pixel_m))


def _band(x_m: np.ndarray, middle: float, half: float, pixel_m: np.ndarray) -> np.ndarray:
    """1 inside a stripe along the road, 0 outside, soft over one pixel."""
    return np.clip((half - np.abs(x_m - middle)) / pixel_m + 0.5, 0, 1) * np.minimum(1, 2 * half / pixel_m)


def _ground(road: Road, x_m: np.ndarray, y_m: np.ndarray, noise: _Noise, rng: np.random.Generator) -> np.ndarray:
    y_m = np.where(np.isfinite(y_m), y_m, 0.0)
    across = np.abs(x_m)
    patchy = (noise.at(3.0) + noise.at(1.1) + 0.7 * noise.at(0.35))[..., None]
    mix = np.clip(0.25 + 0.3 * noise.at(6.0), 0, 0.8)[..., None]
    picture = (GRASS * (1 - mix) + EARTH * mix) * (1 + 0.09 * patchy)
    slabs = (np.abs((y_m % 0.9) - 0.45) > 0.43) | (np.abs((across % 0.87) - 0.43) > 0.41)
    joints = np.where(slabs, 1 - 0.22 * np.minimum(1, 0.04 / noise.pixel_m), 1.0)[..., None]
    paving = PAVING * joints * (1 + 0.03 * patchy)
    picture = _lay(picture, paving, np.clip((road.footway_x_m - across) / noise.pixel_m + 0.5, 0, 1))
    picture = _lay(
        picture,
        KERB_STONE * (1 + 0.02 * patchy),
        np.clip((road.kerb_x_m + KERB_M - across) / noise.pixel_m + 0.5, 0, 1),
    )
    picture = _lay(
        picture, _asphalt(road, x_m, y_m, noise, rng), np.clip((road.kerb_x_m - across) / noise.pixel_m + 0.5, 0, 1)
    )
    gutter = _band(across, road.kerb_x_m - 0.12, 0.14, noise.pixel_m)
    picture = _lay(picture, picture * 0.82, gutter)
    return _marks(picture, road, x_m, y_m, noise)


def _lay(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    return below + (above - below) * share[..., None]


def _asphalt(road: Road, x_m: np.ndarray, y_m: np.ndarray, noise: _Noise, rng: np.random.Generator) -> np.ndarray:
    """Grains, polished wheel tracks, oil between them, mended patches and tarred cracks."""
    tone = 1 + 0.030 * noise.at(0.12) + 0.022 * noise.at(0.5) + 0.025 * noise.at(4.0)
    inside = np.abs((np.abs(x_m) % LANE_M) - LANE_M / 2)
    tone += np.where(
        np.abs(x_m) < road.carriageway_m,
        0.05 * np.exp(-(((inside - 0.8) / 0.3) ** 2)) - 0.06 * np.exp(-((inside / 0.35) ** 2)),
        0.0,
    )
    for _ in range(9):
        left, near = rng.uniform(-road.kerb_x_m, road.kerb_x_m - 1), rng.uniform(10, 60)
        wide, long = rng.uniform(0.6, 2.4), rng.uniform(1, 7)
        mended = (x_m > left) & (x_m < left + wide) & (y_m > near) & (y_m < near + long)
        tone = np.where(mended, tone * rng.choice([0.84, 0.90, 1.07]), tone)
    for _ in range(14):
        start, way = rng.uniform(-road.kerb_x_m, road.kerb_x_m), rng.normal(0, 0.12)
        near, far = np.sort(rng.uniform(8, 80, 2))
        course = start + way * (y_m - near) + 0.25 * np.sin(y_m * 0.9 + start) + 0.06 * np.sin(y_m * 4.7)
        tone -= 0.20 * _band(x_m - course, 0, 0.03, noise.pixel_m) * ((y_m > near) & (y_m < far))
    for _ in range(6):  # manhole covers
        x, y = rng.uniform(-road.kerb_x_m + 1, road.kerb_x_m - 1), rng.uniform(12, 60)
        tone = np.where(np.hypot(x_m - x, y_m - y) < 0.36, tone * 0.78, tone)
    return ASPHALT * tone[..., None]


def _marks(picture: np.ndarray, road: Road, x_m: np.ndarray, y_m: np.ndarray, noise: _Noise) -> np.ndarray:
    worn = np.clip(0.86 + 0.10 * noise.at(0.3) + 0.06 * noise.at(2.0), 0.2, 1)
    share = sum(_band(x_m, side * 0.14, 0.06, noise.pixel_m) for side in (-1, 1))
    for side in (-1, 1):
        share = share + _band(x_m, side * road.carriageway_m, 0.07, noise.pixel_m)
        for lane in range(1, road.per_direction):
            dash = np.clip((1.5 - np.abs((y_m % 7.5) - 3)) / noise.pixel_m + 0.5, 0, 1)
            share = share + _band(x_m, side * lane * LANE_M, 0.07, noise.pixel_m) * dash
    return _lay(picture, np.broadcast_to(WHITE_PAINT, picture.shape), np.clip(share, 0, 1) * worn)


def _sky(light: Daylight, noise: _Noise) -> np.ndarray:
    height, width = noise.pixel_m.shape
    cloud = cv2.resize(noise._tile[:12, :20], (width, height), interpolation=cv2.INTER_CUBIC)
    return light.haze + 8 * cloud[..., None]


def _surroundings(
    canvas: np.ndarray, camera: RoadCamera, road: Road, light: Daylight, rng: np.random.Generator
) -> None:
    """Houses, trees, hedges and lamp posts beside the footways, the far ones first."""
    items: list[tuple[float, str, float]] = []
    for side in (-1.0, 1.0):
        items += [
            (float(y), "tree", side * (road.footway_x_m + rng.uniform(2.2, 5.5)))
            for y in np.arange(20, 170, 7) + rng.uniform(-2, 2, 22)
        ]
        items += [(float(y), "house", side * (road.footway_x_m + rng.uniform(13, 17))) for y in np.arange(24, 190, 17)]
        items += [(float(y), "post", side * (road.footway_x_m + 0.5)) for y in np.arange(16, 150, 28)]
        items += [
            (float(y), "bush", side * (road.footway_x_m + rng.uniform(0.9, 2.0))) for y in rng.uniform(13, 120, 16)
        ]
    for y, what, x in sorted(items, reverse=True):
        if what == "house":
            _house(canvas, camera, (x, y), light, rng)
        elif what == "post":
            _post(canvas, camera, (x, y), light)
        else:
            _tree(canvas, camera, (x, y), what == "bush", light, rng)


def _fade(light: Daylight, y_m: float) -> tuple[float, np.ndarray]:
    """How much haze lies over a thing y_m metres away, and its colour."""
    return 1 - float(np.exp(-max(y_m - 20, 0) / 420)), light.haze


def _house(
    canvas: np.ndarray, camera: RoadCamera, at: tuple[float, float], light: Daylight, rng: np.random.Generator
) -> None:
    colour = FACADES[int(rng.integers(len(FACADES)))]
    depth, half, top = rng.uniform(9, 14) / 2, rng.uniform(4, 6), rng.uniform(6, 11)
    hull = prism(box(depth, -depth, 0, top, half), colour)
    faces = [*hull.faces]
    for wall in (hull.bands[0], hull.bands[2]):
        faces += [
            patch(wall, (u, u + 0.12), (v, v + 0.16), (70, 64, 58), 0.5)
            for u in np.arange(0.08, 0.9, 0.22)
            for v in np.arange(0.12, 0.8, 0.3)
        ]
    for side in (hull.left, hull.right):
        a, b, c, d = side.points
        wall = side._replace(points=np.stack([a, d, c, b]))
        faces += [
            patch(wall, (u, u + 0.1), (v, v + 0.16), (70, 64, 58), 0.5)
            for u in np.arange(0.06, 0.9, 0.2)
            for v in np.arange(0.12, 0.8, 0.3)
        ]
    Solid([faces], 1, light).draw(canvas, camera, np.array([at[0], at[1], 0.0]), _fade(light, at[1]))


def _post(canvas: np.ndarray, camera: RoadCamera, at: tuple[float, float], light: Daylight) -> None:
    inward = -np.sign(at[0])
    points = np.array([(at[0], at[1], 0), (at[0], at[1], 7.5), (at[0] + 1.6 * inward, at[1], 8.0)])
    xy, depth = camera.project(points)
    width = max(1, round(0.14 * camera.focal_px / float(depth[0])))
    fixed = np.round((xy - 0.5) * (1 << SHIFT)).astype(np.int32)
    colour = light.shade(np.array([[120.0, 122.0, 122.0]]), np.array([[0, -1.0, 0]]), np.zeros(1))[0].tolist()
    cv2.polylines(canvas, [fixed], False, colour, width, cv2.LINE_AA, SHIFT)


def _tree(
    canvas: np.ndarray,
    camera: RoadCamera,
    at: tuple[float, float],
    low: bool,
    light: Daylight,
    rng: np.random.Generator,
) -> None:
    """A crown of leaf clumps, lit from the sun's side, over its shadow; low: a bush."""
    size, trunk = (rng.uniform(0.5, 0.9), 0.3) if low else (rng.uniform(1.5, 2.3), rng.uniform(2.2, 3.2))
    count = 90 if low else 420
    where = rng.standard_normal((count, 3))
    where *= (rng.uniform(0.4, 1, count) ** 0.5 / np.linalg.norm(where, axis=1))[:, None]
    clumps = where * size * (1, 1, 1.25) + (at[0], at[1], trunk + size)
    _tree_shadow(canvas, camera, clumps, light)
    xy, depth = camera.project(np.vstack([clumps, [(at[0], at[1], 0), (at[0], at[1], trunk + 0.5)]]))
    fixed = np.round((xy - 0.5) * (1 << SHIFT)).astype(np.int32)
    stem = max(1, round(0.25 * camera.focal_px / float(depth[-1])))
    cv2.line(canvas, fixed[-2].tolist(), fixed[-1].tolist(), (46, 56, 66), stem, cv2.LINE_AA, SHIFT)
    hue = np.array([48.0, 98.0, 76.0]) * rng.uniform(0.75, 1.15) * rng.uniform(0.85, 1.15, 3)
    lit = 0.45 + 0.55 * np.clip(0.35 + 0.65 * where @ light.to_sun + 0.25 * where[:, 2], 0, 1)
    tint = hue * (lit * rng.uniform(0.7, 1.25, count))[:, None] * (light.sky + light.sun)
    fade, haze = _fade(light, at[1])
    tint = np.clip(tint * (1 - fade) + haze * fade, 0, 255)
    radius = np.maximum(1, rng.uniform(0.06, 0.17, count) * size * camera.focal_px / depth[:count])
    for index in np.argsort(-depth[:count]):
        cv2.circle(
            canvas,
            fixed[index].tolist(),
            round(float(radius[index]) * (1 << SHIFT)),
            tint[index].tolist(),
            -1,
            cv2.LINE_AA,
            SHIFT,
        )


def _tree_shadow(canvas: np.ndarray, camera: RoadCamera, clumps: np.ndarray, light: Daylight) -> None:
    cast = clumps - light.to_sun * (clumps[:, 2:] / light.to_sun[2]) if light.to_sun[2] > 0.3 else clumps * (1, 1, 0)
    if cast[:, 1].min() < 4:
        return
    xy, depth = camera.project(cast)
    mask = np.zeros(canvas.shape[:2], np.uint8)
    for (x, y), near in zip(xy, depth, strict=True):
        cv2.circle(
            mask, (round(float(x)), round(float(y))), max(1, round(0.3 * camera.focal_px / float(near))), 255, -1
        )
    x, y, w, h = cv2.boundingRect(mask)
    if w and h:
        area = canvas[y : y + h, x : x + w]
        share = cv2.blur(mask[y : y + h, x : x + w], (5, 5))[..., None] * (light.shadow / 255)
        area[:] = (area * (1 - share)).astype(np.uint8)
