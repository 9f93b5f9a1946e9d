"""When a track crosses a line: each test is a way in which counts go wrong elsewhere."""

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.counting import Counter
from stream.counting.stretch import Stretch
from stream.messages import LABELS, Crossing, Frame, Tracks
from stream.scene import Line, Scene
from stream.settings import CountingSettings

ACROSS = Line("A", 100, 200, 500, 200)  # drawn from left to right: downwards is `in`
SIZE = 40.0
Path = Sequence[tuple[float, float] | None]  # ground points, one a frame; None: not seen


def tracks(rows: dict[int, tuple[float, float]], moved: dict[int, tuple[float, float]], **other: object) -> Tracks:
    """Tracks with these ground points; those of `coasting` are not observed, those of `trial` not confirmed."""
    ids = sorted(rows)
    foot = np.array([rows[i] for i in ids], np.float32).reshape(-1, 2)
    half = np.array([SIZE / 2, 0], np.float32)
    xyxy = np.concatenate([foot - half - [0, SIZE], foot + half], axis=1).astype(np.float32)
    coasting, trial, label = other.get("coasting", ()), other.get("trial", ()), other.get("label", {})
    return Tracks(
        track_id=np.array(ids, np.int64),
        xyxy=xyxy,
        velocity=np.array([moved.get(i, (0, 0)) for i in ids], np.float32).reshape(-1, 2),
        label=np.array([LABELS.index(label.get(i, "car")) for i in ids], np.int16),
        score=np.ones(len(ids), np.float32),
        observed=np.array([i not in coasting for i in ids], bool),
        confirmed=np.array([i not in trial for i in ids], bool),
        ended=np.zeros(0, np.int64),
    )


def frames_of(
    paths: dict[int, Path], fps: float = 25.0, trial_frames: int = 0, labels: dict[int, str] | None = None
) -> list[tuple[Frame, Tracks]]:
    """Tracks that follow these paths; before its first and after its last point a track does not exist."""
    made: list[tuple[Frame, Tracks]] = []
    last: dict[int, tuple[float, float]] = {}
    age: dict[int, int] = {}
    for seq in range(max(map(len, paths.values()))):
        rows, moved, coasting = {}, {}, set()
        for i, path in paths.items():
            if seq >= len(path) or (path[seq] is None and i not in last):
                continue
            point = path[seq]
            if point is None:
                coasting.add(i)
                point = last[i]
            elif i in last:
                moved[i] = ((point[0] - last[i][0]) * fps, (point[1] - last[i][1]) * fps)
            rows[i] = last[i] = point
            age[i] = age.get(i, 0) + 1
        trial = {i for i in rows if age[i] <= trial_frames}
        frame = Frame("cam", 0, seq, seq / fps, 0, 640, 480)
        made.append((frame, tracks(rows, moved, coasting=coasting, trial=trial, label=labels or {})))
    return made


def count(
    paths: dict[int, Path],
    lines: tuple[Line, ...] = (ACROSS,),
    fps: float = 25.0,
    trial_frames: int = 0,
    labels: dict[int, str] | None = None,
    **changes: object,
) -> list[Crossing]:
    """Crossings of tracks that follow these paths: see frames_of."""
    counter = Counter(Scene("cam", 640, 480, lines), CountingSettings.model_validate(changes))
    found = [crossing for one in frames_of(paths, fps, trial_frames, labels) for crossing in counter.update(*one)]
    return [*found, *counter.finish()]


def down(x: float, start: float, stop: float, step: float, lead: int = 0) -> Path:
    """A straight way down (or up, step < 0) after `lead` frames of absence."""
    return [None] * lead + [(x, float(y)) for y in np.arange(start, stop, step)]


def directions(crossings: list[Crossing]) -> list[str]:
    return [crossing.direction for crossing in crossings]


@pytest.mark.parametrize(
    ("line", "path", "expected"),
    [
        (ACROSS, down(300, 100, 300, 5), "in"),
        (ACROSS, down(300, 300, 100, -5), "out"),
        (Line("A", 500, 200, 100, 200), down(300, 100, 300, 5), "out"),
        (Line("A", 300, 400, 300, 50), [(x, 200.0) for x in range(200, 400, 5)], "in"),  # walking up: right is right
    ],
)
def test_direction_is_the_walkers_left_to_right(line: Line, path: Path, expected: str) -> None:
    assert directions(count({1: path}, (line,))) == [expected]


def test_crossing_names_the_frame_and_the_place_where_the_anchor_passed() -> None:
    (crossing,) = count({7: down(300, 102, 300, 5)})
    assert (crossing.camera, crossing.line, crossing.track_id, crossing.label) == ("cam", "A", 7, "car")
    assert crossing.seq == 20  # 102 + 5 * 20 = 202
    assert crossing.pts_s == pytest.approx(0.8)
    assert (crossing.x, crossing.y) == pytest.approx((300, 200))


@pytest.mark.parametrize("step", [60, 130, 199])
def test_counts_when_a_vehicle_jumps_over_the_line(step: int) -> None:
    """Fast objects are never near the line in any frame (ultralytics #25492)."""
    assert directions(count({1: down(300, 10, 460, step)})) == ["in"]


@pytest.mark.parametrize("jitter", [1.0, 3.0, 6.0])
def test_counts_nothing_when_a_box_trembles_on_the_line(jitter: float) -> None:
    """A flicker counts backwards (supervision #2598)."""
    random = np.random.default_rng(0)
    path = [*down(300, 100, 200, 10), *[(300.0, 200 + float(d)) for d in random.uniform(-jitter, jitter, 200)]]
    assert count({1: [*path, *down(300, 195, 100, -10)]}) == []


def test_counts_once_when_a_vehicle_stops_on_the_line_and_goes_on() -> None:
    random = np.random.default_rng(0)
    stay = [(300.0, 200 + float(d)) for d in random.uniform(-5, 5, 200)]
    assert directions(count({1: [*down(300, 100, 200, 5), *stay, *down(300, 205, 300, 5)]})) == ["in"]


def test_counts_both_ways_when_a_vehicle_turns_round() -> None:
    assert directions(count({1: [*down(300, 100, 300, 5), *down(300, 300, 100, -5)]})) == ["in", "out"]


def test_counts_both_ways_when_a_vehicle_turns_round_to_where_it_came_from() -> None:
    """Back near its first place a track had gone nowhere, so its second crossing was never proven."""
    assert directions(count({1: [*down(300, 170, 300, 5), *down(300, 300, 160, -5)]})) == ["in", "out"]


def test_counts_nothing_when_a_box_leaps_across_for_one_frame() -> None:
    """Two vehicles in one box for a moment: the anchor leaps to the other side and back."""
    path = [*down(300, 100, 180, 2), (300.0, 250.0), *down(300, 180, 100, -2)]
    assert count({1: path}) == []


def test_counts_once_when_lost_before_and_found_behind_the_line() -> None:
    hidden: Path = [None] * 15
    (crossing,) = count({1: [*down(300, 100, 180, 5), *hidden, *down(300, 260, 350, 5)]})
    assert (crossing.direction, crossing.track_id) == ("in", 1)
    assert 16 <= crossing.seq <= 24  # about a quarter into the gap


def test_counts_two_when_vehicles_cross_side_by_side() -> None:
    assert len(count({1: down(250, 100, 300, 5), 2: down(300, 100, 300, 5)})) == 2


def test_counts_two_when_vehicles_follow_closely() -> None:
    assert len(count({1: down(300, 100, 300, 5), 2: down(300, 100, 300, 5, lead=10)})) == 2


def test_opposite_directions_never_merge() -> None:
    """Two boxes at one place and time, one each way (ultralytics #25103)."""
    assert sorted(directions(count({1: down(300, 100, 300, 5), 2: down(305, 298, 100, -5)}))) == ["in", "out"]


@pytest.mark.parametrize("broken_at", [185, 195, 205, 215])
def test_counts_once_when_the_id_switches_at_the_line(broken_at: int) -> None:
    first, second = down(300, 100, broken_at, 5), down(300, broken_at + 10, 330, 5, lead=(broken_at - 100) // 5 + 2)
    assert directions(count({1: first, 2: second})) == ["in"]


def test_counts_once_when_two_tracks_lie_on_one_vehicle() -> None:
    labels = {1: "car", 2: "truck"}
    assert len(count({1: down(300, 100, 300, 5), 2: down(303, 98, 300, 5)}, labels=labels)) == 1


def grown(frame: Frame, width: float, height: float, foot: tuple[float, float]) -> tuple[Frame, Tracks]:
    """One track of this box size with its ground point there."""
    one = tracks({1: foot}, {1: (0.0, 300.0)})
    x, y = foot
    xyxy = np.array([[x - width / 2, y - height, x + width / 2, y]], np.float32)
    return frame, msgspec.structs.replace(one, xyxy=xyxy)


def test_counts_when_the_box_of_a_bus_grows_as_fast_as_it_comes() -> None:
    """A regression: it had never gone the size of its box of that moment, and was taken for a standing thing."""
    counter = Counter(Scene("cam", 640, 480, (ACROSS,)), CountingSettings())
    found = []
    for k in range(30):
        frame = Frame("cam", 0, k, k / 25, 0, 640, 480)
        found += counter.update(*grown(frame, 100 + 9 * k, 110 + 9 * k, (300, 150 + 7 * k)))
    assert [crossing.direction for crossing in found] == ["in"]


def test_counts_two_when_a_car_passes_within_the_box_of_a_bus() -> None:
    """A regression: of two tracks that had been apart before, the one inside was taken for a part of the other."""
    counter, found = Counter(Scene("cam", 640, 480, (ACROSS,)), CountingSettings()), []
    for k in range(60):
        y, x = 40 + 4.0 * k, 560 - 4.5 * k
        both = tracks({1: (300, y), 2: (x, y)}, {1: (0, 100), 2: (-112, 100)})
        xyxy = np.array([[220, y - 140, 380, y], [x - 25, y - 40, x + 25, y]], np.float32)
        found += counter.update(Frame("cam", 0, k, k / 25, 0, 640, 480), msgspec.structs.replace(both, xyxy=xyxy))
    assert len(found) == 2


def test_counts_two_when_one_vehicle_stops_behind_another_that_stands_past_the_line() -> None:
    """A regression: seen from low down, the second hid the first just when it was counted, and was taken for it."""
    paths = {
        1: [*down(300, 100, 226, 5), *[(300.0, 226.0)] * 60],
        2: [*down(300, -100, 216, 4), *[(300.0, 216.0)] * 20],
    }
    assert len(count(paths)) == 2


@pytest.mark.parametrize("ahead", [-15, 0, 12])
def test_counts_one_of_the_machines_class_when_a_rider_is_tracked_beside_the_machine(ahead: int) -> None:
    """A regression: where the rider's track crossed first, a person was counted."""
    paths = {1: down(300, 100, 300, 5), 2: down(302, 100 + ahead, 300 + ahead, 5)}
    assert [c.label for c in count(paths, labels={1: "motorcycle", 2: "person"})] == ["motorcycle"]


@pytest.mark.parametrize(
    "machine", [[(302.0, 225.0)] * 60, down(302, 260, 160, -5)], ids=["parked", "coming the other way"]
)
def test_counts_a_person_who_walks_past_a_machine(machine: Path) -> None:
    crossings = count({1: machine, 2: down(300, 150, 300, 5)}, labels={1: "motorcycle", 2: "person"})
    assert [c.label for c in crossings if c.direction == "in"] == ["person"]


@pytest.mark.parametrize(("born", "expected"), [(23, ["car"]), (0, ["car", "motorcycle"])])
def test_counts_once_when_the_lamp_of_a_car_is_taken_for_a_motorcycle(born: int, expected: list[str]) -> None:
    """A regression: by night a second track began on a tail lamp, of another class, and passed the line as well. Who
    was followed for longer is a motorcycle that passes in front of the car."""
    counter, found = Counter(Scene("cam", 640, 480, (ACROSS,)), CountingSettings()), []
    for k in range(60):
        y = 100 + 4.0 * k
        rows, label = {1: (300.0, y), 2: (310.0, y)}, {2: "motorcycle"}
        both = tracks({i: at for i, at in rows.items() if i == 1 or k >= born}, {1: (0, 100), 2: (0, 100)}, label=label)
        xyxy = np.array([[280, y - 40, 320, y], [300, y - 40, 320, y - 8]], np.float32)[: len(both.label)]
        found += counter.update(Frame("cam", 0, k, k / 25, 0, 640, 480), msgspec.structs.replace(both, xyxy=xyxy))
    assert [crossing.label for crossing in found] == expected


def test_counts_nothing_that_passed_before_the_stream_began() -> None:
    """A regression: who stood right behind the line in the first frame was prolonged backwards over it."""
    assert count({1: down(300, 203, 400, 5)}) == []
    assert directions(count({1: down(300, 203, 400, 5, lead=8)})) == ["in"]


def test_counts_when_confirmed_only_after_the_line() -> None:
    assert directions(count({1: down(300, 180, 300, 5)}, trial_frames=8)) == ["in"]


@pytest.mark.parametrize(("hidden", "crossings"), [((), 1), ((11, 12), 0)])
def test_counts_when_the_sights_are_evidence_enough(hidden: tuple[int, ...], crossings: int) -> None:
    """Two good looks are enough to show a track, not to count it; a predicted place is no sight."""
    path: Path = [None if k in hidden else (300, 150 + 6.0 * k) for k in range(20)]  # 20 looks with a score of 1
    assert len(count({1: path}, evidence=19)) == crossings


def test_counts_nothing_when_never_confirmed() -> None:
    assert count({1: down(300, 100, 300, 5)}, trial_frames=100) == []


@pytest.mark.parametrize(("stop", "expected"), [(206, ["in"]), (211, ["in"]), (196, [])])
def test_counts_at_the_end_of_the_stream_what_has_passed(stop: int, expected: list[str]) -> None:
    assert directions(count({1: down(300, 100, stop, 5)})) == expected


def test_counts_nothing_when_the_stream_ends_as_a_box_touches_the_line() -> None:
    """A regression: in the last frame of the demo a cyclist's box was two pixels over, its wheels were not."""
    assert count({1: down(300, 97, 203, 5)}) == []


def test_counts_nothing_when_a_parked_car_is_found_again_and_again() -> None:
    """Frigate #195."""
    random = np.random.default_rng(2)
    paths = {i: [None] * (40 * i) + [(300.0, 198 + float(d)) for d in random.uniform(-4, 4, 30)] for i in range(1, 6)}
    assert count(paths) == []


def test_counts_nothing_when_a_track_hops_from_one_parked_car_to_the_next() -> None:
    """A regression: hidden for a moment, the track of one standing car was found again on the one across the line."""
    assert count({1: [*[(300.0, 170.0)] * 20, *[None] * 8, *[(300.0, 222.0)] * 30]}) == []


@pytest.mark.parametrize("speed", [2.0, 5.0])
def test_counts_nothing_when_a_track_ends_before_the_line(speed: float) -> None:
    """A regression: boxes of reflections, and vehicles that fell apart at a pole, were prolonged over the line."""
    paths: dict[int, Path] = {1: down(300, 100, 196, speed), 2: [(60.0, 60.0)] * 80}
    assert count(paths) == []


@pytest.mark.parametrize(("x", "expected"), [(60, 0), (94, 1), (300, 1), (506, 1), (540, 0)])
def test_line_ends_where_it_ends(x: float, expected: int) -> None:
    """Counted without touching, or never counted, because of which corner must pass (supervision #210, #518, #1838)."""
    assert len(count({1: down(x, 100, 300, 5)})) == expected


def test_counts_nothing_when_a_vehicle_drives_round_the_end() -> None:
    path = [*down(300, 100, 180, 5), *[(float(x), 180.0) for x in range(300, 600, 10)], *down(600, 180, 260, 5)]
    assert count({1: [*path, *[(float(x), 260.0) for x in range(600, 300, -10)]]}) == []


@pytest.mark.parametrize(("fps", "step"), [(5.0, 25.0), (10.0, 12.5), (60.0, 2.1)])
def test_counts_the_same_at_any_frame_rate(fps: float, step: float) -> None:
    """Frame rate assumed to be 30 (ultralytics #24247)."""
    (crossing,) = count({1: down(300, 101, 300, step)}, fps=fps)
    assert crossing.pts_s == pytest.approx(99 / (step * fps), abs=1.5 / fps)


def test_anchor_can_be_the_centre() -> None:
    ground, centre = (count({1: down(300, 100, 300, 5)}, anchor=anchor)[0] for anchor in ("ground", "centre"))
    assert centre.seq - ground.seq == 4  # half a box later


def test_several_lines_count_apart() -> None:
    lines = (ACROSS, Line("B", 100, 250, 500, 250), Line("C", 100, 400, 500, 400))
    assert [c.line for c in count({1: down(300, 100, 300, 5)}, lines)] == ["A", "B"]


def test_no_state_is_left_when_tracks_end() -> None:
    counter = Counter(Scene("cam", 640, 480, (ACROSS,)), CountingSettings())
    for seq in range(400):
        y = 100 + 10.0 * (seq % 20)
        counter.update(Frame("cam", 0, seq, seq / 25, 0, 640, 480), tracks({seq // 20: (300, y)}, {}))
    assert len(counter.state()) < 2500  # one track, and the crossings of the last seconds


def wander(seed: int, frames: int = 60) -> list[tuple[Frame, Tracks]]:
    """Boxes that come, go, stop, tremble, coast and lie on each other around a line."""
    random = np.random.default_rng(seed)
    start_y = random.uniform(100, 300, 6)
    speed = random.choice([-12.0, -4.0, 0.0, 4.0, 12.0, 40.0], 6)
    born, life = random.integers(0, frames // 2, 6), random.integers(5, frames, 6)
    made = []
    for seq in range(frames):
        alive = [i for i in range(6) if born[i] <= seq < born[i] + life[i]]
        rows = {i: (250 + 15.0 * i, start_y[i] + speed[i] * (seq - born[i]) + random.normal(0, 3)) for i in alive}
        coasting = {i for i in alive if random.uniform() < 0.2}
        trial = {i for i in alive if seq - born[i] < 8}
        moved = {i: (0.0, 25 * speed[i]) for i in alive}
        made.append((Frame("cam", 0, seq, seq / 25, 0, 640, 480), tracks(rows, moved, coasting=coasting, trial=trial)))
    return made


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 59))
def test_restored_counter_goes_on_as_if_nothing_had_happened(seed: int, cut: int) -> None:
    """Counts start from zero after a crash (opendatacam #200, norfair #267)."""
    scene = Scene("cam", 640, 480, (ACROSS, Line("B", 100, 260, 500, 240)))
    frames, counters = wander(seed), [Counter(scene, CountingSettings()) for _ in range(2)]
    for one in frames[:cut]:
        counters[0].update(*one)
    counters[1].restore(counters[0].state())
    for one in frames[cut:]:
        undisturbed, restored = (counter.update(*one) for counter in counters)
        assert restored == undisturbed
        assert counters[0].state() == counters[1].state()
    assert counters[1].finish() == counters[0].finish()


def test_state_is_refused_when_it_is_of_another_scene() -> None:
    counter = Counter(Scene("cam", 640, 480, (ACROSS,)), CountingSettings())
    for one in wander(1)[:20]:
        counter.update(*one)
    with pytest.raises(ValueError, match="reshape"):
        Counter(Scene("cam", 640, 480, (ACROSS, ACROSS)), CountingSettings()).restore(counter.state())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(1, 59), max_size=6))
def test_crossings_are_the_same_however_the_stream_is_cut_into_stretches(seed: int, cuts: list[int]) -> None:
    """A replay that takes thousands of frames at once must count what was counted live, frame by frame."""
    scene = Scene("cam", 640, 480, (ACROSS, Line("B", 100, 260, 500, 240)))
    live, replay = (Counter(scene, CountingSettings(evidence=5)) for _ in range(2))
    random = np.random.default_rng(seed)
    frames = [
        (frame, msgspec.structs.replace(one, score=random.random(len(one), np.float32))) for frame, one in wander(seed)
    ]
    expected = [crossing for one in frames for crossing in live.update(*one)]
    found: list[Crossing] = []
    for start, stop in itertools.pairwise(sorted({0, len(frames), *cuts})):
        found += replay.count(stretch_of(frames[start:stop]))
    assert found == expected
    assert live.state() == replay.state()
    assert live.finish() == replay.finish()


def stretch_of(frames: Sequence[tuple[Frame, Tracks]]) -> Stretch:
    """Several frames in one stretch."""
    ones = [Stretch.of(*one) for one in frames]
    columns = {name: np.concatenate([getattr(one, name) for one in ones]) for name in Stretch.__struct_fields__}
    frame = np.repeat(np.arange(len(ones)), [len(one.track_id) for one in ones])
    return Stretch(**{**columns, "frame": frame})
