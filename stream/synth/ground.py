"""The ground as the camera sees it: grass, footways, kerbs, asphalt with its wear, and the marks on it."""

from __future__ import annotations

import cv2
import numpy as np

from stream.synth.camera import RoadCamera
from stream.synth.road import KERB_M, LANE_M, Road

# BGR of a surface under full light
GRASS, EARTH = np.array([62, 112, 96], np.float32), np.array([84, 110, 124], np.float32)
ASPHALT, PAVING = np.array([130, 129, 127], np.float32), np.array([158, 164, 168], np.float32)
KERB_STONE, WHITE_PAINT = np.array([182, 184, 184], np.float32), np.array([222, 226, 226], np.float32)
TILE = 511  # grains of noise, after which it repeats


class Ground:
    """Where each pixel looks on the ground. x_m, y_m, pixel_m f32 (H, W); above the horizon y_m is 0."""

    def __init__(self, camera: RoadCamera, rng: np.random.Generator) -> None:
        self.x_m, y_m = (axis.astype(np.float32) for axis in camera.ground())
        self.sky = ~np.isfinite(y_m)
        self.y_m = np.where(self.sky, np.float32(0), y_m)
        self.pixel_m = np.maximum(self.y_m, 1.0) / camera.focal_px
        self._tile = rng.standard_normal((TILE + 1, TILE + 1)).astype(np.float32)
        self._tile[TILE], self._tile[:, TILE] = self._tile[0], self._tile[:, 0]  # no seam where the tile repeats

    def noise(self, size_m: float) -> np.ndarray:
        """Smooth noise (H, W) of about unit variance, fixed to the ground, with grains of size_m metres; it fades
        where a pixel holds many grains."""
        column, row = ((axis / size_m) % TILE for axis in (self.x_m, self.y_m))
        grain = cv2.remap(self._tile, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return grain * 1.4 * np.minimum(1.0, size_m / (3 * self.pixel_m))

    def soft(self, inside_m: np.ndarray) -> np.ndarray:
        """1 where inside_m (H, W) is positive, 0 where it is negative, soft over one pixel."""
        return np.clip(inside_m / self.pixel_m + 0.5, 0, 1)

    def inside(self, half_m: float) -> np.ndarray:
        """1 up to half_m from the middle of the road, 0 beyond, soft over one pixel."""
        return self.soft(half_m - np.abs(self.x_m))

    def stripe(self, middle_m: float | np.ndarray, half_m: float) -> np.ndarray:
        """1 on a stripe along the road, 0 beside it, soft over one pixel and faint where thinner than one."""
        edge = np.clip((half_m - np.abs(self.x_m - middle_m)) / self.pixel_m + 0.5, 0, 1)
        return edge * np.minimum(1, 2 * half_m / self.pixel_m)


def road_surface(ground: Ground, road: Road, rng: np.random.Generator) -> np.ndarray:
    """BGR f32 (H, W, 3) of the ground under full light."""
    patchy = _patchy(ground)
    picture = grass(ground)
    picture = lay(picture, PAVING * _slabs(ground) * (1 + 0.03 * patchy), ground.inside(road.footway_x_m))
    picture = lay(picture, KERB_STONE * (1 + 0.02 * patchy), ground.inside(road.kerb_x_m + KERB_M))
    asphalt = ASPHALT * (_wear(ground, road) * _repairs(ground, road, rng))[..., None]
    picture = lay(picture, asphalt, ground.inside(road.kerb_x_m))
    gutter = sum(ground.stripe(side * (road.kerb_x_m - 0.12), 0.14) for side in (-1, 1))
    picture = lay(picture, picture * 0.82, np.asarray(gutter))
    return lay(picture, np.broadcast_to(WHITE_PAINT, picture.shape), _marks(ground, road))


def grass(ground: Ground) -> np.ndarray:
    """BGR f32 (H, W, 3) of a meadow, dry in places."""
    dry = np.clip(0.25 + 0.3 * ground.noise(6.0), 0, 0.8)[..., None]
    return (GRASS * (1 - dry) + EARTH * dry) * (1 + 0.09 * _patchy(ground))


def _patchy(ground: Ground) -> np.ndarray:
    return (ground.noise(3.0) + ground.noise(1.1) + 0.7 * ground.noise(0.35))[..., None]


def lay(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    """One surface (H, W, 3) over another where share (H, W) is 1, mixed where it is less."""
    return below + (above - below) * share[..., None]


def _slabs(ground: Ground) -> np.ndarray:
    """Joints between paving stones, (H, W, 1)."""
    across = np.abs((np.abs(ground.x_m) % 0.87) - 0.435) > 0.41
    along = np.abs((ground.y_m % 0.9) - 0.45) > 0.43
    return np.where(along | across, 1 - 0.22 * np.minimum(1, 0.04 / ground.pixel_m), 1.0)[..., None]


def _wear(ground: Ground, road: Road) -> np.ndarray:
    """Grains, wheel tracks polished light, and oil dark between them."""
    tone = 1 + 0.030 * ground.noise(0.12) + 0.022 * ground.noise(0.5) + 0.025 * ground.noise(4.0)
    aside = np.abs((np.abs(ground.x_m) % LANE_M) - LANE_M / 2)
    tracks = 0.05 * np.exp(-(((aside - 0.8) / 0.3) ** 2)) - 0.06 * np.exp(-((aside / 0.35) ** 2))
    return tone + tracks * (np.abs(ground.x_m) < road.carriageway_m)


def _repairs(ground: Ground, road: Road, rng: np.random.Generator) -> np.ndarray:
    """Mended patches, tarred cracks and manhole covers: a factor (H, W)."""
    tone, x_m, y_m = np.ones_like(ground.x_m), ground.x_m, ground.y_m
    for _ in range(9):
        left, near = rng.uniform(-road.kerb_x_m, road.kerb_x_m - 1), rng.uniform(10, 60)
        wide, long = rng.uniform(0.6, 2.4), rng.uniform(1, 7)
        mended = (x_m > left) & (x_m < left + wide) & (y_m > near) & (y_m < near + long)
        tone[mended] *= rng.choice([0.84, 0.90, 1.07])
    for _ in range(8):
        start, way = rng.uniform(-road.kerb_x_m, road.kerb_x_m), rng.normal(0, 0.12)
        near, far = sorted(rng.uniform(8, 80, 2).tolist())
        course = start + way * (y_m - near) + 0.25 * np.sin(y_m * 0.9 + start) + 0.06 * np.sin(y_m * 4.7)
        tone -= 0.16 * ground.stripe(course, 0.02) * ((y_m > near) & (y_m < far))
    for _ in range(6):
        x, y = rng.uniform(-road.kerb_x_m + 1, road.kerb_x_m - 1), rng.uniform(12, 60)
        tone[np.hypot(x_m - x, y_m - y) < 0.36] *= 0.78
    return tone


def _marks(ground: Ground, road: Road) -> np.ndarray:
    """Where the road is painted white, 0 to 1: a double line in the middle, dashes between lanes, cycle lanes."""
    worn = np.clip(0.86 + 0.10 * ground.noise(0.3) + 0.06 * ground.noise(2.0), 0.2, 1)
    dash = np.clip((1.5 - np.abs((ground.y_m % 7.5) - 3)) / ground.pixel_m + 0.5, 0, 1)
    share = np.zeros_like(worn)
    for side in (-1, 1):
        share += ground.stripe(side * 0.14, 0.06) + ground.stripe(side * road.carriageway_m, 0.07)
        for lane in range(1, road.per_direction):
            share += ground.stripe(side * lane * LANE_M, 0.07) * dash
    return np.clip(share, 0, 1) * worn
