"""Bodies of round strokes, posed anew as they walk or pedal: drawing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from stream.synth.camera import RoadCamera
from stream.synth.light import Colour, Daylight
from stream.synth.solids import SHIFT, Haze, Stance, fixed_point

POSES = 16  # of one cycle of steps or pedals
THINNEST = 0.8  # px: a line is drawn with one at least, and many that are thinner would make a disc of a wheel
WAYS = ((0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0))


class Stroke(NamedTuple):
    """A line with round ends. points (n, 3) in body axes: x forward, y left, z up; radius in metres."""

    points: np.ndarray
    radius: float
    colour: Colour


def stroke(radius: float, colour: Colour, *points: tuple[float, float, float]) -> Stroke:
    """A stroke through the given points; one point gives a ball."""
    return Stroke(np.array(points if len(points) > 1 else (*points, *points)), radius, colour)


Maker = Callable[[np.random.Generator, float], list[Stroke]]
"""From a figure's looks and the turn of its cycle (0 to 1) to its strokes."""


class Figure:
    """A posed body; stride_m is travelled in one cycle of poses."""

    def __init__(self, pose: Maker, stride_m: float, look: int, light: Daylight) -> None:
        self._stride_m = stride_m
        self._poses = [_Pose(pose(np.random.default_rng(look), i / POSES), light) for i in range(POSES)]

    def outline(self, stance: Stance) -> np.ndarray:
        """(P, 3) points of the strokes with their radii added above, below and aside, in road axes."""
        pose = self._pose(stance.phase)
        points = pose.points @ stance.turn + stance.at_m
        reach = np.repeat(pose.radius, pose.counts)[:, None]
        return np.concatenate([points + reach * np.array(way) for way in WAYS])

    def _pose(self, phase: float) -> _Pose:
        return self._poses[int(phase / self._stride_m * POSES) % POSES]

    def draw(self, canvas: np.ndarray, camera: RoadCamera, stance: Stance, haze: Haze) -> None:
        """Paint the strokes, the far ones first; wide ones get a brighter upper half."""
        pose = self._pose(stance.phase)
        xy, depth = camera.project(pose.points @ stance.turn + stance.at_m)
        fixed = fixed_point(xy)
        far = np.add.reduceat(depth, pose.starts) / pose.counts
        width = (2 * camera.focal_px / far) * pose.radius
        dark, bright = haze.over(pose.dark).tolist(), haze.over(pose.bright).tolist()
        for index in np.argsort(-far):
            if width[index] < THINNEST:  # spokes from afar
                continue
            points = fixed[pose.starts[index] : pose.starts[index] + pose.counts[index]]
            cv2.polylines(canvas, [points], False, dark[index], max(1, round(width[index])), cv2.LINE_AA, SHIFT)
            if width[index] >= 5:
                points = points - (0, round(0.2 * width[index] * (1 << SHIFT)))
                thickness = round(0.55 * width[index])
                cv2.polylines(canvas, [points], False, bright[index], thickness, cv2.LINE_AA, SHIFT)


class _Pose:
    """Strokes as flat arrays, shaded: bright where the light comes from, dark elsewhere."""

    def __init__(self, strokes: list[Stroke], light: Daylight) -> None:
        self.points = np.concatenate([s.points for s in strokes])
        self.counts = np.array([len(s.points) for s in strokes])
        self.starts = np.cumsum(self.counts) - self.counts
        self.radius = np.array([s.radius for s in strokes])
        colour, matt = np.array([s.colour for s in strokes], float), np.zeros(len(strokes))
        up, side = np.tile([0.0, 0.0, 1.0], (len(strokes), 1)), np.tile([0.0, -1.0, 0.0], (len(strokes), 1))
        self.bright = light.shade(colour, up, matt)
        self.dark = light.shade(colour, side, matt) * 0.9
