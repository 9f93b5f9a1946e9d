"""What the usual ways through a scene look like, and how much a path, or a piece of one, is like them.

A way is learnt from the paths of complete tracks. Likeness is the mean distance of a path's points from the way, as
long as it goes in the way's direction: a directed mean Hausdorff distance, as it was used for turning movements in the
AI City Challenge (Naphade et al., CVPR Workshops 2020, track 1). It asks nothing of the parts that were not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

POINTS = 40  # of a way, at equal distances
SAMPLES = 12  # of a path that is compared
MOST_PROTOTYPES = 8  # of one movement
AGREEING = 0.5  # cosine of the angle between path and way, on average: else it goes elsewhere
SPREAD = 3.0  # a path belongs to a movement when it is not farther from it than so many times what is usual in it,
NEAREST, FARTHEST = 0.015, 0.06  # and, of the picture's diagonal, in any case so near, and never when farther
OUTLIER = 3.0  # complete tracks so many times as far from the others as is usual are switches of identity


class Fits(msgspec.Struct, frozen=True):
    """A path laid on some ways, f64 (ways,) each. distance: mean, px, infinite where it does not go along a way; start,
    stop: where on the way it begins and ends, px from the way's start."""

    distance: np.ndarray
    start: np.ndarray
    stop: np.ndarray


class Fit(msgspec.Struct, frozen=True):
    """The same on one way."""

    distance: float
    start: float
    stop: float


class Prototypes:
    """The ways of one movement."""

    def __init__(self, paths: Sequence[np.ndarray], diagonal_px: float) -> None:
        """paths: of complete tracks, f64 (n, 2) in order, one or more."""
        chosen = [paths[k] for k in np.unique(np.linspace(0, len(paths) - 1, 2 * MOST_PROTOTYPES).astype(int))]
        ways = np.array([_extended(resample(path, POINTS), 0.1 * diagonal_px) for path in chosen])
        apart = np.array([lay(path, ways).distance for path in chosen])
        np.fill_diagonal(apart, np.inf)
        off = apart.min(axis=1) if len(ways) > 1 else np.zeros(1)
        usual = float(np.median(off)) if len(ways) > 1 else 0.0
        kept = off <= OUTLIER * max(usual, 1.0) if len(ways) > 2 else np.ones(len(ways), bool)
        self._ways = ways[kept][:MOST_PROTOTYPES] if kept.any() else ways[:1]
        self.length_px = float(np.median([np.hypot(*np.diff(way[1:-1], axis=0).T).sum() for way in self._ways]))
        self.reach_px = float(np.clip(SPREAD * usual, NEAREST * diagonal_px, FARTHEST * diagonal_px))

    def fit(self, path: np.ndarray) -> Fit | None:
        """The path on the nearest way, or None where it goes along none of them."""
        fits = lay(path, self._ways)
        k = int(fits.distance.argmin())
        if not np.isfinite(fits.distance[k]):
            return None
        return Fit(float(fits.distance[k]), float(fits.start[k]), float(fits.stop[k]))


def resample(path: np.ndarray, points: int) -> np.ndarray:
    """So many points at equal distances along a path f64 (n, 2)."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0.0, along[-1], points)
    return np.stack([np.interp(at, along, path[:, 0]), np.interp(at, along, path[:, 1])], axis=1)


def lay(path: np.ndarray, ways: np.ndarray) -> Fits:
    """A path f64 (n, 2) on each of some ways f64 (ways, m, 2)."""
    points = resample(path, SAMPLES)
    x, y = points[:, 0, None], points[:, 1, None]
    start, step = ways[:, None, :-1], np.diff(ways, axis=1)[:, None]  # (ways, 1, m - 1, 2)
    length = np.hypot(step[..., 0], step[..., 1])  # (ways, 1, m - 1)
    off_x, off_y = x - start[..., 0], y - start[..., 1]  # (ways, SAMPLES, m - 1)
    share = np.clip((off_x * step[..., 0] + off_y * step[..., 1]) / np.maximum(length**2, 1e-12), 0.0, 1.0)
    distance2 = (off_x - share * step[..., 0]) ** 2 + (off_y - share * step[..., 1]) ** 2
    nearest = distance2.argmin(axis=2)[..., None]  # (ways, SAMPLES, 1)

    def of_nearest(values: np.ndarray) -> np.ndarray:
        every = np.broadcast_to(values, distance2.shape)
        return np.take_along_axis(every, nearest, axis=2)[..., 0]

    size = of_nearest(length)
    at = of_nearest(np.cumsum(length, axis=2) - length) + of_nearest(share) * size
    heading = np.gradient(points, axis=0)
    heading /= np.maximum(np.hypot(heading[:, 0], heading[:, 1]), 1e-9)[:, None]
    along = heading[:, 0] * of_nearest(step[..., 0]) + heading[:, 1] * of_nearest(step[..., 1])
    goes_along = ((along / np.maximum(size, 1e-9)).mean(axis=1) >= AGREEING) & (at[:, -1] > at[:, 0])
    distance = np.where(goes_along, np.sqrt(of_nearest(distance2)).mean(axis=1), np.inf)
    return Fits(distance, at[:, 0], at[:, -1])


def _extended(way: np.ndarray, px: float) -> np.ndarray:
    """A way that goes on straight at both ends, since tracks begin and end where they like."""
    k = max(1, len(way) // 12)
    first, last = way[0] - way[k], way[-1] - way[-1 - k]
    ends = [end / max(float(np.hypot(*end)), 1e-9) * px for end in (first, last)]
    return np.concatenate([[way[0] + ends[0]], way, [way[-1] + ends[1]]])
