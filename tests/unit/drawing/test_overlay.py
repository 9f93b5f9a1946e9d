"""What an annotated picture shows."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from stream.drawing.canvas import Colour
from stream.drawing.overlay import CLASS_COLOURS, LINE_COLOUR, LIT_COLOUR, Overlay
from stream.messages import Crossing, Gap, Visit
from stream.scene import Line, Scene, Zone
from stream.video import yuv_planes
from tests.build import make_counted, make_tracks, make_yuv

SIZE = (320, 180)
SCENE = Scene("cam", *SIZE, (Line("north", 40, 150, 280, 150),))
EMPTY = Scene("cam", *SIZE)
CAR = (1, (100, 60, 140, 100), 2, True, True)


def area_of(yuv: np.ndarray, colour: Colour) -> int:
    """How many chroma samples have exactly this colour."""
    _, u, v = yuv_planes(yuv)
    return int(((u == colour.u) & (v == colour.v)).sum())


@pytest.mark.parametrize(("confirmed", "shown"), [(True, True), (False, False)])
def test_only_confirmed_tracks_are_shown(confirmed: bool, shown: bool) -> None:
    yuv = make_yuv(*SIZE)
    Overlay(EMPTY).draw(make_counted(0, 0.0, yuv, make_tracks([(*CAR[:4], confirmed)])))
    assert (area_of(yuv, CLASS_COLOURS[2]) > 0) == shown
    assert (yuv != make_yuv(*SIZE)).any() == shown


def test_a_trail_is_drawn_where_a_track_was_and_forgotten_when_it_ended() -> None:
    overlay = Overlay(EMPTY)
    for k in range(20):
        box = (20 + 10 * k, 60, 40 + 10 * k, 100)
        yuv = make_yuv(*SIZE)
        overlay.draw(make_counted(k, k / 25, yuv, make_tracks([(1, box, 2, True, True)])))
    y = yuv_planes(yuv)[0]
    assert (y[99:102, 60:180] != 90).any(axis=0).all()
    yuv = make_yuv(*SIZE)
    overlay.draw(make_counted(20, 0.8, yuv, make_tracks([], ended=[1])))
    assert (yuv == make_yuv(*SIZE)).all()
    assert not overlay._trails  # memory stays flat over days


def test_a_trail_ends_after_two_seconds_when_the_rate_varies() -> None:
    overlay = Overlay(EMPTY)
    for k, pts_s in enumerate((0.0, 0.1, 5.0, 5.5)):
        box = (20 + 60 * k, 60, 40 + 60 * k, 100)
        yuv = make_yuv(*SIZE)
        overlay.draw(make_counted(k, pts_s, yuv, make_tracks([(1, box, 2, True, True)])))
    y = yuv_planes(yuv)[0]
    assert (y[98:103, 155:205] != 90).any(axis=0).all()  # from the box at 5.0 s to the one at 5.5 s
    assert (y[98:103, :145] == 90).all()


def test_a_line_is_lit_after_a_crossing_and_its_total_grows() -> None:
    overlay = Overlay(SCENE)
    panels = []
    for pts_s, crossings in ((0.0, ()), (0.1, (Crossing("cam", "north", "in", 1, "car", 1, 0.1, 0, 0),)), (2.0, ())):
        yuv = make_yuv(*SIZE)
        overlay.add(crossings, pts_s)
        overlay.draw(make_counted(0, pts_s, yuv))
        y = yuv_planes(yuv)[0]
        assert y[150, 100] == (LIT_COLOUR if crossings else LINE_COLOUR).y
        panels.append(y[:60, :120].copy())
    assert (panels[0] != panels[1]).any()


def test_an_arrow_points_to_the_side_of_in() -> None:
    """A line drawn from left to right is crossed `in` downwards."""
    yuv = make_yuv(*SIZE)
    Overlay(SCENE).draw(make_counted(0, 0.0, yuv))
    y = yuv_planes(yuv)[0]
    assert (y[154:158, 160] != 90).all()
    assert (y[142:146, 160] == 90).all()


def test_zones_and_the_region_are_drawn_when_the_scene_has_them() -> None:
    zone = Zone("kerb", ((200, 100), (300, 100), (300, 160)))
    yuv = make_yuv(*SIZE)
    Overlay(Scene("cam", *SIZE, zones=(zone,), crop_xyxy=(20, 20, 180, 170))).draw(make_counted(0, 0.0, yuv))
    y = yuv_planes(yuv)[0]
    assert y[130, 300] != 90
    assert y[20, 20] != 90


def test_a_counted_frame_without_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a picture"):
        Overlay(SCENE).draw(make_counted(0, 0.0, None))


def test_a_zone_shows_how_many_are_inside_and_forgets_them_in_a_gap() -> None:
    scene = Scene("cam", *SIZE, zones=(Zone("Z", ((40.0, 60.0), (280.0, 60.0), (280.0, 150.0))),))
    overlay = Overlay(scene)

    def picture(*visits: Visit) -> np.ndarray:
        yuv = make_yuv(*SIZE)
        overlay.draw(msgspec.structs.replace(make_counted(0, 0.0, yuv), visits=visits))
        return yuv

    inside = Visit("cam", "Z", 1, "car", 0, 0.0, "edge")
    empty = picture()
    one, still_one = picture(inside), picture()
    assert (one != empty).any() and (one == still_one).all()
    left = msgspec.structs.replace(inside, left_seq=9, left_s=1.0, left="edge")
    assert (picture(left) == empty).all()
    picture(inside)
    unseen = msgspec.structs.replace(left, left="unseen")
    overlay.hear(Gap("cam", 0, 1.0, None, 0.0, None, "away", visits=(unseen,)))
    assert (picture() == empty).all()
