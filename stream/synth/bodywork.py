"""What all vehicles share: paints, wheels, chassis, and tables of patches. Metres; colours BGR."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stream.synth.light import Colour
from stream.synth.solids import Face, Prism, both_sides, box, disc, patch, prism

Part = list[Face]
Span = tuple[float, float]
Row = tuple[int, Span, Span, Colour, float]
"""A patch on a hull: which band, from-to along u and v (0 to 1), colour, gloss."""

DARK: Colour = (26, 25, 25)
RUBBER: Colour = (34, 33, 33)
GREY: Colour = (120, 120, 120)
GLASS: Colour = (46, 40, 35)
GLEAM: Colour = (86, 78, 70)
CHROME: Colour = (188, 188, 188)
WHITE_LAMP: Colour = (240, 246, 246)
RED_LAMP: Colour = (34, 26, 196)
AMBER: Colour = (40, 170, 245)
PLATE: Colour = (215, 225, 225)


def pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """One of the colours, a little lighter or darker than the next vehicle's."""
    return scaled(colours[int(rng.integers(len(colours)))], float(rng.uniform(0.92, 1.06)))


def scaled(colour: Colour, factor: float) -> Colour:
    """Darker or lighter paint."""
    return min(colour[0] * factor, 250.0), min(colour[1] * factor, 250.0), min(colour[2] * factor, 250.0)


def pair(band: int, u: Span, v: Span, colour: Colour, gloss: float = 0.0) -> tuple[Row, Row]:
    """The same patch on the left and, mirrored, on the right."""
    return (band, u, v, colour, gloss), (band, (1 - u[1], 1 - u[0]), v, colour, gloss)


def trim(hull: Prism, rows: Iterable[Row]) -> Part:
    """Patches on the bands of a hull, in the order of the rows."""
    return [patch(hull.bands[band], u, v, colour, gloss) for band, u, v, colour, gloss in rows]


def wheels(at_x: tuple[float, ...], radius: float, half_width: float) -> Part:
    """Wheels as seen from the side: arch, tyre, rim and hub."""
    made: Part = []
    for x in at_x:
        made += both_sides(disc(x, radius * 1.04, radius * 1.2), half_width * 0.993, DARK)
        made += both_sides(disc(x, radius, radius), half_width, RUBBER)
        made += both_sides(disc(x, radius, radius * 0.62, 10), half_width * 1.004, (142, 142, 142), 0.2)
        made += both_sides(disc(x, radius, radius * 0.2, 6), half_width * 1.006, (70, 70, 70))
    return made


def tyres(at_x: Iterable[float], aside: float, size: tuple[float, float]) -> Part:
    """Tyres as seen from the front and the rear: blocks of (half width, height), `aside` from the middle."""
    made: Part = []
    for x in at_x:
        block = prism(box(x + 0.3, x - 0.3, 0.0, size[1], size[0]), RUBBER)
        for side in (aside, -aside):
            made += [face._replace(points=np.add(face.points, (0, side, 0))) for face in block.faces]
    return made


def chassis(front: float, rear: float, half_width: float) -> Part:
    """The dark below a body."""
    return prism(box(front - 0.15, rear + 0.12, 0.14, 0.55, half_width * 0.84), DARK).faces


def side_panes(wall: Face, spans: Iterable[Span], v: Span = (0.14, 0.88)) -> Part:
    """Windows in the side of a cabin. wall: base front, roof front, roof rear, base rear; u runs to the rear."""
    a, b, c, d = wall.points
    turned = wall._replace(points=np.stack([a, d, c, b]))
    return [patch(turned, u, v, GLASS, 0.5) for u in spans]
