"""The shapes of cars, vans, buses and trucks. Sizes in metres, colours BGR; the middle of the body is x = 0."""

from __future__ import annotations

import numpy as np

from stream.synth.light import Colour
from stream.synth.solids import Face, Prism, Profile, both_sides, box, disc, face, patch, prism

Part = list[Face]

DARK: Colour = (26, 25, 25)
RUBBER: Colour = (34, 33, 33)
GLASS: Colour = (52, 46, 40)
CHROME: Colour = (188, 188, 188)
WHITE_LAMP: Colour = (235, 240, 240)
RED_LAMP: Colour = (38, 30, 190)
AMBER: Colour = (30, 130, 235)
PLATE: Colour = (215, 225, 225)

CAR_PAINT: tuple[Colour, ...] = (
    (236, 236, 234), (236, 236, 234), (178, 176, 174), (178, 176, 174), (112, 110, 108), (112, 110, 108),
    (48, 46, 45), (48, 46, 45), (130, 72, 34), (150, 98, 52), (40, 34, 168), (36, 30, 120), (96, 120, 150), (70, 100, 60),
)  # fmt: skip
BUS_PAINT: tuple[Colour, ...] = ((40, 40, 190), (190, 110, 40), (60, 160, 230), (225, 228, 230), (90, 150, 60))
CARGO_PAINT: tuple[Colour, ...] = ((232, 232, 230), (225, 228, 226), (205, 205, 200), (170, 110, 50), (60, 70, 190))
CAB_PAINT: tuple[Colour, ...] = ((230, 230, 228), (170, 80, 30), (40, 36, 170), (50, 150, 200), (110, 108, 106))

# name: length, width, height, then where (share of the length from the front) the windscreen starts, the roof starts,
# the roof ends, the rear window ends, and the height of the rear deck
CARS = {
    "hatchback": (4.0, 1.76, 1.48, 0.25, 0.42, 0.86, 0.97, 0.96),
    "sedan": (4.6, 1.82, 1.45, 0.28, 0.44, 0.69, 0.84, 0.98),
    "estate": (4.7, 1.83, 1.50, 0.27, 0.42, 0.89, 0.98, 0.97),
    "suv": (4.5, 1.88, 1.68, 0.25, 0.40, 0.88, 0.97, 1.08),
}


def parts(kind: str, look: int) -> list[Part]:
    """The parts of a vehicle from the rear to the front; `look` seeds its colours."""
    rng = np.random.default_rng(look)
    if kind in CARS:
        return [_car(kind, _pick(rng, CAR_PAINT))]
    if kind == "van":
        return [_van(_pick(rng, (*CAR_PAINT[:4], CAR_PAINT[0], CAR_PAINT[8])))]
    if kind == "bus":
        return [_bus(_pick(rng, BUS_PAINT))]
    if kind == "lorry":
        return _truck(8.2, 2.3, _pick(rng, CAB_PAINT), _pick(rng, CARGO_PAINT))
    return _truck(14.5, 2.5, _pick(rng, CAB_PAINT), _pick(rng, CARGO_PAINT))


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    blue, green, red = np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.92, 1.06)
    return min(blue, 250.0), min(green, 250.0), min(red, 250.0)


def _car(kind: str, paint: Colour) -> Part:
    length, width, height, cowl, roof, roof_end, glass_end, deck = CARS[kind]
    at = [length * (0.5 - share) for share in (0, cowl, roof, roof_end, glass_end, 1)]
    front, w, belt = at[0], width / 2, 0.64 * height
    hull = prism(
        (
            (front - 0.06, 0.24, w * 0.86), (front, 0.42, w * 0.90), (front - 0.05, 0.70, w * 0.90),
            (front - 0.30, 0.80, w * 0.94), (at[1], belt, w * 0.98), (at[4], deck, w * 0.97),
            (at[5] + 0.06, deck - 0.04, w * 0.93), (at[5], 0.52, w * 0.92), (at[5] + 0.08, 0.26, w * 0.88),
        ),
        paint, 0.3,
    )  # fmt: skip
    cabin = prism(
        (
            (at[1], belt - 0.02, w * 0.93), (at[2], height, w * 0.76),
            (at[3], height - 0.03, w * 0.74), (at[4], deck - 0.02, w * 0.90),
        ),
        paint, 0.3,
    )  # fmt: skip
    wheels = _wheels((0.31 * length, -0.30 * length), 0.32, w)
    flanks = both_sides(
        [(front - 0.1, 0.66), (at[1], belt - 0.03), (at[4], deck - 0.05), (at[5] + 0.1, 0.68)], w * 0.985, paint, 0.45
    )
    seam = both_sides([(0.1, 0.3), (0.07, belt), (0.1, belt), (0.13, 0.3)], w * 0.99, _dim(paint, 0.6))
    sills = both_sides(
        [(front - 0.5, 0.24), (front - 0.5, 0.34), (at[5] + 0.4, 0.34), (at[5] + 0.4, 0.24)], w * 0.99, DARK
    )
    trim = [*_car_front(hull), *_car_rear(hull), patch(hull.bands[3], (0.14, 0.86), (0.05, 0.95), paint, 0.42)]
    return [
        *_under(front, at[5], w),
        *hull.faces,
        *flanks,
        *seam,
        *sills,
        *wheels,
        *trim,
        *cabin.faces,
        *_glazing(cabin, paint),
    ]


def _under(front: float, rear: float, w: float) -> Part:
    """The dark below a car: chassis and the tyres seen from the front or the rear."""
    tyres = [prism(box(x + 0.25, x - 0.25, 0.0, 0.5, 0.11), RUBBER) for x in (front - 0.75, rear + 0.8)]
    moved = [f._replace(points=f.points + (0, y, 0)) for t in tyres for y in (w - 0.2, 0.2 - w) for f in t.faces]
    return [*prism(box(front - 0.15, rear + 0.12, 0.14, 0.5, w * 0.84), DARK).faces, *moved]


def _car_front(hull: Prism) -> Part:
    bumper, nose = hull.bands[0], hull.bands[1]
    lamps = [patch(nose, u, (0.42, 0.94), WHITE_LAMP, 0.3) for u in ((0.02, 0.25), (0.75, 0.98))]
    return [
        patch(bumper, (0.14, 0.86), (0.1, 0.8), DARK),
        patch(nose, (0.28, 0.72), (0.35, 0.85), DARK),
        patch(nose, (0.38, 0.62), (0.0, 0.30), PLATE),
        patch(nose, (0.46, 0.54), (0.45, 0.75), CHROME),
        *lamps,
    ]


def _car_rear(hull: Prism) -> Part:
    gate, bumper = hull.bands[-2], hull.bands[-1]
    lamps = [patch(gate, u, (0.12, 0.52), RED_LAMP, 0.1) for u in ((0.0, 0.2), (0.8, 1.0))]
    return [
        patch(gate, (0.36, 0.64), (0.42, 0.68), PLATE),
        patch(gate, (0.02, 0.98), (0.86, 1.0), DARK),
        patch(bumper, (0.1, 0.9), (0.35, 1.0), DARK),
        *lamps,
    ]


def _glazing(cabin: Prism, paint: Colour) -> Part:
    """Windscreen, rear window, side windows with a pillar, and the gleam of the roof."""
    screen, roof, rear = cabin.bands
    panes = [patch(screen, (0.06, 0.94), (0.08, 0.93), GLASS, 0.75), patch(rear, (0.09, 0.91), (0.1, 0.78), GLASS, 0.7)]
    gleam = patch(screen, (0.1, 0.5), (0.5, 0.9), (74, 68, 62), 0.8)
    for side in (cabin.left, cabin.right):
        a, b, c, d = side.points  # base front, roof front, roof rear, base rear
        wall = side._replace(points=np.stack([a, d, c, b]))
        panes += [patch(wall, u, (0.14, 0.88), GLASS, 0.5) for u in ((0.10, 0.47), (0.51, 0.86))]
    return [*panes, gleam, patch(roof, (0.1, 0.9), (0.06, 0.94), paint, 0.5)]


def _wheels(at_x: tuple[float, ...], radius: float, w: float) -> Part:
    made: Part = []
    for x in at_x:
        made += both_sides(disc(x, radius * 1.04, radius * 1.2), w * 0.993, DARK)
        made += both_sides(disc(x, radius, radius), w, RUBBER)
        made += both_sides(disc(x, radius, radius * 0.62, 10), w * 1.004, (142, 142, 142), 0.2)
        made += both_sides(disc(x, radius, radius * 0.2, 6), w * 1.006, (70, 70, 70))
    return made


def _van(paint: Colour) -> Part:
    w, front, rear, top = 0.98, 2.7, -2.7, 2.35
    hull = prism(
        (
            (front - 0.05, 0.28, w * 0.9), (front, 0.5, w * 0.93), (front - 0.08, 0.98, w * 0.93),
            (front - 0.75, 1.22, w * 0.97), (front - 1.5, 2.1, w * 0.88), (front - 1.95, top, w * 0.84),
            (rear + 0.08, top, w * 0.84), (rear, 1.3, w * 0.98), (rear, 0.36, w * 0.95),
        ),
        paint, 0.25,
    )  # fmt: skip
    screen, upper, lower = hull.bands[3], hull.bands[6], hull.bands[7]
    cab = both_sides(
        [(front - 0.95, 1.22), (front - 1.55, 1.98), (front - 2.3, 1.98), (front - 2.3, 1.22)], w * 0.985, GLASS, 0.5
    )
    rows = [(front - 2.55, front - 3.7), (front - 3.85, rear + 0.35)]
    cargo = [
        f for a, b in rows for f in both_sides([(a, 1.25), (a, 1.98), (b, 1.98), (b, 1.25)], w * 0.985, GLASS, 0.45)
    ]
    trim = [
        patch(screen, (0.07, 0.93), (0.08, 0.96), GLASS, 0.75),
        patch(hull.bands[0], (0.05, 0.95), (0.0, 1.0), DARK),
        patch(hull.bands[1], (0.26, 0.74), (0.25, 0.8), DARK),
        patch(hull.bands[1], (0.38, 0.62), (0.0, 0.2), PLATE),
        *[patch(hull.bands[1], u, (0.5, 0.95), WHITE_LAMP, 0.3) for u in ((0.02, 0.22), (0.78, 0.98))],
        *[patch(upper, u, (0.18, 0.9), GLASS, 0.6) for u in ((0.08, 0.47), (0.53, 0.92))],
        *[patch(lower, u, (0.08, 0.5), RED_LAMP) for u in ((0.0, 0.1), (0.9, 1.0))],
        patch(lower, (0.36, 0.64), (0.3, 0.45), PLATE),
        patch(lower, (0.0, 1.0), (0.85, 1.0), DARK),
        patch(lower, (0.495, 0.505), (0.0, 0.85), _dim(paint, 0.5)),
    ]
    return [*_under(front, rear, w), *hull.faces, *cab, *cargo, *trim, *_wheels((1.75, -1.7), 0.35, w)]


def _bus(paint: Colour) -> Part:
    w, front, rear, top = 1.27, 5.75, -5.75, 3.1
    hull = prism(
        (
            (front - 0.02, 0.3, w), (front, 0.95, w), (front - 0.12, 2.62, w), (front - 0.25, top, w * 0.97),
            (rear + 0.12, top, w * 0.97), (rear, 2.5, w), (rear, 0.32, w),
        ),
        paint, 0.2,
    )  # fmt: skip
    nose, screen, sign, roof, top_rear, back = hull.bands
    pitch, posts = 1.42, [front - 0.35 - 1.42 * i for i in range(8)]
    windows = [
        f for x in posts for f in both_sides(
            [(x, 1.35), (x, 2.55), (max(x - pitch + 0.12, rear + 0.3), 2.55), (max(x - pitch + 0.12, rear + 0.3), 1.35)], w * 1.002, GLASS, 0.45
        )
    ]  # fmt: skip
    skirt = both_sides([(front - 0.1, 0.3), (front - 0.1, 0.5), (rear + 0.1, 0.5), (rear + 0.1, 0.32)], w * 1.002, DARK)
    stripe = both_sides([(front, 1.05), (front, 1.2), (rear, 1.2), (rear, 1.05)], w * 1.002, (225, 225, 225))
    doors = [
        Face(
            np.array([(x, -w * 1.004, z) for x, z in ((a, 0.4), (a, 2.5), (a - 1.15, 2.5), (a - 1.15, 0.4))]),
            np.array([0, -1.0, 0]),
            (44, 40, 38),
            0.4,
        )
        for a in (front - 0.35, 0.6)
    ]
    units = [prism(box(a, b, top, top + 0.16, 0.75), (200, 200, 200)).faces for a, b in ((2.8, 0.9), (-1.8, -3.4))]
    hatches = [patch(roof, (0.3, 0.7), (a, a + 0.07), _dim(paint, 0.8)) for a in (0.1, 0.5, 0.88)]
    trim = [
        patch(screen, (0.04, 0.96), (0.02, 0.97), GLASS, 0.5),
        patch(screen, (0.495, 0.505), (0.02, 0.97), DARK),
        patch(sign, (0.1, 0.9), (0.1, 0.85), (30, 30, 30)),
        patch(sign, (0.2, 0.8), (0.3, 0.65), (40, 170, 245)),
        *[patch(nose, u, (0.35, 0.72), WHITE_LAMP, 0.3) for u in ((0.04, 0.2), (0.8, 0.96))],
        patch(nose, (0.3, 0.7), (0.55, 0.85), _dim(paint, 0.7)),
        patch(nose, (0.0, 1.0), (0.0, 0.22), DARK),
        patch(nose, (0.4, 0.6), (0.25, 0.42), PLATE),
        patch(top_rear, (0.15, 0.85), (0.25, 0.75), (30, 30, 30)),
        patch(back, (0.12, 0.88), (0.05, 0.42), GLASS, 0.5),
        patch(back, (0.15, 0.85), (0.55, 0.82), _dim(paint, 0.55)),
        *[patch(back, u, (0.5, 0.74), RED_LAMP) for u in ((0.02, 0.12), (0.88, 0.98))],
        patch(back, (0.42, 0.58), (0.85, 0.93), PLATE),
        patch(back, (0.0, 1.0), (0.94, 1.0), DARK),
    ]
    wheels = _wheels((front - 2.7, rear + 3.2), 0.5, w * 1.004)
    return [
        *_under(front, rear, w),
        *hull.faces,
        *windows,
        *skirt,
        *stripe,
        *doors,
        *trim,
        *wheels,
        *hatches,
        *[f for u in units for f in u],
    ]


def _truck(length: float, width: float, cab_paint: Colour, cargo_paint: Colour) -> list[Part]:
    """A cab in front of a load box; over 12 m the box is a trailer with three axles of its own."""
    w, front, rear = width / 2, length / 2, -length / 2
    deck = front - 2.25  # where the load box begins
    trailer = length > 12
    top = 3.85 if trailer else 3.3
    load = prism(box(deck, rear, 1.1, top, w), cargo_paint, 0.08)
    back = load.bands[2]
    frame = prism(box(deck, rear + 0.1, 0.5, 1.15, w * 0.8), DARK)
    rear_x = [rear + 1.2 + 1.25 * i for i in range(3)] if trailer else [rear + 1.7]
    guard = both_sides(
        [(deck - 1.9, 0.5), (deck - 1.9, 0.95), (rear_x[-1] + 0.8, 0.95), (rear_x[-1] + 0.8, 0.5)],
        w * 0.98,
        (120, 120, 120),
    )
    logo = both_sides(
        [
            (deck - 1.2, 1.9),
            (deck - 1.2, 2.8),
            (deck - 0.55 * (length - 2.4), 2.8),
            (deck - 0.55 * (length - 2.4), 1.9),
        ],
        w * 1.003,
        _dim(cab_paint, 0.85),
    )
    rims = [
        f
        for u in ((0.0, 0.03), (0.97, 1.0), (0.49, 0.51))
        for f in [patch(back, u, (0.0, 1.0), _dim(cargo_paint, 0.62))]
    ]
    bars = [
        patch(back, u, (0.04, 0.96), (120, 120, 120)) for u in ((0.22, 0.24), (0.38, 0.4), (0.6, 0.62), (0.76, 0.78))
    ]
    end = face(
        np.array([(rear, w, 0.62), (rear, -w, 0.62), (rear, -w, 1.1), (rear, w, 1.1)]),
        np.array([0, 0, 0.8]),
        (52, 50, 50),
    )
    lights = [patch(end, u, (0.25, 0.75), RED_LAMP) for u in ((0.02, 0.18), (0.82, 0.98))]
    ribs = [patch(load.bands[1], (0, 1), (v, v + 0.012), _dim(cargo_paint, 0.85)) for v in np.arange(0.08, 1, 0.12)]
    tyres = [f for x in rear_x for y in (w - 0.3, 0.3 - w) for f in _block(x, y, 0.5, 0.95, 0.25)]
    rear_part = [
        *frame.faces, *tyres, *load.faces, *ribs, *logo, *guard, *_wheels(tuple(rear_x), 0.48, w * 0.985),
        end, *lights, patch(end, (0.4, 0.6), (0.3, 0.7), PLATE), *rims, *bars,
    ]  # fmt: skip
    return [rear_part, _cab(front, w * 0.98, cab_paint, 2.95 if trailer else 2.6, top if trailer else 0.0)]


def _block(x: float, y: float, half_length: float, top: float, half_width: float) -> Part:
    """A tyre seen from the front or the rear."""
    return [
        f._replace(points=f.points + (0, y, 0))
        for f in prism(box(x + half_length, x - half_length, 0, top, half_width), RUBBER).faces
    ]


def _cab(front: float, w: float, paint: Colour, roof: float, deflector: float) -> Part:
    hull = prism(
        (
            (front - 0.03, 0.4, w), (front, 0.7, w), (front - 0.03, 1.5, w), (front - 0.28, roof - 0.2, w * 0.96),
            (front - 0.5, roof, w * 0.94), (front - 2.05, roof, w * 0.94), (front - 2.1, 0.9, w),
        ),
        paint, 0.2,
    )  # fmt: skip
    bumper, nose, screen = hull.bands[:3]
    doors = both_sides(
        [(front - 0.3, 1.55), (front - 0.48, roof - 0.35), (front - 1.25, roof - 0.35), (front - 1.25, 1.55)],
        w * 1.004,
        GLASS,
        0.45,
    )
    wind = [] if not deflector else prism(
        ((front - 0.7, roof, w * 0.8), (front - 1.9, deflector - 0.1, w * 0.85), (front - 2.05, deflector - 0.1, w * 0.85), (front - 2.05, roof, w * 0.8)), paint, 0.2
    ).faces  # fmt: skip
    trim = [
        patch(screen, (0.05, 0.95), (0.06, 0.86), GLASS, 0.6),
        patch(nose, (0.16, 0.84), (0.12, 0.85), DARK),
        patch(nose, (0.2, 0.8), (0.3, 0.36), CHROME),
        patch(nose, (0.2, 0.8), (0.55, 0.61), CHROME),
        patch(bumper, (0.0, 1.0), (0.0, 1.0), (60, 58, 58)),
        patch(bumper, (0.4, 0.6), (0.3, 0.7), PLATE),
        *[patch(nose, u, (0.02, 0.22), WHITE_LAMP, 0.3) for u in ((0.02, 0.16), (0.84, 0.98))],
    ]
    tyres = [f for y in (w - 0.2, 0.2 - w) for f in _block(front - 1.15, y, 0.48, 0.9, 0.15)]
    return [
        *tyres,
        *prism(box(front - 0.2, front - 2.2, 0.35, 1.0, w * 0.85), DARK).faces,
        *hull.faces,
        *doors,
        *trim,
        *wind,
        *_wheels((front - 1.15,), 0.48, w * 1.002),
    ]


def _dim(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor
