"""People, cyclists and motorcyclists: bodies of round strokes, posed anew as they walk or pedal."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from stream.synth.camera import RoadCamera
from stream.synth.light import Colour, Daylight
from stream.synth.solids import SHIFT

POSES = 16  # of one cycle of steps or pedals

SKIN: tuple[Colour, ...] = ((120, 150, 205), (95, 125, 180), (60, 80, 120), (150, 180, 225))
CLOTH: tuple[Colour, ...] = (
    (40, 40, 160), (150, 80, 40), (60, 60, 60), (200, 200, 205), (60, 120, 60), (40, 150, 210), (120, 60, 120), (90, 90, 95),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = ((92, 62, 42), (48, 46, 46), (82, 80, 78), (60, 84, 106))
TYRE: Colour = (30, 30, 30)
METAL: Colour = (120, 120, 122)
MACHINE: tuple[Colour, ...] = ((38, 36, 36), (36, 32, 150), (130, 70, 34), (200, 200, 200), (40, 120, 200))


class Stroke(NamedTuple):
    """A line with round ends. points (n, 3) in body axes: x forward, y left, z up; radius in metres."""

    points: np.ndarray
    radius: float
    colour: Colour


def stroke(radius: float, colour: Colour, *points: tuple[float, float, float]) -> Stroke:
    return Stroke(np.array(points), radius, colour)


class Figure:
    """A posed body ready to draw for one heading.

    outline(phase) (P, 3): the points of the strokes, with their radii added above, below and aside, in road axes.
    """

    def __init__(self, kind: str, look: int, heading: int, light: Daylight) -> None:
        maker, self._stride_m = MAKERS[kind]
        turn = np.array([[0, heading, 0], [-heading, 0, 0], [0, 0, 1.0]])
        self._poses = [_Pose(maker(np.random.default_rng(look), i / POSES), turn, light) for i in range(POSES)]

    def _pose(self, phase: float) -> _Pose:
        return self._poses[int(phase / self._stride_m * POSES) % POSES]

    def outline(self, phase: float) -> np.ndarray:
        return self._pose(phase).outline

    def draw(self, canvas: np.ndarray, camera: RoadCamera, at_m: np.ndarray, phase: float) -> None:
        pose = self._pose(phase)
        xy, depth = camera.project(pose.points + at_m)
        fixed = np.round((xy - 0.5) * (1 << SHIFT)).astype(np.int32)
        order = sorted(range(len(pose.spans)), key=lambda i: -depth[slice(*pose.spans[i])].mean())
        for index in order:
            start, end = pose.spans[index]
            width = 2 * pose.radius[index] * camera.focal_px / depth[start]
            for share, colour, lift in ((1.0, pose.dark[index], 0.0), (0.55, pose.bright[index], 0.2)):
                if share < 1 and width < 5:
                    continue
                points = fixed[start:end] - (0, round(lift * width * (1 << SHIFT)))
                thickness = max(1, round(width * share))
                cv2.polylines(canvas, [points], False, colour, thickness, cv2.LINE_AA, SHIFT)


class _Pose:
    """Strokes as flat arrays, shaded: bright where the light comes from, dark elsewhere."""

    def __init__(self, strokes: list[Stroke], turn: np.ndarray, light: Daylight) -> None:
        self.points = np.concatenate([s.points for s in strokes]) @ turn
        ends = np.cumsum([len(s.points) for s in strokes])
        self.spans = [(int(e) - len(s.points), int(e)) for e, s in zip(ends, strokes, strict=True)]
        self.radius = [s.radius for s in strokes]
        colour = np.array([s.colour for s in strokes], float)
        up, side = np.tile([0.0, 0.0, 1.0], (len(strokes), 1)), np.tile([0.0, -1.0, 0.0], (len(strokes), 1))
        matt = np.zeros(len(strokes))
        self.bright = light.shade(colour, up, matt).tolist()
        self.dark = (light.shade(colour, side, matt) * 0.9).tolist()
        reach = np.repeat(self.radius, [len(s.points) for s in strokes])[:, None]
        self.outline = np.concatenate(
            [self.points + reach * np.array(way) for way in ((0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0))]
        )


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _pedestrian(rng: np.random.Generator, turn: float) -> list[Stroke]:
    coat, legs, skin, hair = _pick(rng, CLOTH), _pick(rng, TROUSERS), _pick(rng, SKIN), _pick(rng, TROUSERS)
    made: list[Stroke] = []
    for side, swing in ((1, np.sin(2 * np.pi * turn)), (-1, -np.sin(2 * np.pi * turn))):
        hip, foot = 0.10 * side, 0.36 * swing
        knee = 0.5 * foot + 0.08
        lift = 0.10 * max(0.0, float(np.cos(2 * np.pi * turn)) * side)
        made.append(stroke(0.085, legs, (0, hip, 0.90), (knee, hip, 0.50 + 0.5 * lift)))
        made.append(stroke(0.065, legs, (knee, hip, 0.50 + 0.5 * lift), (foot, hip, 0.09 + lift)))
        made.append(stroke(0.055, TYRE, (foot, hip, 0.06 + lift), (foot + 0.16, hip, 0.05 + lift)))
        elbow, hand = (-0.15 * swing, 0.27 * side, 1.12), (-0.3 * swing + 0.08, 0.25 * side, 0.90)
        made.append(stroke(0.055, coat, (0, 0.22 * side, 1.40), elbow, hand))
        made.append(stroke(0.05, skin, hand, hand))
    made.append(stroke(0.15, coat, (0, 0.07, 1.34), (0, 0.06, 0.98)))
    made.append(stroke(0.15, coat, (0, -0.07, 1.34), (0, -0.06, 0.98)))
    return [*made, *_head(0.02, 1.62, skin, hair)]


def _head(x: float, z: float, skin: Colour, hair: Colour) -> list[Stroke]:
    return [
        stroke(0.06, skin, (x, 0, z - 0.17), (x, 0, z - 0.08)),
        stroke(0.105, skin, (x + 0.015, 0, z - 0.02), (x + 0.01, 0, z + 0.03)),
        stroke(0.105, hair, (x - 0.025, 0, z + 0.03), (x - 0.02, 0, z + 0.07)),
    ]


def _wheel(x: float, radius: float, tyre: float) -> list[Stroke]:
    angle = np.linspace(0, 2 * np.pi, 17)
    rim = np.stack([x + (radius - tyre) * np.cos(angle), np.zeros(17), radius + (radius - tyre) * np.sin(angle)], 1)
    spokes = [
        stroke(0.006, METAL, (x, 0, radius), (x + radius * float(np.cos(a)), 0, radius + radius * float(np.sin(a))))
        for a in np.arange(6) * 1.05
    ]
    return [
        Stroke(rim, tyre, TYRE),
        *(spokes if tyre < 0.05 else [stroke(0.14, METAL, (x, 0, radius), (x, 0, radius))]),
    ]


def _bicycle(rng: np.random.Generator, turn: float) -> list[Stroke]:
    coat, legs, skin, helmet = _pick(rng, CLOTH), _pick(rng, TROUSERS), _pick(rng, SKIN), _pick(rng, CLOTH)
    frame = _pick(rng, MACHINE)
    made = [*_wheel(0.55, 0.35, 0.028), *_wheel(-0.50, 0.35, 0.028)]
    crank, saddle, head = (-0.05, 0.0, 0.30), (-0.20, 0.0, 0.92), (0.38, 0.0, 0.88)
    made += [
        stroke(0.024, frame, crank, (-0.18, 0, 0.85), (0.36, 0, 0.80), crank),
        stroke(0.016, frame, (-0.50, 0, 0.35), crank, (-0.50, 0, 0.35), (-0.18, 0, 0.80)),
        stroke(0.02, frame, (0.55, 0, 0.35), head, (0.36, 0, 1.02)),
        stroke(0.02, TYRE, (0.42, 0.27, 1.03), (0.36, 0, 1.04), (0.42, -0.27, 1.03)),
        stroke(0.045, TYRE, (-0.32, 0, 0.95), (-0.08, 0, 0.95)),
        stroke(0.03, (40, 36, 200), (-0.55, 0, 0.72), (-0.55, 0, 0.72)),
    ]
    for side in (1, -1):
        angle = 2 * np.pi * turn + (0 if side > 0 else np.pi)
        pedal = (-0.05 + 0.17 * float(np.cos(angle)), 0.11 * side, 0.30 - 0.17 * float(np.sin(angle)))
        knee = (0.5 * (saddle[0] + pedal[0]) + 0.26, 0.12 * side, 0.5 * (saddle[2] + pedal[2]) + 0.12)
        made.append(stroke(0.08, legs, (-0.18, 0.09 * side, 0.98), knee))
        made.append(stroke(0.058, legs, knee, pedal))
        made.append(stroke(0.045, TYRE, pedal, (pedal[0] + 0.14, pedal[1], pedal[2])))
        made.append(stroke(0.05, coat, (0.10, 0.20 * side, 1.44), (0.22, 0.27 * side, 1.22), (0.40, 0.25 * side, 1.07)))
        made.append(stroke(0.14, coat, (0.08, 0.07 * side, 1.40), (-0.16, 0.05 * side, 1.04)))
    return [*made, *_head(0.20, 1.68, skin, helmet)]


def _motorcycle(rng: np.random.Generator, turn: float) -> list[Stroke]:
    jacket, legs, helmet, paint = _pick(rng, CLOTH), _pick(rng, TROUSERS), _pick(rng, MACHINE), _pick(rng, MACHINE)
    made = [*_wheel(0.72, 0.31, 0.07), *_wheel(-0.68, 0.31, 0.085)]
    made += [
        stroke(0.05, METAL, (0.72, 0.09, 0.31), (0.50, 0.08, 0.85)),
        stroke(0.05, METAL, (0.72, -0.09, 0.31), (0.50, -0.08, 0.85)),
        stroke(0.06, paint, (0.90, 0, 0.60), (0.72, 0, 0.67), (0.52, 0, 0.62)),
        stroke(0.19, (56, 54, 54), (0.20, 0, 0.42), (-0.10, 0, 0.42)),
        stroke(0.07, METAL, (0.1, -0.2, 0.30), (-0.75, -0.2, 0.38)),
        stroke(0.05, TYRE, (-0.15, 0.1, 0.40), (-0.68, 0.1, 0.31)),
        stroke(0.16, paint, (0.34, 0, 0.84), (0.10, 0, 0.82)),
        stroke(0.12, TYRE, (0.0, 0, 0.78), (-0.50, 0, 0.80)),
        stroke(0.11, paint, (-0.45, 0, 0.76), (-0.85, 0, 0.84)),
        stroke(0.05, (36, 30, 200), (-0.93, 0, 0.80), (-0.93, 0, 0.80)),
        stroke(0.06, PLATE_GREY, (-0.95, 0.03, 0.60), (-0.95, -0.03, 0.60)),
        stroke(0.16, paint, (0.60, 0, 0.92), (0.56, 0, 0.98)),
        stroke(0.08, (235, 240, 240), (0.70, 0, 0.90), (0.70, 0, 0.90)),
        stroke(0.025, TYRE, (0.42, 0.36, 1.04), (0.50, 0, 1.02), (0.42, -0.36, 1.04)),
    ]
    for side in (1, -1):
        made.append(stroke(0.045, TYRE, (0.50, 0.30 * side, 1.18), (0.50, 0.36 * side, 1.20)))
        made.append(stroke(0.095, legs, (-0.22, 0.14 * side, 0.90), (0.20, 0.24 * side, 0.74)))
        made.append(stroke(0.07, legs, (0.20, 0.24 * side, 0.74), (-0.02, 0.23 * side, 0.36)))
        made.append(stroke(0.06, TYRE, (-0.04, 0.23 * side, 0.30), (0.14, 0.23 * side, 0.28)))
        made.append(
            stroke(0.065, jacket, (0.02, 0.23 * side, 1.38), (0.16, 0.34 * side, 1.14), (0.42, 0.31 * side, 1.06))
        )
        made.append(stroke(0.16, jacket, (-0.02, 0.09 * side, 1.34), (-0.22, 0.07 * side, 0.98)))
    made.append(stroke(0.145, helmet, (0.10, 0, 1.62), (0.09, 0, 1.66)))
    made.append(stroke(0.06, (40, 36, 34), (0.21, 0.06, 1.62), (0.21, -0.06, 1.62)))
    return made


PLATE_GREY: Colour = (215, 225, 225)

MAKERS: dict[str, tuple[Callable[[np.random.Generator, float], list[Stroke]], float]] = {
    "pedestrian": (_pedestrian, 1.4),
    "bicycle": (_bicycle, 5.2),
    "motorcycle": (_motorcycle, 1e9),
}
"""How a figure is posed from its looks and the turn of its cycle (0 to 1), and metres travelled in one cycle."""
