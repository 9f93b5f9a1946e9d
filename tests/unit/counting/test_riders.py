"""A rider is of the machine's class in everything that is told of one road user."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from stream.config.file import parse
from stream.counting import Counter
from stream.counting.riders import known_as
from stream.messages import LABELS, Counted, Crossing, EndOfStream, Frame, Tracks
from stream.plan.cameras import plan_camera
from stream.records.store import STORE, Store
from stream.records.trajectories import TRAJECTORIES, read_trajectories
from stream.results.replay import Lane, recount, tally_of
from stream.results.summary import Summary, summarise, write_tally
from stream.settings import CountingSettings
from stream.sinks.events import Events
from stream.sinks.trajectories import Trajectories
from stream.video import VideoInfo

RIDER, MACHINE = 1, 2
LINES = {"A": [100, 200, 500, 200], "B": [100, 360, 500, 360]}
INFO = VideoInfo(640, 480, 25.0, None, None, "h264", "yuv420p")


def tracks_at(y: float) -> Tracks:
    """A rider, and the machine that is lower and a little behind; down the picture, 5 px a frame."""
    xyxy = [[290, y - 70, 312, y], [288, y - 52, 316, y - 4]]
    return Tracks(
        np.array([RIDER, MACHINE]), np.array(xyxy, np.float32), np.tile(np.float32([0, 125]), (2, 1)),
        np.array([LABELS.index("person"), LABELS.index("motorcycle")], np.int16), np.ones(2, np.float32),
        np.ones(2, bool), np.ones(2, bool), np.zeros(0, np.int64),
    )  # fmt: skip


@pytest.fixture
def ridden_past(tmp_path: Path) -> tuple[Path, Summary, Lane]:
    """What a run leaves in which both tracks go over two lines, the rider ahead."""
    raw = {"cameras": [{"source": "cam.mp4", "lines": LINES}], "output": {"dir": tmp_path}}
    config = parse(raw, "here")
    camera = plan_camera(config, config.cameras[0], INFO)
    counter = Counter(camera.scene, CountingSettings())
    sinks = Events.open(camera, tmp_path), Trajectories.open(camera, tmp_path)
    for k in range(75):
        frame, tracks = Frame("cam", 0, k, k / 25, 0, 640, 480), tracks_at(80 + 5.0 * k)
        counted = Counted(frame, tracks, counter.update(frame, tracks))
        for sink in sinks:
            sink.write(counted)
    for sink in sinks:
        sink.end(EndOfStream("cam", 0, 75, {}, crossings=counter.finish()))
        sink.close()
    summary = summarise(tmp_path, [camera.scene])
    write_tally(tmp_path, summary.tally, [camera.scene])
    return tmp_path, summary, Lane(camera.scene, (tmp_path / TRAJECTORIES,))


def classes(path: Path, track_id: int) -> set[str]:
    with path.open(newline="") as file:
        return {row["class"] for row in csv.DictReader(file) if row["track_id"] == str(track_id)}


def test_all_results_name_the_class_of_the_machine_when_the_rider_crossed_first(
    ridden_past: tuple[Path, Summary, Lane],
) -> None:
    """A motorcycle in crossings.csv was a person in movements.csv, in the store and in the closing table."""
    folder, summary, _ = ridden_past
    assert classes(folder / "crossings.csv", RIDER) == {"motorcycle"}, "the rider's track is the one that was counted"
    assert classes(folder / "movements.csv", RIDER) == {"motorcycle"}
    store = Store(folder / STORE)
    users = {user.track_id: user.label for user in store.users()}
    store.close()
    assert users == {RIDER: "motorcycle", MACHINE: "motorcycle"}
    assert summary.moving_by_class() == {"cam": {"motorcycle": 2}}


def test_the_trajectories_keep_the_person_and_count_again_alike_when_somebody_rides(
    ridden_past: tuple[Path, Summary, Lane],
) -> None:
    folder, summary, lane = ridden_past
    seen = [m.tracks for m in read_trajectories(folder / TRAJECTORIES) if isinstance(m, Counted)]
    assert {LABELS[label] for tracks in seen for label in tracks.label[tracks.track_id == RIDER]} == {"person"}
    again = recount(lane, CountingSettings())
    store = Store(folder / STORE)
    assert tally_of([lane], [again], store.users()) == summary.tally
    store.close()


@pytest.mark.parametrize(
    ("label", "counted_as", "expected"),
    [
        ("person", ["bicycle"], "bicycle"),
        ("person", ["person", "motorcycle", "person"], "motorcycle"),
        ("person", ["person"], "person"),
        ("person", [], "person"),
        ("person", ["car"], "person"),  # its vote wavered: nobody rides a car
        ("truck", ["car", "motorcycle"], "truck"),
    ],
)
def test_only_a_person_is_known_as_a_machine_when_it_was_counted_as_one(
    label: str, counted_as: list[str], expected: str
) -> None:
    assert known_as(label, counted_as) == expected


def test_crossings_of_others_change_nothing_when_tracks_share_a_frame(tmp_path: Path) -> None:
    raw = {"cameras": [{"source": "cam.mp4", "lines": LINES}], "output": {"dir": tmp_path}}
    config = parse(raw, "here")
    sink = Events.open(plan_camera(config, config.cameras[0], INFO), tmp_path)
    crossing = Crossing("cam", "A", "in", 99, "motorcycle", 0, 0.0, 300.0, 200.0)
    sink.write(Counted(Frame("cam", 0, 0, 0.0, 0, 640, 480), tracks_at(200), (crossing,)))
    sink.end(EndOfStream("cam", 0, 1, {}))
    sink.close()
    store = Store(tmp_path / STORE)
    assert [user.label for user in store.users()] == ["person", "motorcycle"]
    store.close()
