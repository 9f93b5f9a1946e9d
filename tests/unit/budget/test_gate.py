"""When the network must look, on drawn pictures: what moves, and what only seems to."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import msgspec
import numpy as np
import pytest

from stream.budget.gate import LOOK_S, MotionGate
from stream.scene import Line, Movement, Scene

WIDTH, HEIGHT, FPS = 640, 360, 25
LINE = Line("A", 0, 180, 640, 180)
RNG = np.random.default_rng(5)
GROUND = cv2.GaussianBlur(RNG.integers(60, 180, (HEIGHT + 40, WIDTH + 40), np.uint8), (0, 0), 6)
GROUND = cv2.normalize(GROUND, None, 70, 160, cv2.NORM_MINMAX)

Road = Callable[[int], np.ndarray]


def empty(k: int, shift: tuple[int, int] = (0, 0), light: float = 1.0) -> np.ndarray:
    """Luma of moment k: the ground with camera noise of 2 grey levels."""
    x, y = 20 + shift[0], 20 + shift[1]
    ground = GROUND[y : y + HEIGHT, x : x + WIDTH] * light
    return np.clip(ground + np.random.default_rng(k).normal(0, 2, ground.shape), 0, 255).astype(np.uint8)


def with_box(k: int, xyxy: tuple[float, float, float, float], levels: int) -> np.ndarray:
    """The ground with a plain box that is lighter than it by so many grey levels."""
    x1, y1, x2, y2 = (round(n) for n in xyxy)
    picture = empty(k).astype(np.int16)
    picture[max(0, y1) : y2, max(0, x1) : x2] += levels
    return picture.clip(0, 255).astype(np.uint8)


def passes(road: Road, frames: int, fps: float = FPS) -> list[int]:
    """The moments that the gate lets through."""
    gate = MotionGate((LINE,), (WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT))
    return [k for k in range(frames) if gate.passes(road(k), k / fps)]


@pytest.mark.parametrize(
    "road",
    [
        pytest.param(empty, id="nothing moves"),
        pytest.param(lambda k: empty(k, light=1 + 0.1 * np.sin(k / 10)), id="clouds"),
        pytest.param(lambda k: empty(k, light=1.0 if k < 50 else 0.7), id="exposure"),
        pytest.param(lambda k: empty(k, (round(4 * np.sin(k / 9)), round(3 * np.cos(k / 7)))), id="a mast in the wind"),
        pytest.param(lambda k: with_box(k, (30 + 4 * k, 20, 90 + 4 * k, 60), 60), id="a car far from the line"),
        pytest.param(lambda k: with_box(k, (300, 150, 360, 190), 60 if k >= 0 else 0), id="a parked car at the line"),
    ],
)
def test_few_pictures_pass_when_nothing_moves_near_the_line(road: Road) -> None:
    assert len(passes(road, 100)) <= 8  # four seconds: one a second, and some to learn


@pytest.mark.parametrize(
    ("size", "levels", "speed"),
    [
        pytest.param((6, 12), 40, 2.0, id="a motorcycle of 12 px"),
        pytest.param((6, 12), -40, 2.0, id="a dark one"),
        pytest.param((60, 40), 15, 3.0, id="a grey car on a grey road"),
        pytest.param((400, 300), 50, 6.0, id="a lorry that fills the picture"),
        pytest.param((60, 40), 60, 0.5, id="a slow car"),
        pytest.param((60, 40), 60, 20.0, id="a fast car"),
    ],
)
def test_pictures_pass_when_something_nears_the_line(size: tuple[int, int], levels: int, speed: float) -> None:
    width, height = size
    start = 180 - 50 - height  # its lower edge 50 px before the line

    def road(k: int) -> np.ndarray:
        top = start + speed * max(0, k - 30)
        return with_box(k, (320 - width / 2, top, 320 + width / 2, top + height), levels)

    near = [k for k in range(30, 90) if -30 <= start + speed * (k - 30) + height - 180 <= 30]
    seen = [k for k in passes(road, 90) if k in near]
    moved_px = np.diff([near[0], *seen, near[-1]]).max() * speed
    assert moved_px <= max(12.0, 3 * speed), "it moved too far between two looks"


def test_looks_follow_each_other_at_once_when_what_moves_is_faint() -> None:
    def looks(levels: int) -> int:
        return len(passes(lambda k: with_box(k, (300, 80 + 8 * k, 360, 120 + 8 * k), levels if k else 0), 20))

    assert looks(levels=60) <= 12 and looks(levels=12) >= 18


def test_every_picture_passes_when_the_road_is_busy() -> None:
    def road(k: int) -> np.ndarray:
        return with_box(k, ((11 * k) % 640, 150, (11 * k) % 640 + 60, 190), 60)

    assert len([k for k in passes(road, 400) if k >= 300]) == 100


def test_a_pass_comes_every_second_when_nothing_moves() -> None:
    seen = passes(empty, 200)
    assert max(np.diff(seen)) <= LOOK_S * FPS + 1


def test_the_first_picture_passes_when_time_has_jumped() -> None:
    gate = MotionGate((LINE,), (WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT))
    times_s = [0.0, 0.04, 0.08, 30.0, 30.04, 5.0, 5.04]
    assert [gate.passes(empty(k), pts_s) for k, pts_s in enumerate(times_s)] == [
        True,
        False,
        False,
        True,
        False,
        True,
        False,
    ]


def test_motion_counts_everywhere_when_there_is_no_line() -> None:
    gate = MotionGate((), (WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT))
    pictures = [empty(0), empty(1), empty(2), with_box(3, (10, 10, 60, 50), 60)]
    assert [gate.passes(picture, k / FPS) for k, picture in enumerate(pictures)] == [True, False, False, True]


def test_only_what_the_network_sees_counts_when_there_is_a_region() -> None:
    gate = MotionGate((), (WIDTH, HEIGHT), (200, 100, 400, 300))
    pictures = [empty(0), empty(1), empty(2), with_box(3, (10, 10, 60, 50), 60), with_box(4, (250, 150, 300, 200), 60)]
    assert [gate.passes(picture, k / FPS) for k, picture in enumerate(pictures)] == [True, False, False, False, True]


def test_motion_counts_everywhere_when_movements_are_followed_through_the_picture() -> None:
    scene = Scene("cam", WIDTH, HEIGHT, (LINE,), movements=(Movement("back", "A", "A"),))
    far = with_box(3, (10, 10, 60, 50), 60)
    for one, seen in ((scene, True), (msgspec.structs.replace(scene, movements=()), False)):
        gate = MotionGate.of(one, (0, 0, WIDTH, HEIGHT))
        assert [gate.passes(picture, k / FPS) for k, picture in enumerate([empty(0), empty(1), far])][2] is seen
