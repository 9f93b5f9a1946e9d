"""Pairs of boxes that may touch, however many there are, and how alike they are."""

import numpy as np
import pytest

from stream.geometry import iou
from stream.tracking.association import likeness, near_pairs, outward, pair_areas


def boxes(count: int, seed: int) -> np.ndarray:
    """Random xyxy f64 (4, count) in a picture of 800x600."""
    random = np.random.default_rng(seed)
    corner, size = random.uniform(0, (800, 600), (count, 2)).T, random.uniform(5, 90, (2, count))
    return np.concatenate([corner, corner + size])


@pytest.mark.parametrize(("tracks", "detections"), [(0, 3), (3, 0), (1, 1), (20, 20), (31, 33), (200, 150)])
def test_no_pair_that_touches_is_left_out_when_few_or_many_are_compared(tracks: int, detections: int) -> None:
    """Few boxes are compared all with all, many are sorted first: both find every pair with an IoU, in order."""
    a, b = boxes(tracks, 1), boxes(detections, 2)
    i, j = near_pairs(outward(a), outward(b))
    assert set(zip(*iou(a.T, b.T).nonzero(), strict=True)) <= set(zip(i.tolist(), j.tolist(), strict=True))
    assert (np.diff(i) >= 0).all()


def test_likeness_of_pairs_is_their_iou_less_the_gate_when_shape_is_left_out() -> None:
    a, b = boxes(40, 3), boxes(40, 4)
    i, j = near_pairs(outward(a), outward(b))
    areas = pair_areas(outward(a)[:, i], outward(b)[:, j])
    worth, expected = likeness(areas, 0.0, 0.25) + 0.25, iou(a.T, b.T)[i, j]
    np.testing.assert_allclose(np.maximum(worth, 0), expected, atol=1e-12)
