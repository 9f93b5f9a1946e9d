"""The Pareto front of speed and accuracy, as Huang et al. draw it (CVPR 2017): one rule for the points that a run moves
between, those that `roadtally tune` measures, and the study of the detectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Point = TypeVar("Point")


def front(points: Iterable[Point], cost: Callable[[Point], Any], error: Callable[[Point], float]) -> list[Point]:
    """Those that no other beats in both, the most accurate, and dearest, first. cost: anything that sorts."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (cost(point), error(point))):
        if not best or error(point) < error(best[-1]):
            best.append(point)
    return best[::-1]
