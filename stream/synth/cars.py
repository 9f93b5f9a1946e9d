"""The shapes of cars and vans. The middle of the body is x = 0, its front at + length / 2."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stream.synth.bodywork import (
    CHROME,
    DARK,
    GLASS,
    GLEAM,
    PLATE,
    RED_LAMP,
    WHITE_LAMP,
    Part,
    chassis,
    pair,
    pick,
    scaled,
    side_panes,
    trim,
    tyres,
    wheels,
)
from stream.synth.light import Colour
from stream.synth.solids import Prism, both_sides, prism

PAINT: tuple[Colour, ...] = (
    (240, 240, 238), (236, 236, 234), (182, 180, 178), (178, 176, 174), (116, 114, 112), (104, 102, 100), (48, 46, 45),
    (44, 43, 43), (132, 74, 36), (156, 102, 54), (44, 38, 176), (38, 32, 130), (104, 128, 158), (74, 102, 64),
)  # fmt: skip
VAN_PAINT: tuple[Colour, ...] = ((240, 240, 238), (236, 236, 234), (182, 180, 178), (132, 74, 36), (90, 88, 86))


class Shape(NamedTuple):
    """Metres; then the shares of the length, from the front, at which the windscreen begins, the roof begins, the
    roof ends and the rear window ends; the height of the rear deck."""

    length: float
    width: float
    height: float
    cowl: float
    roof: float
    roof_end: float
    glass_end: float
    deck: float


SHAPES = {
    "hatchback": Shape(4.0, 1.76, 1.48, 0.25, 0.43, 0.86, 0.97, 0.96),
    "sedan": Shape(4.6, 1.82, 1.45, 0.28, 0.45, 0.69, 0.84, 0.98),
    "estate": Shape(4.7, 1.83, 1.50, 0.27, 0.43, 0.89, 0.98, 0.97),
    "suv": Shape(4.5, 1.88, 1.68, 0.25, 0.41, 0.88, 0.97, 1.08),
    "van": Shape(4.9, 1.92, 1.96, 0.16, 0.33, 0.94, 0.99, 1.12),
}

FRONT = (
    (0, (0.12, 0.88), (0.10, 0.80), DARK, 0.0),
    (1, (0.26, 0.74), (0.35, 0.90), DARK, 0.0),
    (1, (0.38, 0.62), (0.02, 0.30), PLATE, 0.0),
    (1, (0.28, 0.72), (0.66, 0.72), CHROME, 0.3),
    (1, (0.46, 0.54), (0.50, 0.84), CHROME, 0.3),
    *pair(1, (0.02, 0.24), (0.44, 0.96), WHITE_LAMP, 0.3),
)
REAR = (
    (-2, (0.36, 0.64), (0.44, 0.70), PLATE, 0.0),
    *pair(-2, (0.0, 0.20), (0.14, 0.52), RED_LAMP, 0.1),
    (-2, (0.46, 0.54), (0.12, 0.26), CHROME, 0.3),
    (-1, (0.06, 0.94), (0.55, 1.0), DARK, 0.0),
)


def car(kind: str, rng: np.random.Generator) -> list[Part]:
    """A car or van of the given shape, painted by chance: one part."""
    shape, paint = SHAPES[kind], pick(rng, VAN_PAINT if kind == "van" else PAINT)
    w, front = shape.width / 2, shape.length / 2
    cowl, roof, roof_end, glass_end = (front - share * shape.length for share in shape[3:7])
    belt = 0.64 * shape.height if kind != "van" else 1.10
    hull, cabin = (
        _hull(shape, paint, (cowl, glass_end, belt)),
        _cabin(shape, paint, (cowl, roof, roof_end, glass_end), belt),
    )
    flank = [(front - 0.1, 0.66), (cowl, belt - 0.03), (glass_end, shape.deck - 0.05), (0.1 - front, 0.68)]
    sill = [(front - 0.5, 0.24), (front - 0.5, 0.34), (0.4 - front, 0.34), (0.4 - front, 0.24)]
    seam = [(0.1, 0.3), (0.07, belt), (0.1, belt), (0.13, 0.3)]
    axles = (front - 0.19 * shape.length, 0.20 * shape.length - front)
    return [
        [
            *chassis(front, -front, w),
            *tyres(axles, w - 0.2, (0.11, 0.5)),
            *hull.faces,
            *both_sides(flank, w * 0.985, paint, 0.45),
            *both_sides(seam, w * 0.99, scaled(paint, 0.6)),
            *both_sides(sill, w * 0.99, DARK),
            *wheels(axles, 0.32, w),
            *trim(hull, (*FRONT, *REAR, (3, (0.14, 0.86), (0.05, 0.95), paint, 0.42))),
            *_mirrors(cowl, belt, w),
            *cabin.faces,
            *_glazing(cabin, paint),
        ]
    ]


def _hull(shape: Shape, paint: Colour, at: tuple[float, float, float]) -> Prism:
    """Bumper, bonnet, belt line and boot."""
    cowl, glass_end, belt = at
    w, front, deck = shape.width / 2, shape.length / 2, shape.deck
    return prism(
        (
            (front - 0.06, 0.24, w * 0.86), (front, 0.42, w * 0.90), (front - 0.05, 0.70, w * 0.90),
            (front - 0.30, 0.80, w * 0.94), (cowl, belt, w * 0.98), (glass_end, deck, w * 0.97),
            (0.06 - front, deck - 0.04, w * 0.93), (-front, 0.52, w * 0.92), (0.08 - front, 0.26, w * 0.88),
        ),
        paint, 0.3,
    )  # fmt: skip


def _cabin(shape: Shape, paint: Colour, at: tuple[float, float, float, float], belt: float) -> Prism:
    """Windscreen, roof and rear window over the belt line."""
    cowl, roof, roof_end, glass_end = at
    w, height, deck = shape.width / 2, shape.height, shape.deck
    return prism(
        (
            (cowl, belt - 0.02, w * 0.93), (roof, height, w * 0.76),
            (roof_end, height - 0.03, w * 0.74), (glass_end, deck - 0.02, w * 0.90),
        ),
        paint, 0.3,
    )  # fmt: skip


def _mirrors(cowl: float, belt: float, w: float) -> Part:
    made: Part = []
    for side in (1.0, -1.0):
        mirror = prism(
            ((cowl - 0.35, belt, 0.12), (cowl - 0.35, belt + 0.15, 0.12), (cowl - 0.5, belt + 0.15, 0.12)), DARK
        )
        made += [face._replace(points=np.add(face.points, (0, side * (w + 0.03), 0))) for face in mirror.faces]
    return made


def _glazing(cabin: Prism, paint: Colour) -> Part:
    """Windscreen, rear window, side windows with pillars between them, and the gleam of the roof."""
    panes = [pane for wall in (cabin.left, cabin.right) for pane in side_panes(wall, ((0.10, 0.47), (0.51, 0.86)))]
    rows = (
        (0, (0.06, 0.94), (0.08, 0.93), GLASS, 0.75),
        (0, (0.10, 0.52), (0.5, 0.9), GLEAM, 0.8),
        (2, (0.09, 0.91), (0.10, 0.78), GLASS, 0.55),
        (2, (0.12, 0.88), (0.12, 0.32), GLEAM, 0.6),
        (1, (0.10, 0.90), (0.06, 0.94), paint, 0.5),
    )
    return [*panes, *trim(cabin, rows)]
