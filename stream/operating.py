"""The operating points that the cameras of a run move between: those of a profile, or what is typical. Pure."""

from __future__ import annotations

import itertools

from models.registry import LIGHTER
from stream.budget import Look, OperatingPoint, Region, front_of
from stream.config import Config, DetectorConfig, PointConfig
from stream.geometry import STRIDE

UNKNOWN_MS = 10.0  # of a look of the detector's own kind, until the first is measured

# What is typical, as benchmarks/overload.py finds it: cost of a look as a share, and crossings miscounted beyond those
# of the detector's own network at every picture, as a share of all. Errors add up.
LIGHTER_COST, LIGHTER_ERROR = 0.4, 0.01  # of a network against the one above it
SHARES: dict[float, float] = {1.0: 0.0, 0.77: 0.015, 0.62: 0.04}  # of the input -> error; it costs as its area
REGIONS: dict[Region, tuple[float, float]] = {"whole": (1.0, 0.0), "lines": (0.6, 0.005)}  # -> cost, error
EVERY: dict[int, float] = {1: 0.0, 2: 0.005, 3: 0.01, 4: 0.02, 6: 0.06, 8: 0.1, 12: 0.2}  # pictures a look -> error


def points_of(config: Config) -> tuple[OperatingPoint, ...]:
    """The most accurate, and dearest, first. Only one where no camera has a budget."""
    wanted = config.detector
    if all(camera.budget is None for camera in config.cameras):
        return (OperatingPoint(Look(longest(wanted)), 1, UNKNOWN_MS, 0.0),)
    if not wanted.points:
        return front_of(_typical(wanted))
    points = [OperatingPoint(_look(wanted, p), p.every, p.ms, p.error, p.gate) for p in wanted.points]
    return front_of(points)


def longest(wanted: DetectorConfig) -> int:
    """The long side of the detector's input."""
    return wanted.input if isinstance(wanted.input, int) else max(wanted.input)


def _look(wanted: DetectorConfig, point: PointConfig) -> Look:
    """Without the names of what is the detector's own."""
    model = "" if point.model == wanted.model else point.model
    precision = "" if point.precision == wanted.precision else point.precision
    return Look(point.input, point.region, model, precision)


def _typical(wanted: DetectorConfig) -> list[OperatingPoint]:
    """Every combination of fewer pixels, a lighter network and fewer looks."""
    models = [wanted.model]
    while models[-1] in LIGHTER:
        models.append(LIGHTER[models[-1]])
    kinds = itertools.product(enumerate(models), SHARES.items(), REGIONS.items(), EVERY.items())
    return [
        OperatingPoint(
            Look(_strides(share * longest(wanted)), region, model if steps else ""),
            every,
            UNKNOWN_MS * LIGHTER_COST**steps * share**2 * cost,
            steps * LIGHTER_ERROR + blur + narrow + seldom,
        )
        for (steps, model), (share, blur), (region, (cost, narrow)), (every, seldom) in kinds
    ]


def _strides(side: float) -> int:
    return max(STRIDE, round(side / STRIDE) * STRIDE)
