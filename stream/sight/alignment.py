"""Where a camera looks now, against where it looked before: a homography between two backgrounds.

The landmarks of both are matched (landmarks.py), and the homography that most of them agree on is taken (MAGSAC: Barath
et al. 2020). It is believed only when it explains the picture too: what stood in the one picture must stand, moved, in
the other. Where landmarks are too few, all that is fine in the pictures is compared (texture.py).
"""

from __future__ import annotations

import cv2
import msgspec
import numpy as np

from stream.sight.landmarks import Landmarks, matched
from stream.sight.texture import fit_texture

REACH_PX = 2.0  # a match nearer than this to where the homography takes it is an inlier
LEAST_INLIERS, LEAST_SHARE = 12, 0.3
LEAST_COVERAGE = 0.1  # of the common part of the pictures, by the hull of the inliers
ZOOMS = (0.3, 3.0)  # a view that has changed more is another one
CELLS = (16, 9)  # across and down, in which two pictures are compared
TEXTURE = 3.0  # grey levels, the root mean square of detail: a cell with less shows nothing
LEAST_CELLS = 6  # with detail, that can explain a picture
ALIKE = 0.5  # correlation of the detail of a cell that shows the same
EXPLAINED = 0.5  # of the cells must be alike when one picture is moved onto the other,
BETTER = 0.15  # and so many more than without, unless they were that many from the start


class Fit(msgspec.Struct, frozen=True):
    """How one picture became another. matrix: f64 (3, 3) from pixels of the first to pixels of the second."""

    matrix: np.ndarray
    explained: float  # share of the cells that are alike once moved
    words: str  # what it rests on


def align(before: Landmarks, now: Landmarks) -> tuple[Fit | None, str]:
    """The fit of two backgrounds of one shape, or None and why there is none that can be believed."""
    fit, why = _by_landmarks(before, now)
    if fit is None:
        fit = _by_texture(before.picture, now.picture)
    return fit, why if fit is None else ""


def _by_landmarks(before: Landmarks, now: Landmarks) -> tuple[Fit | None, str]:
    found = matched(before, now)
    if len(found[0]) < LEAST_INLIERS:
        return None, f"only {len(found[0])} places look the same"
    matrix, inlier = cv2.findHomography(*found, cv2.USAC_MAGSAC, REACH_PX, maxIters=2000, confidence=0.999)
    if matrix is None:
        return None, "no common movement"
    kept = inlier.ravel() > 0
    xy_a, xy_b = found[0][kept], found[1][kept]
    if len(xy_a) < LEAST_INLIERS or kept.mean() < LEAST_SHARE:
        return None, f"only {len(xy_a)} of {len(kept)} places moved together"
    explained, common = _explained(before.picture, now.picture, matrix)
    hull = cv2.contourArea(cv2.convexHull(xy_b))
    if hull < LEAST_COVERAGE * common or not _is_plausible(matrix, before.picture.shape):
        return None, "the places that moved together are too few or too near to each other"
    at_once, _ = alike(before.picture, now.picture)
    if explained < min(max(EXPLAINED, at_once + BETTER), 0.9):
        return None, f"only {explained:.0%} of the picture looks the same once moved"
    error_px = float(np.sqrt(((moved(matrix, xy_a) - xy_b) ** 2).sum(axis=1).mean()))
    return Fit(matrix, explained, f"{len(xy_a)} places, off by {error_px:.1f} px of {before.picture.shape[1]}"), ""


def _by_texture(before: np.ndarray, now: np.ndarray) -> Fit | None:
    found = fit_texture(before, now)
    if found is None or not _is_plausible(found[0], before.shape):
        return None
    return Fit(found[0], 0.0, f"by the texture, which correlates by {found[1]:.2f}")


def alike(before: np.ndarray, now: np.ndarray, steady: np.ndarray | None = None) -> tuple[float, int]:
    """(Share of the cells with detail in both pictures' place that show the same, how many cells have detail).

    before, now: u8 (h, w). steady: f32 (h, w), 1 where nothing moves and both pictures are known; None: everywhere.
    """
    a, b = _detail(before), _detail(now)
    known = 1.0
    if steady is not None:
        a, b = a * steady, b * steady
        known = np.maximum(_cells(steady), 0.01)
    aa, bb, ab = _cells(a * a) / known, _cells(b * b) / known, _cells(a * b) / known
    textured = (aa > TEXTURE**2) & (known > 0.5)
    same = ab > ALIKE * np.sqrt(np.maximum(aa * bb, 1e-6))
    count = int(textured.sum())
    return (float((same & textured).sum() / count) if count else 1.0), count


def moved(matrix: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Points (N, 2) where the homography takes them."""
    return cv2.perspectiveTransform(np.asarray(xy, np.float64).reshape(-1, 1, 2), matrix).reshape(-1, 2)


def corners(width: float, height: float) -> np.ndarray:
    """(4, 2) of a picture."""
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)


def _detail(picture: np.ndarray) -> np.ndarray:
    """What is finer than a few pixels: light and shade are gone, f32 (h, w)."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32)
    return smooth - cv2.boxFilter(smooth, -1, (15, 15))


def _cells(values: np.ndarray) -> np.ndarray:
    return cv2.resize(values, CELLS, interpolation=cv2.INTER_AREA)


def _explained(before: np.ndarray, now: np.ndarray, matrix: np.ndarray) -> tuple[float, float]:
    """(Share of the cells that are alike once one picture is moved onto the other; how many pixels both show)."""
    height, width = before.shape
    common = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, (width, height))
    there = cv2.warpPerspective(before, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    explained, cells = alike(there, now, common)
    return explained if cells >= LEAST_CELLS else 0.0, max(float(common.sum()), 1.0)


def _is_plausible(matrix: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether a camera that was nudged, turned or zoomed could do that: the picture keeps its shape, and its size."""
    height, width = shape
    to = moved(matrix, corners(width, height)).astype(np.float32)
    area = cv2.contourArea(to, oriented=True) / (width * height)
    return bool(cv2.isContourConvex(to)) and ZOOMS[0] ** 2 < area < ZOOMS[1] ** 2
