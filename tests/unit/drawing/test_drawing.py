"""Drawing on the planes: where strokes fall, and that nothing falls outside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.drawing.canvas import BLACK, WHITE, Canvas, Colour, text_plate
from stream.video import yuv_planes
from tests.build import make_yuv

PURE_RED = Colour.rgb(255, 0, 0)


def drawn(yuv: np.ndarray) -> np.ndarray:
    """bool (H, W): where luma is no longer the ground of make_yuv."""
    return yuv_planes(yuv)[0] != 90


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [((0, 0, 0), (16, 128, 128)), ((255, 255, 255), (235, 128, 128)), ((255, 0, 0), (81, 90, 240)),
     ((0, 0, 255), (41, 240, 110))],
)  # fmt: skip
def test_colours_are_limited_range_when_made_from_rgb(rgb: tuple, yuv: tuple) -> None:
    assert Colour.rgb(*rgb) == pytest.approx(yuv, abs=1)


def test_a_box_is_an_outline_on_all_planes() -> None:
    yuv = make_yuv(160, 120)
    Canvas(yuv).box(np.array([20, 30, 60, 80], np.float32), PURE_RED)
    y, u, v = yuv_planes(yuv)
    expected = np.zeros((120, 160), bool)
    expected[30:80, 20:60] = True
    expected[32:78, 22:58] = False
    np.testing.assert_array_equal(y == PURE_RED.y, expected)
    np.testing.assert_array_equal(u == PURE_RED.u, expected[::2, ::2])
    np.testing.assert_array_equal(v == PURE_RED.v, expected[::2, ::2])


def test_only_corners_are_drawn_when_a_track_coasts() -> None:
    yuv = make_yuv(160, 120)
    Canvas(yuv).box(np.array([20, 30, 60, 80], np.float32), PURE_RED, corners_only=True)
    shown = drawn(yuv)
    assert shown[30, 20] and shown[79, 59] and shown[30, 59] and shown[79, 20]
    assert not shown[30, 40] and not shown[55, 20]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-2000, 2000, width=32), min_size=4, max_size=4), st.booleans())
def test_drawing_stays_inside_when_coordinates_are_anything(values: list[float], corners_only: bool) -> None:
    guarded = np.full((3, 108, 96), 7, np.uint8)
    guarded[1] = make_yuv(96, 72)
    canvas = Canvas(guarded[1])
    canvas.box(np.array(values, np.float32), WHITE, corners_only)
    canvas.label("car 1234567890 with a very long name", values[0], values[1], WHITE)
    canvas.path(np.array(values, np.float32).reshape(2, 2), WHITE, 2)
    assert (guarded[[0, 2]] == 7).all()


@pytest.mark.parametrize("height", [120, 360, 1080])
def test_labels_grow_when_the_picture_is_taller(height: int) -> None:
    yuv = make_yuv(height * 16 // 9 // 2 * 2, height)
    Canvas(yuv).label("bus 12", 0, 60, WHITE)
    rows = np.flatnonzero(drawn(yuv).any(axis=1))
    assert len(rows) >= max(9, height // 50)


@pytest.mark.parametrize(("ground", "ink"), [(WHITE.y, BLACK.y), (BLACK.y, WHITE.y), (PURE_RED.y, WHITE.y)])
def test_letters_stand_out_when_the_ground_is(ground: int, ink: int) -> None:
    plate = text_plate("truck 7", 0.5, ground)
    assert (plate.shape[0] % 2, plate.shape[1] % 2) == (0, 0)
    assert abs(int(plate.max()) - int(plate.min())) > 90
    assert np.abs(plate.astype(int) - ink).min() < 12


def test_a_panel_darkens_what_lies_under_it() -> None:
    yuv = make_yuv(320, 180, luma=200)
    Canvas(yuv).panel((("", "in", "out"), ("north", "1", "2")))
    y = yuv_planes(yuv)[0]
    assert np.median(y[:30, :50]) < 100
    assert (y[-60:] == 200).all()
