"""The shapes of people on foot, on bicycles and on motorcycles. x = 0 is the middle of the body; metres, BGR."""

from __future__ import annotations

import numpy as np

from stream.synth.figures import Maker, Stroke, stroke
from stream.synth.light import Colour

SKIN: tuple[Colour, ...] = ((120, 150, 205), (95, 125, 180), (60, 80, 120), (150, 180, 225))
CLOTH: tuple[Colour, ...] = (
    (52, 50, 120), (110, 74, 52), (58, 58, 58), (196, 198, 204), (70, 92, 70), (92, 130, 160), (96, 70, 96),
    (92, 92, 97), (44, 44, 46),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = ((92, 66, 48), (48, 46, 46), (82, 80, 78), (72, 88, 104))
HELMET: tuple[Colour, ...] = ((38, 36, 36), (40, 36, 150), (200, 200, 200), (60, 130, 200))
MACHINE: tuple[Colour, ...] = ((38, 36, 36), (36, 32, 160), (140, 74, 34), (205, 205, 205), (44, 120, 190))
BLACK: Colour = (28, 27, 27)
METAL: Colour = (126, 126, 128)
AMBER: Colour = (40, 150, 240)
RED: Colour = (36, 30, 205)
WHITE: Colour = (240, 246, 246)


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def pedestrian(rng: np.random.Generator, turn: float) -> list[Stroke]:
    """A person walking; one turn is two steps."""
    coat, legs, skin, hair = _pick(rng, CLOTH), _pick(rng, TROUSERS), _pick(rng, SKIN), _pick(rng, TROUSERS)
    made: list[Stroke] = []
    for side in (1, -1):
        swing = side * float(np.sin(2 * np.pi * turn))
        lift = 0.10 * max(0.0, float(np.cos(2 * np.pi * turn)) * side)
        hip, foot = 0.10 * side, 0.36 * swing
        knee = (0.5 * foot + 0.08, hip, 0.50 + 0.5 * lift)
        made.append(stroke(0.085, legs, (0, hip, 0.90), knee))
        made.append(stroke(0.065, legs, knee, (foot, hip, 0.09 + lift)))
        made.append(stroke(0.055, BLACK, (foot, hip, 0.06 + lift), (foot + 0.16, hip, 0.05 + lift)))
        elbow, hand = (-0.15 * swing, 0.27 * side, 1.12), (-0.3 * swing + 0.08, 0.25 * side, 0.90)
        made.append(stroke(0.055, coat, (0, 0.21 * side, 1.40), elbow, hand))
        made.append(stroke(0.05, skin, hand))
    return [*made, *_torso(coat, (0, 1.36), (0, 0.98)), *_head(0.02, 1.62, skin, hair)]


def _torso(coat: Colour, shoulders: tuple[float, float], hips: tuple[float, float]) -> list[Stroke]:
    """From the shoulders to the hips, each given as (x, z)."""
    (x, z), (hip_x, hip_z) = shoulders, hips
    return [
        stroke(0.09, coat, (x, 0.15, z + 0.04), (x, -0.15, z + 0.04)),
        stroke(0.165, coat, (x, 0, z - 0.06), (hip_x, 0, hip_z + 0.04)),
    ]


def _head(x: float, z: float, skin: Colour, hair: Colour) -> list[Stroke]:
    return [
        stroke(0.06, skin, (x, 0, z - 0.17), (x, 0, z - 0.08)),
        stroke(0.105, skin, (x + 0.015, 0, z - 0.02), (x + 0.01, 0, z + 0.03)),
        stroke(0.105, hair, (x - 0.025, 0, z + 0.03), (x - 0.02, 0, z + 0.07)),
    ]


def _wheel(x: float, radius: float, tyre: float, spokes: int) -> list[Stroke]:
    """A tyre with spokes, or, without spokes, with a solid disc inside."""
    angle = np.linspace(0, 2 * np.pi, 17)
    rim = np.stack([x + (radius - tyre) * np.cos(angle), np.zeros(17), radius + (radius - tyre) * np.sin(angle)], 1)
    made = [Stroke(rim, tyre, BLACK)]
    for way in np.arange(spokes) * (2 * np.pi / max(1, spokes)):
        end = (x + radius * float(np.cos(way)), 0.0, radius + radius * float(np.sin(way)))
        made.append(stroke(0.010, METAL, (x, 0, radius), end))
    return made if spokes else [*made, stroke(0.13, METAL, (x, 0, radius))]


def bicycle(rng: np.random.Generator, turn: float) -> list[Stroke]:
    """A bicycle and who rides it; one turn is one turn of the pedals."""
    coat, legs, skin, helmet = _pick(rng, CLOTH), _pick(rng, TROUSERS), _pick(rng, SKIN), _pick(rng, HELMET)
    paint, crank, stem = _pick(rng, MACHINE), (-0.05, 0.0, 0.30), (0.36, 0.0, 1.02)
    made = [*_wheel(0.58, 0.36, 0.024, 8), *_wheel(-0.54, 0.36, 0.024, 8)]
    made += [
        stroke(0.028, paint, crank, (-0.20, 0, 0.85), (0.36, 0, 0.82), crank),
        stroke(0.018, paint, (-0.54, 0, 0.36), crank, (-0.54, 0, 0.36), (-0.20, 0, 0.80)),
        stroke(0.024, paint, (0.58, 0, 0.36), (0.40, 0, 0.88), stem),
        stroke(0.022, BLACK, (0.46, 0.30, 1.02), stem, (0.46, -0.30, 1.02)),
        stroke(0.05, BLACK, (-0.34, 0, 0.95), (-0.08, 0, 0.95)),
        stroke(0.03, BLACK, (-0.86, 0, 0.62), (-0.70, 0, 0.72), (-0.40, 0, 0.74)),
        stroke(0.035, RED, (-0.62, 0, 0.80)),
        stroke(0.04, WHITE, (0.52, 0, 0.92)),
    ]
    for side in (1, -1):
        angle = 2 * np.pi * turn + (0 if side > 0 else np.pi)
        pedal = (-0.05 + 0.17 * float(np.cos(angle)), 0.12 * side, 0.30 - 0.17 * float(np.sin(angle)))
        knee = (0.5 * (pedal[0] - 0.20) + 0.26, 0.13 * side, 0.5 * (pedal[2] + 0.92) + 0.12)
        made.append(stroke(0.078, legs, (-0.20, 0.09 * side, 0.98), knee))
        made.append(stroke(0.055, legs, knee, pedal))
        made.append(stroke(0.045, BLACK, pedal, (pedal[0] + 0.14, pedal[1], pedal[2])))
        made.append(stroke(0.05, coat, (0.12, 0.19 * side, 1.40), (0.26, 0.27 * side, 1.20), (0.44, 0.27 * side, 1.06)))
    return [*made, *_torso(coat, (0.10, 1.36), (-0.20, 1.0)), *_head(0.24, 1.60, skin, helmet)]


def motorcycle(rng: np.random.Generator, turn: float) -> list[Stroke]:
    """A motorcycle and who rides it; it looks the same at every turn."""
    jacket, legs, helmet, paint = _pick(rng, CLOTH), _pick(rng, TROUSERS), _pick(rng, HELMET), _pick(rng, MACHINE)
    made = [*_wheel(0.78, 0.33, 0.09, 0), *_wheel(-0.74, 0.33, 0.11, 0)]
    made += [
        stroke(0.11, paint, (0.98, 0, 0.62), (0.78, 0, 0.70), (0.56, 0, 0.64)),
        stroke(0.22, (60, 58, 58), (0.22, 0, 0.46), (-0.14, 0, 0.46)),
        stroke(0.05, BLACK, (-0.15, 0.12, 0.42), (-0.74, 0.12, 0.33)),
        stroke(0.085, METAL, (0.1, -0.24, 0.32), (-0.82, -0.26, 0.44)),
        stroke(0.20, paint, (0.36, 0, 0.86), (0.08, 0, 0.82)),
        stroke(0.14, BLACK, (0.0, 0, 0.80), (-0.54, 0, 0.84)),
        stroke(0.15, paint, (-0.46, 0, 0.78), (-0.86, 0, 0.86)),
        stroke(0.07, RED, (-0.97, 0.05, 0.84), (-0.97, -0.05, 0.84)),
        stroke(0.07, (215, 225, 225), (-1.0, 0.05, 0.62), (-1.0, -0.05, 0.62)),
        stroke(0.19, paint, (0.62, 0.07, 0.94), (0.62, -0.07, 0.94)),
        stroke(0.11, WHITE, (0.80, 0.05, 0.92), (0.80, -0.05, 0.92)),
        stroke(0.16, (120, 112, 104), (0.58, 0.04, 1.14), (0.58, -0.04, 1.14)),
        stroke(0.028, BLACK, (0.44, 0.42, 1.05), (0.52, 0, 1.03), (0.44, -0.42, 1.05)),
    ]
    if rng.random() < 0.4:  # a top box
        made.append(stroke(0.22, _pick(rng, MACHINE), (-0.80, 0.04, 1.10), (-0.80, -0.04, 1.10)))
    for side in (1, -1):
        made.append(stroke(0.055, METAL, (0.78, 0.12 * side, 0.33), (0.56, 0.11 * side, 0.85)))
        made.append(stroke(0.06, BLACK, (0.50, 0.38 * side, 1.20), (0.50, 0.46 * side, 1.22)))
        made.append(stroke(0.05, AMBER, (0.66, 0.28 * side, 0.88)))
        made.append(stroke(0.095, legs, (-0.24, 0.14 * side, 0.88), (0.20, 0.27 * side, 0.76)))
        made.append(stroke(0.075, legs, (0.20, 0.27 * side, 0.76), (-0.04, 0.27 * side, 0.38)))
        made.append(stroke(0.06, BLACK, (-0.06, 0.27 * side, 0.32), (0.12, 0.27 * side, 0.30)))
        made.append(
            stroke(0.065, jacket, (0.04, 0.22 * side, 1.34), (0.18, 0.36 * side, 1.14), (0.44, 0.36 * side, 1.06))
        )
    made += _torso(jacket, (0.02, 1.30), (-0.24, 0.98))
    return [
        *made,
        stroke(0.145, helmet, (0.12, 0, 1.52), (0.11, 0, 1.56)),
        stroke(0.06, BLACK, (0.23, 0.06, 1.53), (0.23, -0.06, 1.53)),
    ]


FIGURES: dict[str, tuple[Maker, float]] = {
    "pedestrian": (pedestrian, 1.4),
    "bicycle": (bicycle, 5.2),
    "motorcycle": (motorcycle, 1e9),
}
"""How a figure is posed, and metres travelled in one cycle."""
