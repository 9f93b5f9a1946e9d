"""What becomes of detections: ids that stay, tracks that end, and bad input that does no harm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stream.messages import LABELS, Detections, Tracks
from stream.settings import TrackerSettings
from stream.tracking.tracker import Tracker

PERSON, BICYCLE, CAR, MOTORCYCLE, BUS, TRUCK = range(6)
Box = tuple[float, float, float, float]  # centre x, centre y, width, height


def detections(*found: tuple[Box, int, float]) -> Detections:
    """(centre box, label, score) of each."""
    centre = np.array([box for box, _, _ in found], np.float32).reshape(-1, 4)
    half = centre[:, 2:] / 2
    xyxy = np.concatenate([centre[:, :2] - half, centre[:, :2] + half], axis=1)
    score = np.array([score for _, _, score in found], np.float32)
    return Detections(xyxy, score, np.array([label for _, label, _ in found], np.int16))


def car(x: float, y: float = 100.0, score: float = 0.9) -> tuple[Box, int, float]:
    return (x, y, 60.0, 40.0), CAR, score


def confirmed(tracks: Tracks) -> list[int]:
    return tracks.track_id[tracks.confirmed].tolist()


def test_id_stays_when_a_car_drives() -> None:
    tracker = Tracker(TrackerSettings())
    ids = {i for k in range(50) for i in confirmed(tracker.update(detections(car(50 + 8 * k)), k / 25))}
    assert ids == {1}


def test_id_stays_when_a_small_box_jumps_by_its_own_width_a_frame() -> None:
    """No overlap from frame to frame: plain IoU would lose it (ultralytics #25492)."""
    tracker = Tracker(TrackerSettings())
    path = [((40 + 60.0 * k, 100, 50, 40), CAR, 0.8) for k in range(10)]
    ids = [confirmed(tracker.update(detections(box), k / 25)) for k, box in enumerate(path)]
    assert ids[2:] == [[1]] * 8


@pytest.mark.parametrize("fps", [8.0, 25.0, 60.0])
def test_id_stays_when_hidden_for_most_of_a_second(fps: float) -> None:
    """A new id behind a bus would be counted again (ByteTrack #237, supervision #1720)."""
    tracker = Tracker(TrackerSettings())
    ids = set()
    for k in range(int(4 * fps)):
        t = k / fps
        hidden = 1.5 < t < 2.3
        ids |= set(confirmed(tracker.update(detections() if hidden else detections(car(50 + 100 * t)), t)))
    assert ids == {1}


@pytest.mark.parametrize(("speed", "tracks"), [(10.0, 1), (150.0, 2)])
def test_track_lingers_when_hidden_for_long_only_if_it_hardly_moves(speed: float, tracks: int) -> None:
    """A walker behind a bus that waits comes out where it went in; a car might be anywhere, and another be there."""
    tracker = Tracker(TrackerSettings())
    ids = set()
    for k in range(150):
        box = (50 + speed * k / 25, 100.0, 20.0, 50.0)
        found = detections() if 70 < k < 125 else detections((box, PERSON, 0.9))
        ids |= set(confirmed(tracker.update(found, k / 25)))
    assert len(ids) == tracks


def test_id_stays_when_a_car_stops_while_hidden() -> None:
    tracker = Tracker(TrackerSettings())
    ids = set()
    for k in range(100):
        x = min(50 + 6.0 * k, 250)
        ids |= set(confirmed(tracker.update(detections() if 30 < k < 50 else detections(car(x)), k / 25)))
    assert ids == {1}


def test_two_ids_when_two_cars_meet_and_pass() -> None:
    tracker = Tracker(TrackerSettings())
    last = None
    for k in range(60):
        a, b = car(50 + 8 * k, 100), car(530 - 8 * k, 118)
        last = tracker.update(detections(a, b), k / 25)
    assert last is not None
    assert dict(zip(last.track_id.tolist(), np.sign(last.velocity[:, 0]).tolist(), strict=True)) == {1: 1.0, 2: -1.0}


def test_weak_detections_carry_a_track_but_begin_none() -> None:
    tracker = Tracker(TrackerSettings())
    for k in range(5):
        tracker.update(detections(car(50 + 5 * k), car(400, 300, 0.2)), k / 25)
    tracks = tracker.update(detections(car(75, score=0.2), car(400, 300, 0.2)), 5 / 25)
    assert tracks.track_id.tolist() == [1]
    assert tracks.observed.tolist() == [True]


@pytest.mark.parametrize(("missed", "expected"), [(0, 1), (6, 0)])
def test_weak_box_beside_a_standing_car_is_not_the_car_when_that_was_lost(missed: int, expected: int) -> None:
    """A regression: tracks of parked cars lived on by weak boxes of their neighbours, and hopped over lines."""
    tracker = Tracker(TrackerSettings())
    for k in range(20):
        tracker.update(detections(car(100)), k / 25)
    for k in range(20, 20 + missed):
        tracker.update(detections(), k / 25)
    tracks = tracker.update(detections(car(128, score=0.2)), (20 + missed) / 25)
    assert tracks.observed.sum() == expected


def test_class_wavers_without_a_new_id() -> None:
    tracker = Tracker(TrackerSettings())
    labels = [CAR, TRUCK, CAR, CAR, BUS, CAR, TRUCK, CAR]
    for k, label in enumerate(labels):
        tracks = tracker.update(detections(((50 + 5 * k, 100, 60, 40), label, 0.8)), k / 25)
    assert tracks.track_id.tolist() == [1]
    assert LABELS[tracks.label[0]] == "car"


def test_person_never_becomes_a_truck() -> None:
    tracker = Tracker(TrackerSettings())
    for k in range(4):
        tracker.update(detections(((100, 100, 40, 80), PERSON, 0.9)), k / 25)
    tracks = tracker.update(detections(((100, 100, 40, 80), TRUCK, 0.9)), 4 / 25)
    assert sorted(tracks.track_id.tolist()) == [1, 2]


def test_one_track_when_a_vehicle_has_a_car_box_and_a_truck_box() -> None:
    tracker = Tracker(TrackerSettings())
    for k in range(10):
        x = 50 + 5 * k
        tracks = tracker.update(detections(((x, 100, 60, 40), CAR, 0.7), ((x + 2, 101, 63, 43), TRUCK, 0.6)), k / 25)
    assert tracks.track_id.tolist() == [1]


def test_lost_track_takes_no_second_box_when_another_vehicle_passes() -> None:
    """A regression: the truck box of a car woke the track of a vehicle that was gone, and the car was not counted."""
    tracker = Tracker(TrackerSettings())
    for k in range(10):
        tracker.update(detections(car(200), car(60 + 5 * k)), k / 25)
    for k in range(10, 30):
        x = 60 + 5 * k
        second = ((x + 1.0, 101.0, 62.0, 41.0), TRUCK, 0.5)
        tracks = tracker.update(detections(car(x, score=0.8), second), k / 25)
        assert tracks.observed.sum() == 1


@pytest.mark.parametrize(("looks", "lives"), [(2, False), (3, True)])
def test_hides_for_long_when_trusted(looks: int, lives: bool) -> None:
    """Two good looks are enough to be shown, not to be waited for: what seemed a car for a moment soon ends."""
    tracker = Tracker(TrackerSettings())
    shown = [confirmed(tracker.update(detections(car(50 + 8 * k)), k / 25)) for k in range(looks)]
    hidden = [tracker.update(detections(), k / 25) for k in range(looks, looks + 12)]
    assert shown[-1] == [1]
    assert (len(hidden[-1]) == 1) is lives


def test_no_confirmed_track_when_a_cab_is_boxed_within_its_truck() -> None:
    """A regression: the cab was born while the truck went unseen for a moment, and crossed the line beside it."""
    tracker = Tracker(TrackerSettings())
    for k in range(20):
        truck, cab = ((50 + 5 * k, 100, 120, 80), TRUCK, 0.8), ((20 + 5 * k, 100, 50, 60), CAR, 0.7)
        tracks = tracker.update(detections(cab) if k in (5, 6) else detections(truck, cab), k / 25)
    assert [LABELS[label] for label in tracks.label[tracks.confirmed]] == ["truck"]


def test_two_tracks_when_a_car_passes_in_front_of_a_truck() -> None:
    tracker = Tracker(TrackerSettings())
    for k in range(40):
        truck, small = ((300, 100, 160, 100), TRUCK, 0.8), ((60 + 8 * k, 120, 50, 40), CAR, 0.8)
        tracks = tracker.update(detections(truck, small), k / 25)
    assert tracks.confirmed.tolist() == [True, True]


def test_one_track_when_a_rider_sits_on_a_motorcycle() -> None:
    tracker = Tracker(TrackerSettings())
    for k in range(10):
        x = 50 + 5 * k
        rider, machine = ((x, 80, 20, 40), PERSON, 0.8), ((x, 95, 26, 36), MOTORCYCLE, 0.7)
        tracks = tracker.update(detections(rider, machine), k / 25)
    assert [LABELS[label] for label in tracks.label] == ["motorcycle"]


@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_id_stays_when_the_detector_looks_at_every_kth_frame(every: int) -> None:
    tracker = Tracker(TrackerSettings())
    ids, observed = set(), 0
    for k in range(100):
        tracks = tracker.update(detections(car(50 + 5 * k)) if k % every == 0 else None, k / 25)
        ids |= set(confirmed(tracks))
        observed += int(tracks.observed.sum())
    assert ids == {1}
    assert observed == len(range(0, 100, every))
    assert abs(tracks.xyxy[0, [0, 2]].mean() - (50 + 5 * 99)) < 5


def test_others_are_still_predicted_when_a_track_has_ended() -> None:
    """Dropping a column once left a table whose views were copies, so that predictions were lost."""
    tracker = Tracker(TrackerSettings())
    for k in range(40):
        tracker.update(detections(car(50 + 8 * k), *([car(400, 300)] if k < 3 else [])), k / 25)
    tracks = tracker.update(None, 44 / 25)
    assert tracks.track_id.tolist() == [1]
    assert abs(tracks.xyxy[0, [0, 2]].mean() - (50 + 8 * 44)) < 3


def test_track_ends_once_and_its_id_is_not_used_again() -> None:
    """State that is never evicted grows for days (ultralytics #25729)."""
    tracker = Tracker(TrackerSettings())
    ended: list[int] = []
    for k in range(200):
        found = detections(car(50 + 5 * (k % 100))) if k % 100 < 40 else detections()
        ended += tracker.update(found, k / 25).ended.tolist()
    ended += tracker.reset().ended.tolist()
    assert ended == [1, 2]
    assert tracker.update(detections(car(50)), 9.0).track_id.tolist() == [3]


def test_id_stays_when_pts_jump_back_stand_still_or_leap() -> None:
    tracker = Tracker(TrackerSettings())
    for k, pts_s in enumerate([10, 10.04, 10.08, 10.08, 10.12, 3.0, 3.04, 3.08, 3.5, 3.54]):
        tracks = tracker.update(detections(car(50 + 3 * k)), pts_s)
    assert tracks.track_id.tolist() == [1]
    assert np.abs(tracks.velocity).max() < 1000  # no speeds of 1,536 km/h (ultralytics #20342)


def test_id_stays_at_one_frame_a_second() -> None:
    tracker = Tracker(TrackerSettings())
    for k in range(8):
        tracks = tracker.update(detections(car(50 + 20 * k)), float(k))
    assert tracks.track_id.tolist() == [1]


def test_bad_boxes_are_rejected_and_counted() -> None:
    tracker = Tracker(TrackerSettings())
    good = [100, 100, 160, 140]
    bad = [[50, 50, 50, 90], [90, 50, 50, 90], [np.nan, 0, 10, 10], [0, 0, np.inf, 10], [-np.inf, 0, np.inf, 10]]
    boxes = np.array([*bad, good], np.float32)
    for k in range(3):
        tracks = tracker.update(Detections(boxes, np.full(6, 0.9, np.float32), np.full(6, CAR, np.int16)), k / 25)
    assert tracker.rejected == 15
    np.testing.assert_allclose(tracks.xyxy, [good], atol=0.5)


@settings(deadline=None, max_examples=50)
@given(
    hnp.arrays(np.float32, (4, 6, 4), elements=st.floats(width=32)),
    hnp.arrays(np.float32, (4, 6), elements=st.floats(0, 1, width=32)),
    st.lists(st.floats(-5, 5), min_size=4, max_size=4),
)
def test_no_input_poisons_the_filter(xyxy: np.ndarray, score: np.ndarray, pts_s: list[float]) -> None:
    tracker = Tracker(TrackerSettings(birth_score=0.1, confirm_hits=1, confirm_evidence=0))
    with np.errstate(all="raise", under="ignore"):
        for boxes, scores, t in zip(xyxy, score, pts_s, strict=True):
            tracks = tracker.update(Detections(boxes, scores, np.full(6, CAR, np.int16)), t)
            assert np.isfinite(tracks.xyxy).all()
            assert np.isfinite(tracks.velocity).all()
            assert (tracks.xyxy[:, 2:] > tracks.xyxy[:, :2]).all()


def test_ids_are_unique_in_a_crowd() -> None:
    random = np.random.default_rng(1)
    tracker = Tracker(TrackerSettings())
    for k in range(30):
        found = [
            ((x, y, 30, 30), CAR, s)
            for x, y, s in zip(*random.uniform(0, 900, (2, 300)), random.random(300), strict=True)
        ]
        tracks = tracker.update(detections(*found), k / 25)
        assert len(np.unique(tracks.track_id)) == len(tracks)


@pytest.mark.parametrize("variant", ["default", "sort", "bytetrack", "ocsort"])
def test_every_variant_follows_a_car(variant: str) -> None:
    tracker = Tracker(TrackerSettings.model_validate({"variant": variant}))
    for k in range(20):
        tracks = tracker.update(detections(car(50 + 5 * k)), k / 25)
    assert confirmed(tracks) == [1]


def test_state_goes_on_where_it_was_saved() -> None:
    one, two = Tracker(TrackerSettings()), Tracker(TrackerSettings())
    for k in range(10):
        one.update(detections(car(50 + 5 * k), car(50 + 4 * k, 300)), k / 25)
    two.restore(one.state())
    for k in range(10, 20):
        a, b = (tracker.update(detections(car(50 + 5 * k)), k / 25) for tracker in (one, two))
        np.testing.assert_array_equal(a.xyxy, b.xyxy)
        np.testing.assert_array_equal(a.track_id, b.track_id)
