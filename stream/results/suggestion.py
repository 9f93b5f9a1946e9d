"""Where lines would be good, and which are not: told from the paths of the road users that went by.

A flow is a path with those that run along it, in either direction. A line stands across it where most of them pass and
few tracks are born or die, since a track that is not seen on both sides of a line is a guess, not a count; and of such
places near the middle, and where paths are spread most: road users are large there and hide each other little.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence

import numpy as np

from stream.counting.lines import LineSet, check_line
from stream.results.prototypes import POINTS, lay, resample
from stream.scene import Line, Scene

LONG = 0.15  # of the picture's diagonal, from end to end: shorter paths say little
BESIDE = 0.06  # of the diagonal: so far from a path runs what is of its flow
NEAR = 0.04  # of the diagonal: a track that is born or dies nearer to a line than this is not seen on both sides
ROOM = 0.04  # of the diagonal: a line reaches so much further than the outermost paths
LEAST_SHARE = 0.15  # of all long paths: fewer are no flow
MOST_LINES = 6
MOST_PATHS, MOST_LEADERS = 300, 40  # are looked at
STATIONS = range(6, POINTS - 6)  # of the points of a path: where a line may stand
WARN_TRACKS, WARN_SHARE = 3, 0.2  # so many tracks, of those at a line, that begin or end there are worth a warning


def suggest_lines(paths: Sequence[np.ndarray], scene: Scene) -> list[Line]:
    """A line across every flow, the busiest first: paths of f64 (n, 2) anchor points, in order; none without flow."""
    diagonal = math.hypot(scene.width, scene.height)
    long_paths = [path for path in paths if len(path) > 1 and math.dist(path[0], path[-1]) > LONG * diagonal]
    rest = long_paths[:: -(-len(long_paths) // MOST_PATHS) or 1]
    least = LEAST_SHARE * len(rest)
    lines: list[Line] = []
    while rest and len(lines) < MOST_LINES:
        leader, flow = _largest_flow(rest, BESIDE * diagonal)
        if lines and len(flow) < least:
            break
        line = _across(leader, flow, rest, scene, string.ascii_uppercase[len(lines)])
        if line is None:
            rest = [path for path in rest if not any(path is of_flow for of_flow in flow)]
            continue
        lines.append(line)
        rest = [path for path in rest if not _passes(path, line)]
        rest = [path for path in rest if path is not leader]
    return lines


def lint_line(line: Line, paths: Sequence[np.ndarray], scene: Scene) -> str | None:
    """Why counts of this line cannot be trusted, or None: paths as above, of everything that moved."""
    reach = NEAR * math.hypot(scene.width, scene.height)
    ends = np.array([path[[0, -1]] for path in paths if len(path)]).reshape(-1, 2, 2)
    near = _distance(line, ends.reshape(-1, 2)).reshape(-1, 2) < reach
    born, died = (int(count) for count in near.sum(axis=0))
    at_line = int((near.any(axis=1) | np.array([_passes(path, line) for path in paths if len(path)], bool)).sum())
    broken = int(near.any(axis=1).sum())
    if broken < WARN_TRACKS or broken < WARN_SHARE * at_line:
        return None
    return (
        f"of {at_line} tracks at this line {born} begin and {died} end within {reach:.0f} pixels of it: road users are"
        " not seen on both sides; move it to where tracks are long"
    )


def _largest_flow(paths: Sequence[np.ndarray], beside_px: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """The path that most others run along, at equal distances (POINTS, 2), and these, itself among them."""
    leading = range(0, len(paths), -(-len(paths) // MOST_LEADERS))
    leaders = np.array([resample(paths[k], POINTS) for k in leading])
    ways = np.concatenate([leaders, leaders[:, ::-1]])
    distance = np.array([lay(path, ways).distance for path in paths]).reshape(len(paths), 2, -1).min(axis=1)
    distance[leading, np.arange(len(leaders))] = 0.0  # each leads itself
    beside = distance < beside_px
    best = int(beside.sum(axis=0).argmax())
    return leaders[best], [paths[k] for k in np.flatnonzero(beside[:, best]).tolist()]


def _across(
    leader: np.ndarray, flow: Sequence[np.ndarray], paths: Sequence[np.ndarray], scene: Scene, name: str
) -> Line | None:
    """The best line across a flow, or None where none can be crossed."""
    diagonal = math.hypot(scene.width, scene.height)
    ends = np.concatenate([path[[0, -1]] for path in paths])
    best, best_score = None, -math.inf
    for k in STATIONS:
        heading = leader[k + 2] - leader[k - 2]
        heading = heading / max(float(np.hypot(*heading)), 1e-9)
        sideways = _sideways(leader[k], heading, flow, 2 * BESIDE * diagonal)
        if not len(sideways):
            continue
        low, high = sideways.min() - ROOM * diagonal, sideways.max() + ROOM * diagonal
        line = _line(name, leader[k], heading, (low, high), scene)
        if check_line(line, scene) is not None:
            continue
        broken = int((_distance(line, ends) < NEAR * diagonal).sum())
        middle, spread = 1 - (2 * k / (POINTS - 1) - 1) ** 2, min(1.0, float(sideways.std()) / (BESIDE * diagonal))
        score = (
            len(sideways) - 2 * broken + 0.6 * middle + 0.3 * spread
        )  # less than a road user: to choose among equals
        if score > best_score:
            best, best_score = line, score
    return best


def _sideways(at: np.ndarray, heading: np.ndarray, flow: Sequence[np.ndarray], reach_px: float) -> np.ndarray:
    """Where the paths of a flow cross the normal of `heading` at a point: px to its right, f64 (n,)."""
    across, found = np.array([-heading[1], heading[0]]), []
    for path in flow:
        ahead, aside = (path - at) @ heading, (path - at) @ across
        for i in np.flatnonzero((ahead[1:] > 0) != (ahead[:-1] > 0)).tolist():
            share = ahead[i] / (ahead[i] - ahead[i + 1])
            off = float(aside[i] + share * (aside[i + 1] - aside[i]))
            if abs(off) < reach_px:
                found.append(off)
                break
    return np.array(found)


def _line(name: str, at: np.ndarray, heading: np.ndarray, span: tuple[float, float], scene: Scene) -> Line:
    """Across `heading`, drawn from left to right (or downwards where it is upright), cut at the picture's border."""
    across = np.array([-heading[1], heading[0]])
    if (across[0], across[1]) < (-1e-6, 0.0):
        across, span = -across, (-span[1], -span[0])
    low, high = span
    for axis, size in ((0, scene.width), (1, scene.height)):
        if abs(across[axis]) > 1e-9:
            bounds = sorted(((0.0 - at[axis]) / across[axis], (size - at[axis]) / across[axis]))
            low, high = max(low, bounds[0]), min(high, bounds[1])
    ends = np.clip(np.array([at + low * across, at + high * across]), 0.0, [scene.width, scene.height])
    return Line(name, *(round(float(value), 1) for value in ends.ravel()))


def _passes(path: np.ndarray, line: Line) -> bool:
    """Whether a path goes over the finite line."""
    lines = LineSet([line])
    distance = lines.distance(path.T)[0]
    for i in np.flatnonzero((distance[1:] > 0) != (distance[:-1] > 0)).tolist():
        share = distance[i] / (distance[i] - distance[i + 1])
        if lines.beyond(0, path[i] + share * (path[i + 1] - path[i])) <= 0:
            return True
    return False


def _distance(line: Line, points: np.ndarray) -> np.ndarray:
    """px from the finite line: points f64 (n, 2) -> (n,)."""
    start, way = np.array((line.x1, line.y1)), np.array((line.x2 - line.x1, line.y2 - line.y1))
    share = np.clip((points - start) @ way / max(float(way @ way), 1e-9), 0.0, 1.0)
    return np.hypot(*(points - start - share[:, None] * way).T)
