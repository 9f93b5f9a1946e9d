"""The operating points that the cameras of a run move between: those of a profile, or what is typical. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

import msgspec

from models.registry import LIGHTER
from stream.budget.looks import Look, OperatingPoint, Region, front_of
from stream.config.schema import Config, DetectorConfig, PointConfig
from stream.geometry import STRIDE

UNKNOWN_MS = 10.0  # of a look of the detector's own kind, until the first is measured

# What is typical, as benchmarks/overload.py finds it. Crossings are miscounted where looks are too far apart to tell
# who is who: as a share, (seconds between two looks / LOST_S)^3. Where less is found in a look, looks that find
# something are farther apart; and a little is lost in any case. So each way of sparing has (cost as a share, times
# farther, lost).
LOST_S = 0.7
LIGHTER_NETWORKS: dict[str, tuple[float, float, float]] = {  # beside the one that it stands in for, see LIGHTER
    "roadtally-small": (0.7, 1.0, 0.005),
    "roadtally-nano": (0.4, 1.15, 0.01),
}
SHARES: dict[float, tuple[float, float, float]] = {  # of the input
    1.0: (1.0, 1.0, 0.0),
    0.77: (0.59, 1.2, 0.005),
    0.62: (0.38, 1.7, 0.04),
}
REGIONS: dict[Region, tuple[float, float, float]] = {"whole": (1.0, 1.0, 0.0), "lines": (0.6, 1.0, 0.003)}
EVERY = (1, 2, 3, 4, 5, 6, 8, 10, 12)


def points_of(config: Config, fps: float) -> tuple[OperatingPoint, ...]:
    """The most accurate, and dearest, first. Only one where no camera has a budget. fps: of the slowest camera."""
    wanted = config.detector
    if all(camera.budget is None for camera in config.cameras):
        return (OperatingPoint(Look(longest(wanted)), 1, UNKNOWN_MS, 0.0),)
    if not wanted.points:
        return front_of(list(_typical(wanted, fps)))
    points = [OperatingPoint(_look(wanted, p), p.every, p.ms, p.error, p.gate) for p in wanted.points]
    return front_of(points)


def priced(
    wanted: DetectorConfig, points: tuple[OperatingPoint, ...], pixels: Mapping[Look, float]
) -> tuple[OperatingPoint, ...]:
    """Typical points with what their looks cost on the cameras of a run, against the dearest; those of a profile as
    they were measured. pixels: of a look, as a share of the whole. The part near long lines may be all of the picture,
    and a camera that believed it to be cheap would look too often until it had learnt better."""
    if wanted.points or len(points) < 2:
        return points
    cost_ms = {look: UNKNOWN_MS * _lighter(wanted.model, look.model) * share for look, share in pixels.items()}
    return front_of([msgspec.structs.replace(point, ms=cost_ms[point.look]) for point in points])


def _lighter(model: str, other: str) -> float:
    """What a look of another network costs, against the detector's own; empty: it is that."""
    cost = 1.0
    while other and model != other:
        model = LIGHTER[model]
        cost *= LIGHTER_NETWORKS[model][0]
    return cost


def longest(wanted: DetectorConfig) -> int:
    """The long side of the detector's input."""
    return wanted.input if isinstance(wanted.input, int) else max(wanted.input)


def _look(wanted: DetectorConfig, point: PointConfig) -> Look:
    """Without the names of what is the detector's own."""
    model = "" if point.model == wanted.model else point.model
    precision = "" if point.precision == wanted.precision else point.precision
    return Look(point.input, point.region, model, precision)


def _typical(wanted: DetectorConfig, fps: float) -> Iterator[OperatingPoint]:
    """Every combination of a lighter network, fewer pixels and fewer looks."""
    networks = [("", (1.0, 1.0, 0.0))]
    model, (cost, farther, lost) = wanted.model, networks[0][1]
    while model in LIGHTER:
        model = LIGHTER[model]
        less, more, worse = LIGHTER_NETWORKS[model]
        cost, farther, lost = cost * less, farther * more, lost + worse
        networks.append((model, (cost, farther, lost)))
    for (model, of_model), (share, of_share), (region, of_region) in itertools.product(
        networks, SHARES.items(), REGIONS.items()
    ):
        costs, farthers, losts = zip(of_model, of_share, of_region, strict=True)
        look, ms = Look(_strides(share * longest(wanted)), region, model), UNKNOWN_MS * math.prod(costs)
        for every in EVERY:
            error = min(1.0, sum(losts) + (math.prod(farthers) * every / fps / LOST_S) ** 3)
            yield OperatingPoint(look, every, ms, error)


def _strides(side: float) -> int:
    return max(STRIDE, round(side / STRIDE) * STRIDE)
