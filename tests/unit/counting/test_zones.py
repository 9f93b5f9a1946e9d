"""When a track visits a zone: each test is a way in which occupancy and dwell go wrong elsewhere."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.counting.polygon import Polygon, check_zone
from stream.counting.stretch import Stretch
from stream.counting.zones import ZoneCounter
from stream.messages import Visit
from stream.scene import Scene, Zone
from stream.settings import CountingSettings
from tests.unit.counting.test_counting import Path, down, frames_of, stretch_of, wander

SQUARE = Zone("Z", ((200.0, 150.0), (400.0, 150.0), (400.0, 250.0), (200.0, 250.0)))


def visits(paths: dict[int, Path], zones: tuple[Zone, ...] = (SQUARE,), **other: object) -> list[Visit]:
    """Visits as they were told last, of tracks that follow these ground points."""
    counter = ZoneCounter(Scene("cam", 640, 480, zones=zones), CountingSettings())
    told = [visit for one in frames_of(paths, **other) for visit in counter.update(*one)]
    last = {visit.key: visit for visit in [*told, *counter.finish()]}
    return list(last.values())


def test_a_visit_has_the_times_at_which_the_anchor_passed_the_border() -> None:
    (visit,) = visits({7: down(300, 102, 350, 5)})
    assert (visit.zone, visit.track_id, visit.label, visit.entered, visit.left) == ("Z", 7, "car", "edge", "edge")
    assert (visit.entered_seq, visit.left_seq) == (10, 30)  # 152 and 252
    assert (visit.entered_s, visit.left_s) == pytest.approx((48 / 5 / 25, 148 / 5 / 25))


def test_a_visit_is_told_while_it_lasts_and_again_when_it_is_over() -> None:
    counter = ZoneCounter(Scene("cam", 640, 480, zones=(SQUARE,)), CountingSettings())
    told = [visit for one in frames_of({1: down(300, 100, 350, 5)}) for visit in counter.update(*one)]
    assert [(visit.left, visit.key) for visit in told] == [(None, "cam/Z/1/10"), ("edge", "cam/Z/1/10")]


@pytest.mark.parametrize("step", [60, 130, 199])
def test_visits_when_a_vehicle_jumps_through_or_over_the_zone(step: int) -> None:
    """A point in a polygon is never seen inside it when it is fast."""
    (visit,) = visits({1: down(300, 20, 470, step)})
    assert visit.left_s - visit.entered_s == pytest.approx(100 / step / 25)


@pytest.mark.parametrize("jitter", [1.0, 3.0, 6.0])
def test_visits_nothing_when_a_box_trembles_on_the_border(jitter: float) -> None:
    """Who queues before a zone would enter it a hundred times."""
    random = np.random.default_rng(0)
    path = [*down(300, 100, 150, 10), *[(300.0, 150 + float(d)) for d in random.uniform(-jitter, jitter, 200)]]
    assert visits({1: [*path, *down(300, 145, 50, -10)]}) == []


def test_visits_once_when_a_box_trembles_out_of_the_zone() -> None:
    random = np.random.default_rng(0)
    stay = [(300.0, 248 + float(d)) for d in random.uniform(-6, 6, 200)]
    (visit,) = visits({1: [*down(300, 100, 245, 5), *stay, *down(300, 240, 100, -5)]})
    assert visit.left_s - visit.entered_s > 8


def test_visits_nothing_when_a_box_leaps_in_for_one_frame() -> None:
    assert visits({1: [*down(150, 100, 180, 4), (300.0, 200.0), *down(150, 180, 100, -4)]}) == []


def test_visits_nothing_when_a_vehicle_only_cuts_a_corner() -> None:
    assert visits({1: [(190.0 + k, 160.0 - k) for k in range(0, 40, 4)]}) == []


def test_visits_twice_when_a_vehicle_comes_back() -> None:
    path = [*down(300, 100, 320, 5), *down(300, 320, 100, -5)]
    assert len(visits({1: path})) == 2


def test_a_visit_says_when_its_beginning_or_end_was_not_seen() -> None:
    """A dwell time is too short when a track is born or lost inside: it must not go into an average."""
    born, lost = visits({1: down(250, 200, 350, 5), 2: down(350, 100, 200, 5)})
    assert (born.entered, born.left) == ("born", "edge")
    assert (lost.entered, lost.left) == ("edge", "lost")
    (waiting,) = visits({1: [*down(300, 100, 200, 5), *[(300.0, 200.0)] * 50]})
    assert waiting.left == "unseen"


def test_a_standing_vehicle_occupies_the_zone() -> None:
    """Lines count what moves; a zone is occupied by who waits."""
    (visit,) = visits({1: [(300.0, 200.0)] * 50})
    assert visit.entered == "born" and visit.left_s == pytest.approx(49 / 25)


def test_visits_nothing_when_never_confirmed() -> None:
    assert visits({1: down(300, 100, 350, 5)}, trial_frames=100) == []


def test_visits_once_when_a_rider_is_tracked_beside_the_machine() -> None:
    labels = {1: "motorcycle", 2: "person"}
    assert [v.label for v in visits({1: down(300, 100, 350, 5), 2: down(302, 85, 335, 5)}, labels=labels)] == [
        "motorcycle"
    ]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(1, 59), max_size=6), crash=st.integers(0, 59))
def test_visits_are_the_same_however_the_stream_is_cut_and_after_a_crash(
    seed: int, cuts: list[int], crash: int
) -> None:
    scene = Scene("cam", 640, 480, zones=(SQUARE, Zone("T", ((250.0, 100.0), (350.0, 120.0), (300.0, 320.0)))))
    frames, replay = wander(seed), ZoneCounter(scene, CountingSettings())
    live, expected = ZoneCounter(scene, CountingSettings()), []
    for seq, one in enumerate(frames):
        expected += live.update(*one)
        if seq == crash:
            state, live = live.state(), ZoneCounter(scene, CountingSettings())
            live.restore(state)
    found: list[Visit] = []
    for start, stop in itertools.pairwise(sorted({0, len(frames), *cuts})):
        found += replay.count(stretch_of(frames[start:stop]))
    assert found == expected
    assert replay.finish() == live.finish()


def test_nothing_is_remembered_of_tracks_that_ended() -> None:
    """Memory grows over days (ultralytics #25729)."""
    counter = ZoneCounter(Scene("cam", 640, 480, zones=(SQUARE,)), CountingSettings())
    for one in frames_of({k: down(300, 100, 350, 10, lead=25 * k) for k in range(1, 20)}):
        counter.update(*one)
    assert len(counter.state()) < 500
    assert counter.count(Stretch.nothing()) == ()


@given(x=st.floats(-50, 150), y=st.floats(-50, 150))
def test_depth_is_the_distance_to_the_border_of_a_square(x: float, y: float) -> None:
    polygon = Polygon(Zone("Z", ((0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0))))
    outside = np.hypot(max(-x, 0, x - 100), max(-y, 0, y - 100))
    expected = -outside if outside > 0 else min(x, y, 100 - x, 100 - y)
    assert polygon.depth(np.array([x]), np.array([y]))[0] == pytest.approx(expected, abs=1e-9)


def test_a_dented_zone_is_left_in_its_dent() -> None:
    dented = Polygon(Zone("U", ((0, 0), (30, 0), (30, 60), (60, 60), (60, 0), (90, 0), (90, 90), (0, 90))))
    assert (dented.depth(np.array([15.0, 45.0, 75.0]), np.full(3, 30.0)) > 0).tolist() == [True, False, True]
    assert dented.cuts((-10.0, 30.0), (100.0, 30.0)) == pytest.approx([10 / 110, 40 / 110, 70 / 110, 100 / 110])


@pytest.mark.parametrize(
    ("corners", "problem"),
    [
        (((0, 0), (10, 0)), "2 corners and needs 3"),
        (((0, 0), (700, 0), (0, 100)), "lies outside the picture"),
        (((0, 0), (float("nan"), 0), (0, 100)), "finite"),
        (((0, 0), (9, 0), (9, 9)), "covers 40 square pixels"),
        (((0, 0), (100, 100), (100, 0), (0, 50)), "sides cross"),
        (SQUARE.corners_xy, None),
    ],
)
def test_a_zone_that_cannot_be_counted_in_is_refused(corners: Sequence, problem: str | None) -> None:
    found = check_zone(Zone("Z", tuple(corners)), Scene("cam", 640, 480))
    assert found is None if problem is None else problem in (found or "")
