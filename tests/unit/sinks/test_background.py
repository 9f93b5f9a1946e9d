"""The background is the scene without what moved through it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.sight.medians import median
from stream.sinks.background import Background
from tests.build import make_counted, make_yuv


@pytest.mark.parametrize("seconds", [10, 100])
def test_the_road_is_empty_when_vehicles_passed(tmp_path: Path, seconds: int) -> None:
    sink = Background(tmp_path / "background.png")
    for k in range(seconds * 4):
        yuv = make_yuv(64, 48, luma=100)
        yuv[10:30, 5 * k % 50 : 5 * k % 50 + 14] = 220
        sink.write(make_counted(k, k / 4, yuv))
    sink.close()
    picture = cv2.imread(str(tmp_path / "background.png"))
    assert picture.shape == (48, 64, 3)
    assert np.ptp(picture) == 0 and abs(int(picture[0, 0, 0]) - 98) <= 1


def test_nothing_is_written_when_no_picture_came(tmp_path: Path) -> None:
    Background(tmp_path / "background.png").close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 2, 3, 8, 17])
def test_the_median_is_exact_when_sorted_by_planes(count: int) -> None:
    planes = [np.random.default_rng(k).integers(0, 256, (5, 7), np.uint8) for k in range(count)]
    assert np.array_equal(median(planes), np.sort(np.stack(planes), axis=0)[count // 2])
