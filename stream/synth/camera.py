"""A pinhole camera on a mast, beside a straight road or before a junction.

Road axes, metres: x to the right, y away from the camera (along a straight road), z up; the mast stands at y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

NEAREST_M = 2.0
"""Points nearer than this (along y) are slid to it. They are below the picture, and because every edge of a body
runs along or across the road, sliding changes nothing that can be seen. It keeps all depths positive."""


@dataclass(frozen=True, slots=True, eq=False)
class RoadCamera:
    """position_m (3,) in road axes; rotation (3, 3) rows: right, down, forward of the camera; focal length in px."""

    width: int
    height: int
    focal_px: float
    position_m: np.ndarray
    rotation: np.ndarray

    def project(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (N, 3) in metres -> pixels (N, 2) and depth (N,) in metres. A pixel i covers i to i + 1."""
        seen = (points_m - self.position_m) @ self.rotation.T
        depth = seen[:, 2]
        return seen[:, :2] * (self.focal_px / depth[:, None]) + (self.width / 2, self.height / 2), depth

    def slide(self, points_m: np.ndarray) -> np.ndarray:
        """The points with those too near slid along the road to where they can be projected."""
        if points_m[:, 1].min() >= NEAREST_M:
            return points_m
        moved = points_m.copy()
        np.maximum(moved[:, 1], NEAREST_M, out=moved[:, 1])
        return moved

    def ground(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel's ray meets the ground: x and y in metres, each (H, W); y is inf above the horizon."""
        column, row = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        ray = np.stack(
            [(column - self.width / 2) / self.focal_px, (row - self.height / 2) / self.focal_px, np.ones_like(row)], -1
        )
        ray = ray @ self.rotation
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(ray[..., 2] < -1e-6, -self.position_m[2] / ray[..., 2], np.inf)
            x_m = np.where(np.isfinite(reach), self.position_m[0] + reach * ray[..., 0], 0.0)
            y_m = np.where(np.isfinite(reach), self.position_m[1] + reach * ray[..., 1], np.inf)
        return x_m, y_m

    def scaled(self, factor: int) -> RoadCamera:
        """The same view with `factor` times the pixels on each side."""
        return replace(self, width=self.width * factor, height=self.height * factor, focal_px=self.focal_px * factor)


def mast_camera(size: tuple[int, int], seed: int, half_road_m: float) -> RoadCamera:
    """A camera of the kind that hangs on a bridge or a mast, aimed along the road; height, side and aim by seed.

    The zoom fits the road: a narrow one is seen larger. The top of the picture is just below the horizon.
    """
    rng = np.random.default_rng([seed, 1])
    width, height = size
    side_m = rng.choice([-1.0, 1.0]) * rng.uniform(0.55, 0.85) * half_road_m
    yaw = np.arctan2(-side_m, rng.uniform(25, 29))  # at the middle of the road, where its lines can be
    focal_px = min(width, height * 16 / 9) * rng.uniform(1.14, 1.24) * (8.0 / half_road_m) ** 0.7
    pitch = np.deg2rad(rng.uniform(2.7, 4.2)) + np.arctan2(height / 2, focal_px)
    position = np.array([side_m, 0.0, rng.uniform(6.8, 7.6)])
    return _aimed(size, float(focal_px), position, float(yaw), float(pitch))


def junction_camera(size: tuple[int, int], seed: int) -> RoadCamera:
    """A camera that sees a whole junction: higher, with a wider lens, at the corner of two arms or over one of them."""
    rng = np.random.default_rng([seed, 1])
    focal_px = float(min(size[0], size[1] * 16 / 9) * rng.uniform(0.64, 0.70))
    pitch = np.deg2rad(rng.uniform(1.0, 3.0)) + np.arctan2(size[1] / 2, focal_px)
    return _aimed(size, focal_px, np.array([0.0, 0.0, rng.uniform(9.0, 11.5)]), 0.0, float(pitch))


def _aimed(size: tuple[int, int], focal_px: float, position: np.ndarray, yaw: float, pitch: float) -> RoadCamera:
    """yaw: to the right of y, pitch: below the horizon; radians."""
    forward = np.array([np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
    return RoadCamera(*size, focal_px, position, np.stack([right, np.cross(forward, right), forward]))
