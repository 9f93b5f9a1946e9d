"""A scene as the camera sees it after it was moved."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from stream.counting.lines import check_line
from stream.scene import Line, Scene, Zone
from stream.sight.alignment import moved

View = Sequence[float]
"""A homography row by row, from pixels of the picture that a scene was drawn on to pixels of the present one."""


def moved_scene(scene: Scene, view: View) -> Scene:
    """The scene with its lines and zones where the view takes them. Lines are cut at the border of what is looked at;
    one of which too little is left to be crossed is left out."""
    matrix = np.array(view, np.float64).reshape(3, 3)
    lines = [line for old in scene.lines if (line := _moved_line(old, matrix, scene)) is not None]
    zones = [
        Zone(zone.name, tuple((float(x), float(y)) for x, y in moved(matrix, np.array(zone.corners_xy))))
        for zone in scene.zones
    ]
    return msgspec.structs.replace(scene, lines=tuple(lines), zones=tuple(zones))


def ends_of(scene: Scene) -> np.ndarray:
    """The ends of everything that is crossed, f64 (N, 2)."""
    return np.array([(line.x1, line.y1, line.x2, line.y2) for line in scene.edges], np.float64).reshape(-1, 2)


def _moved_line(line: Line, matrix: np.ndarray, scene: Scene) -> Line | None:
    start, end = moved(matrix, np.array([(line.x1, line.y1), (line.x2, line.y2)]))
    low, high = _inside(start, end, scene.crop_xyxy or (0, 0, scene.width, scene.height))
    if low >= high:
        return None
    (x1, y1), (x2, y2) = (start + share * (end - start) for share in (low, high))
    seen = Line(line.name, *(round(float(value), 2) for value in (x1, y1, x2, y2)))
    return seen if check_line(seen, scene) is None else None


def _inside(start: np.ndarray, end: np.ndarray, xyxy: Sequence[float]) -> tuple[float, float]:
    """From which to which share of the way a line lies in a rectangle (Liang and Barsky 1984)."""
    low, high = 0.0, 1.0
    for k in (0, 1):
        way = end[k] - start[k]
        for sign, border in ((-1.0, xyxy[k]), (1.0, xyxy[k + 2])):
            room = sign * (border - start[k])  # to go until the border is reached
            if sign * way > 0:
                high = min(high, room / (sign * way))
            elif sign * way < 0:
                low = max(low, room / (sign * way))
            elif room < 0:
                return 1.0, 0.0
    return low, high
