"""What the usual ways through a scene look like, and how much a path, or a piece of one, is like them.

A way is learnt from the paths of complete tracks. Likeness is the mean distance of a path's points from the way, as
long as it goes in the way's direction: a directed mean Hausdorff distance, as it was used for turning movements in the
AI City Challenge (Naphade et al., CVPR Workshops 2020, track 1). It asks nothing of the parts that were not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

POINTS = 48  # of a prototype, at equal distances
SAMPLES = 16  # of a path that is compared
MOST_PROTOTYPES = 12  # of one movement
AGREEING = 0.5  # cosine of the angle between path and way, on average: else it goes elsewhere
SPREAD = 3.0  # a path belongs to a movement when it is not farther from it than so many times what is usual in it,
NEAREST, FARTHEST = 0.015, 0.06  # and, of the picture's diagonal, in any case so near, and never when farther
OUTLIER = 3.0  # complete tracks so many times as far from the others as is usual are switches of identity


class Fit(msgspec.Struct, frozen=True):
    """A path laid on a way. distance: mean, px; start, stop: where on the way it begins and ends, px from its start."""

    distance: float
    start: float
    stop: float


class Prototypes:
    """The ways of one movement."""

    def __init__(self, paths: Sequence[np.ndarray], diagonal_px: float) -> None:
        """paths: of complete tracks, f64 (n, 2) in order, one or more."""
        chosen = [paths[k] for k in np.unique(np.linspace(0, len(paths) - 1, 2 * MOST_PROTOTYPES).astype(int))]
        ways = [_extended(resample(path, POINTS), 0.1 * diagonal_px) for path in chosen]
        off = [self._off(path, ways[:k] + ways[k + 1 :]) for k, path in enumerate(chosen)]
        usual = float(np.median(off)) if len(ways) > 1 else 0.0
        kept = [k for k, distance in enumerate(off) if len(ways) < 3 or distance <= OUTLIER * max(usual, 1.0)]
        self._ways = [ways[k] for k in kept][:MOST_PROTOTYPES] or ways[:1]
        self.length_px = float(np.median([np.hypot(*np.diff(way[1:-1], axis=0).T).sum() for way in self._ways]))
        self.reach_px = float(np.clip(SPREAD * usual, NEAREST * diagonal_px, FARTHEST * diagonal_px))

    @staticmethod
    def _off(path: np.ndarray, ways: Sequence[np.ndarray]) -> float:
        fits = [fit for way in ways if (fit := lay(path, way)) is not None]
        return min((fit.distance for fit in fits), default=float("inf"))

    def fit(self, path: np.ndarray) -> Fit | None:
        """The path on the nearest way, or None where it goes along none of them."""
        fits = [fit for way in self._ways if (fit := lay(path, way)) is not None]
        return min(fits, key=lambda fit: fit.distance, default=None)


def resample(path: np.ndarray, points: int) -> np.ndarray:
    """So many points at equal distances along a path f64 (n, 2)."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0.0, along[-1], points)
    return np.stack([np.interp(at, along, path[:, 0]), np.interp(at, along, path[:, 1])], axis=1)


def lay(path: np.ndarray, way: np.ndarray) -> Fit | None:
    """A path f64 (n, 2) on a way f64 (m, 2), or None where it does not go along it."""
    points = resample(path, SAMPLES)
    start, step = way[:-1], np.diff(way, axis=0)
    length = np.hypot(step[:, 0], step[:, 1])
    offset = points[:, None] - start  # (SAMPLES, m - 1, 2)
    share = np.clip((offset * step).sum(axis=2) / np.maximum(length**2, 1e-12), 0.0, 1.0)
    distance = np.hypot(*(offset - share[..., None] * step).transpose(2, 0, 1))
    nearest = distance.argmin(axis=1)
    every = np.arange(SAMPLES)
    at = (np.cumsum(length) - length)[nearest] + share[every, nearest] * length[nearest]
    heading = np.gradient(points, axis=0)
    heading /= np.maximum(np.hypot(heading[:, 0], heading[:, 1]), 1e-9)[:, None]
    along = step[nearest] / np.maximum(length[nearest], 1e-9)[:, None]
    if (heading * along).sum(axis=1).mean() < AGREEING or at[-1] <= at[0]:
        return None
    return Fit(float(distance[every, nearest].mean()), float(at[0]), float(at[-1]))


def _extended(way: np.ndarray, px: float) -> np.ndarray:
    """A way that goes on straight at both ends, since tracks begin and end where they like."""
    k = max(1, len(way) // 12)
    first, last = way[0] - way[k], way[-1] - way[-1 - k]
    ends = [end / max(float(np.hypot(*end)), 1e-9) * px for end in (first, last)]
    return np.concatenate([[way[0] + ends[0]], way, [way[-1] + ends[1]]])
