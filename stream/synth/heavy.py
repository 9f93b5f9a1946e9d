"""The shapes of buses and trucks. The middle of the body is x = 0, its front at + length / 2."""

from __future__ import annotations

import numpy as np

from stream.synth.bodywork import (
    AMBER,
    CHROME,
    DARK,
    GLASS,
    GLEAM,
    GREY,
    PLATE,
    RED_LAMP,
    WHITE_LAMP,
    Part,
    chassis,
    pair,
    pick,
    scaled,
    trim,
    tyres,
    wheels,
)
from stream.synth.light import Colour
from stream.synth.solids import Face, both_sides, box, prism

BUS_PAINT: tuple[Colour, ...] = ((40, 40, 190), (190, 110, 40), (60, 160, 230), (225, 228, 230), (90, 150, 60))
CARGO_PAINT: tuple[Colour, ...] = ((238, 238, 236), (232, 234, 232), (214, 214, 208), (170, 110, 50), (60, 70, 190))
CAB_PAINT: tuple[Colour, ...] = ((236, 236, 234), (170, 80, 30), (40, 36, 170), (60, 150, 90), (110, 108, 106))
EARTH: Colour = (70, 96, 122)
FRAME_OF_DOORS = (
    ((0.0, 1.0), (0.0, 0.02)),
    ((0.0, 1.0), (0.965, 1.0)),
    ((0.0, 0.02), (0.0, 1.0)),
    ((0.98, 1.0), (0.0, 1.0)),
)

BUS_TRIM = (
    (1, (0.04, 0.96), (0.02, 0.97), GLASS, 0.5),
    (1, (0.08, 0.46), (0.5, 0.9), GLEAM, 0.5),
    (1, (0.495, 0.505), (0.02, 0.97), DARK, 0.0),
    (2, (0.1, 0.9), (0.1, 0.85), (30, 30, 30), 0.0),
    (2, (0.2, 0.8), (0.3, 0.65), AMBER, 0.0),
    (0, (0.3, 0.7), (0.55, 0.85), GREY, 0.0),
    (0, (0.0, 1.0), (0.0, 0.22), DARK, 0.0),
    (0, (0.4, 0.6), (0.25, 0.42), PLATE, 0.0),
    *pair(0, (0.04, 0.2), (0.35, 0.72), WHITE_LAMP, 0.3),
    (4, (0.15, 0.85), (0.25, 0.75), (30, 30, 30), 0.0),
    (5, (0.12, 0.88), (0.05, 0.42), GLASS, 0.5),
    (5, (0.15, 0.85), (0.55, 0.82), GREY, 0.0),
    *pair(5, (0.02, 0.12), (0.5, 0.74), RED_LAMP),
    (5, (0.42, 0.58), (0.85, 0.93), PLATE, 0.0),
    (5, (0.0, 1.0), (0.94, 1.0), DARK, 0.0),
)
CAB_TRIM = (
    (2, (0.07, 0.93), (0.25, 0.86), GLASS, 0.6),
    (2, (0.1, 0.46), (0.5, 0.82), GLEAM, 0.6),
    (1, (0.16, 0.84), (0.12, 0.85), DARK, 0.0),
    (1, (0.2, 0.8), (0.3, 0.36), CHROME, 0.2),
    (1, (0.2, 0.8), (0.55, 0.61), CHROME, 0.2),
    (0, (0.0, 1.0), (0.0, 1.0), (60, 58, 58), 0.0),
    (0, (0.4, 0.6), (0.3, 0.7), PLATE, 0.0),
    *pair(1, (0.02, 0.16), (0.02, 0.24), WHITE_LAMP, 0.3),
)


def bus(rng: np.random.Generator) -> list[Part]:
    """A city bus: one part."""
    paint, w, front, top = pick(rng, BUS_PAINT), 1.27, 5.75, 3.1
    hull = prism(
        (
            (front - 0.02, 0.3, w), (front, 0.95, w), (front - 0.12, 2.62, w), (front - 0.25, top, w * 0.97),
            (0.12 - front, top, w * 0.97), (-front, 2.5, w), (-front, 0.32, w),
        ),
        paint, 0.2,
    )  # fmt: skip
    hatches = [(3, (0.3, 0.7), (at, at + 0.07), scaled(paint, 0.8), 0.0) for at in (0.1, 0.5, 0.88)]
    units = [prism(box(a, b, top, top + 0.16, 0.75), (200, 200, 200)).faces for a, b in ((2.8, 0.9), (-1.8, -3.4))]
    axles = (front - 2.7, 3.2 - front)
    return [
        [
            *chassis(front, -front, w),
            *tyres(axles, w - 0.2, (0.15, 0.6)),
            *hull.faces,
            *_bus_flanks(front, w),
            *trim(hull, (*BUS_TRIM, *hatches)),
            *wheels(axles, 0.5, w * 1.004),
            *[face for unit in units for face in unit],
        ]
    ]


def _bus_flanks(front: float, w: float) -> Part:
    """Side windows, a stripe, the dark skirt, and two doors on the kerb side."""
    made = both_sides([(front, 1.05), (front, 1.2), (-front, 1.2), (-front, 1.05)], w * 1.002, (225, 225, 225))
    made += both_sides(
        [(front - 0.1, 0.3), (front - 0.1, 0.5), (0.1 - front, 0.5), (0.1 - front, 0.32)], w * 1.002, DARK
    )
    for start in np.arange(front - 0.35, -front + 1, -1.42).tolist():
        end = max(start - 1.30, 0.3 - front)
        made += both_sides([(start, 1.35), (start, 2.55), (end, 2.55), (end, 1.35)], w * 1.002, GLASS, 0.45)
    for start in (front - 0.35, 0.6):
        outline = [(start, 0.4), (start, 2.5), (start - 1.15, 2.5), (start - 1.15, 0.4)]
        made.append(both_sides(outline, w * 1.004, (44, 40, 38), 0.4)[1])
    return made


def truck(kind: str, rng: np.random.Generator) -> list[Part]:
    """A lorry with a box or an open tipper, or a tractor with a trailer: the load, then the cab in front of it."""
    paint, cargo = pick(rng, CAB_PAINT), pick(rng, CARGO_PAINT)
    if kind == "articulated":
        return [_load((4.75, -7.25), 1.25, 3.85, cargo, 3), _cab(7.25, 1.18, paint, 2.85)]
    if rng.random() < 0.4:
        return [_tipper((1.5, -4.1), 1.22, paint), _cab(4.1, 1.08, paint, 2.5)]
    return [_load((1.6, -4.1), 1.22, 3.35, cargo, 1), _cab(4.1, 1.02, paint, 2.35)]


def _frame(ends: tuple[float, float], w: float, axles: list[float]) -> Part:
    """Beams, tyres and wheels below a load, with the bar of lamps at the rear."""
    front, rear = ends
    bar = prism(box(rear + 0.12, rear, 0.70, 0.95, w * 0.94), (90, 88, 88))
    guard = [(front - 0.9, 0.5), (front - 0.9, 0.95), (axles[-1] + 0.8, 0.95), (axles[-1] + 0.8, 0.5)]
    lamps = (*pair(2, (0.02, 0.18), (0.15, 0.85), RED_LAMP), (2, (0.42, 0.58), (0.15, 0.85), PLATE, 0.0))
    return [
        *prism(box(front, rear + 0.1, 0.6, 1.15, w * 0.5), DARK).faces,
        *tyres(axles, w - 0.3, (0.28, 0.96)),
        *bar.faces,
        *trim(bar, lamps),
        *both_sides(guard, w * 0.98, GREY),
        *wheels(tuple(axles), 0.48, w * 0.985),
    ]


def _load(ends: tuple[float, float], w: float, top: float, colour: Colour, axle_count: int) -> Part:
    """A box with rear doors, over one axle or three."""
    front, rear = ends
    hull = prism(box(front, rear, 1.25, top, w), colour, 0.08)
    rims = [(2, u, v, scaled(colour, 0.62), 0.0) for u, v in FRAME_OF_DOORS]
    axles = [rear + 1.4 + 1.25 * i for i in range(axle_count)]
    return [
        *_frame(ends, w, axles),
        *hull.faces,
        *trim(hull, rims),
    ]


def _tipper(ends: tuple[float, float], w: float, colour: Colour) -> Part:
    """An open steel body heaped with earth."""
    front, rear = ends
    hull = prism(box(front, rear, 1.05, 2.3, w), scaled(colour, 0.9), 0.05)
    heap = prism(
        ((front - 0.3, 2.25, w * 0.8), (front - 1.4, 2.75, 0.4), (rear + 1.2, 2.7, 0.4), (rear + 0.3, 2.25, w * 0.8)),
        EARTH,
    )
    posts = [(2, u, (0.0, 1.0), scaled(colour, 0.6), 0.0) for u in ((0.0, 0.04), (0.3, 0.33), (0.67, 0.7), (0.96, 1.0))]
    side_posts: Part = []
    for x in np.linspace(front - 0.05, rear + 0.15, 6).tolist():
        side_posts += both_sides(
            [(x, 1.05), (x, 2.3), (x - 0.12, 2.3), (x - 0.12, 1.05)], w * 1.004, scaled(colour, 0.65)
        )
    inner = (1, (0.04, 0.96), (0.02, 0.98), scaled(EARTH, 0.7), 0.0)
    return [
        *_frame(ends, w, [rear + 1.2, rear + 2.5]),
        *hull.faces,
        *side_posts,
        *trim(hull, (*posts, inner)),
        *heap.faces,
    ]


def _cab(front: float, w: float, paint: Colour, roof: float) -> Part:
    """The driver's cab."""
    hull = prism(
        (
            (front - 0.03, 0.4, w), (front, 0.7, w), (front - 0.03, 1.5, w), (front - 0.28, roof - 0.2, w * 0.94),
            (front - 0.5, roof, w * 0.90), (front - 2.0, roof, w * 0.90), (front - 2.05, 0.9, w),
        ),
        paint, 0.2,
    )  # fmt: skip
    door = [(front - 0.3, 1.55), (front - 0.48, roof - 0.35), (front - 1.25, roof - 0.35), (front - 1.25, 1.55)]
    return [
        *tyres((front - 1.15,), w - 0.2, (0.15, 0.9)),
        *prism(box(front - 0.2, front - 2.2, 0.35, 1.0, w * 0.85), DARK).faces,
        *hull.faces,
        *both_sides(door, w * 1.004, GLASS, 0.45),
        *trim(hull, CAB_TRIM),
        *_cab_mirrors(front, w, roof),
        *wheels((front - 1.15,), 0.48, w * 1.002),
    ]


def _cab_mirrors(front: float, w: float, roof: float) -> Part:
    made: list[Face] = []
    for side in (1.0, -1.0):
        mirror = prism(box(front - 0.1, front - 0.25, roof - 0.95, roof - 0.35, 0.12), DARK)
        made += [face._replace(points=np.add(face.points, (0, side * (w + 0.16), 0))) for face in mirror.faces]
    return made
