"""What is drawn over a camera's picture: lines, zones, movements. Plain values in pixels of the upright picture."""

from __future__ import annotations

import msgspec


class Line(msgspec.Struct, frozen=True):
    """A directed, finite counting line. Crossed from the left to the right of a walker from (x1, y1) to (x2, y2) on
    the screen (y points down) is `in`: a line drawn from left to right is crossed `in` downwards."""

    name: str
    x1: float
    y1: float
    x2: float
    y2: float


class Zone(msgspec.Struct, frozen=True):
    """A polygon; its corners in order, the last joined to the first."""

    name: str
    corners_xy: tuple[tuple[float, float], ...]


class Movement(msgspec.Struct, frozen=True):
    """From one line to another, or back over the same: what a turning movement count counts. Names of lines."""

    name: str
    origin: str
    destination: str


class Scene(msgspec.Struct, frozen=True):
    """One camera's picture and what is counted in it."""

    camera: str
    width: int
    height: int
    lines: tuple[Line, ...] = ()
    zones: tuple[Zone, ...] = ()
    crop_xyxy: tuple[int, int, int, int] | None = None  # what the network sees; None: the whole picture
    movements: tuple[Movement, ...] = ()

    @property
    def edges(self) -> tuple[Line, ...]:
        """Everything that is crossed: the lines, and the sides of the zones as lines."""
        sides = [
            Line(zone.name, *start, *end)
            for zone in self.zones
            for start, end in zip(zone.corners_xy, (*zone.corners_xy[1:], zone.corners_xy[0]), strict=True)
        ]
        return (*self.lines, *sides)
