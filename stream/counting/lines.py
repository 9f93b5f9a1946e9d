"""Counting lines as numbers: which side, how far along, and whether one can be crossed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stream.scene import Line, Scene

BORDER_SHARE = 0.02  # of the picture: boxes stop at the border, so an anchor does not get past a line nearer than this
LEAST_LENGTH_PX = 8.0


class LineSet:
    """Several lines as arrays, to measure many points against all of them at once."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = tuple(lines)
        ends = np.array([(line.x1, line.y1, line.x2, line.y2) for line in lines], np.float64).reshape(-1, 4)
        along = ends[:, 2:] - ends[:, :2]
        self.length_px = np.hypot(along[:, 0], along[:, 1])
        self._start = ends[:, :2]
        self._along = along / self.length_px[:, None]
        self._across = np.stack([-self._along[:, 1], self._along[:, 0]], axis=1)  # to the walker's right
        self._offset = (self._across * self._start).sum(axis=1)[:, None]

    def __len__(self) -> int:
        return len(self.lines)

    def distance(self, xy: np.ndarray) -> np.ndarray:
        """px to the right (+) or left (-) of each endless line: xy f64 (2, N) -> (lines, N).

        Element by element, not as a matrix product, whose last bits depend on how many points are measured at once.
        """
        return self._across[:, :1] * xy[0] + self._across[:, 1:] * xy[1] - self._offset

    def reaches(self, line: int, xy: np.ndarray, tolerance_px: float) -> bool:
        """Whether a point (2,) on the endless line is on the line, or so near its end; not where another goes on."""
        beyond = self.beyond(line, xy)
        return beyond <= 0 or (beyond <= tolerance_px and not self.continued(line, xy, tolerance_px))

    def beyond(self, line: int, xy: np.ndarray) -> float:
        """How far a point (2,) on the endless line lies beyond the nearer end, px; negative between the ends."""
        at = float((xy - self._start[line]) @ self._along[line])
        return max(-at, at - float(self.length_px[line]))

    def continued(self, line: int, xy: np.ndarray, tolerance_px: float) -> bool:
        """Whether a point (2,) beyond the end of the line lies on another one of nearly the same direction."""
        parallel = np.abs(self._along @ self._along[line]) > 0.9
        near = np.abs(self.distance(xy[:, None])[:, 0]) <= tolerance_px
        return any(other != line and self.beyond(int(other), xy) <= 0 for other in np.flatnonzero(parallel & near))


def check_line(line: Line, scene: Scene) -> str | None:
    """Why the line cannot be crossed in this picture, or None when it can."""
    ends = ((line.x1, line.y1), (line.x2, line.y2))
    if not all(math.isfinite(value) for end in ends for value in end):
        return "its ends must be finite numbers"
    for x, y in ends:
        if not (0 <= x <= scene.width and 0 <= y <= scene.height):
            return f"its end ({x:g}, {y:g}) lies outside the picture of {scene.width}x{scene.height}"
    length = math.dist(*ends)
    if length < LEAST_LENGTH_PX:
        return f"it is {length:.1f} pixels long and needs at least {LEAST_LENGTH_PX:g}"
    borders = (
        ("left", line.x1, line.x2, scene.width),
        ("right", scene.width - line.x1, scene.width - line.x2, scene.width),
        ("top", line.y1, line.y2, scene.height),
        ("bottom", scene.height - line.y1, scene.height - line.y2, scene.height),
    )
    for border, a, b, size in borders:
        if max(a, b) < BORDER_SHARE * size:
            return (
                f"it lies within {BORDER_SHARE * size:.0f} pixels of the {border} border, where boxes stop,"
                " so nothing gets past it"
            )
    return None
