"""A gap ends tracks: nothing reaches over it, and a recount sees the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stream.config.file import parse
from stream.messages import Checkpoint, Clock, Counted, Crossing, Detected, Detections, EndOfStream, Frame, Gap
from stream.metrics import Metrics
from stream.plan.cameras import CameraPlan, plan_camera
from stream.plan.topology import WorkerPlan, make_plan
from stream.records.store import Store
from stream.records.trajectories import TRAJECTORIES, read_trajectories
from stream.results.replay import Lane, recount
from stream.settings import CountingSettings
from stream.sinks.events import Events
from stream.sinks.trajectories import Trajectories
from stream.stages.track import Track
from stream.video import VideoInfo

INFO = VideoInfo(320, 192, 25.0, None, None, "h264", "yuv420p")
GAP = Gap("cam", 0, 1.0, 9.0, 1001.0, 1009.0, "the camera was off")


def plans(folder: Path) -> tuple[CameraPlan, WorkerPlan]:
    camera = {"source": "rtsp://c/s", "name": "cam", "lines": {"A": [0.1, 0.5, 0.9, 0.5]}}
    camera |= {"zones": {"Z": [0.1, 0.4, 0.9, 0.4, 0.9, 1.0, 0.1, 1.0]}}
    config = parse({"cameras": [camera], "output": {"dir": folder}}, "here")
    plan = make_plan(config, {"cam": INFO}, lambda name, host: name, "run")
    return plan_camera(config, config.cameras[0], INFO), plan.workers[-1]


def cars(seq: int, pts_s: float, *tops: float) -> Detected:
    """Cars side by side, 30 px high, driving down to the line at 96 px and beyond."""
    boxes = np.array([[60 + 100 * k, top, 100 + 100 * k, top + 30] for k, top in enumerate(tops)], np.float32)
    scores, labels = np.full(len(tops), 0.9, np.float32), np.full(len(tops), 2, np.int16)
    return Detected(Frame("cam", 0, seq, pts_s, 0, 320, 192), Detections(boxes, scores, labels))


def drive(work: WorkerPlan) -> list[Counted | Gap]:
    """One car crosses in time. Another comes to just before the line, where the camera goes; when it is back, there is
    one just behind the line, and a third crosses."""
    track = Track(work, Metrics())
    messages = [*(cars(k, k / 25, 20 + 1.5 * k, 35 + 3 * k) for k in range(25)), GAP]
    messages += [cars(25 + k, 9 + k / 25, 75 + 1.5 * k, 30 + 3 * k) for k in range(40)]
    return [out for message in messages for out in track.process(message)]  # type: ignore[misc]


def ids(messages: list[Counted | Gap]) -> list[set[int]]:
    """Track ids before and after the gap."""
    at = next(k for k, message in enumerate(messages) if isinstance(message, Gap))
    parts = messages[:at], messages[at + 1 :]
    return [{int(i) for m in part if isinstance(m, Counted) for i in m.tracks.track_id} for part in parts]


def test_ids_are_new_when_the_camera_is_back(tmp_path: Path) -> None:
    before, after = ids(drive(plans(tmp_path)[1]))
    assert before and after and not before & after


def test_no_crossing_is_guessed_when_nobody_was_looking(tmp_path: Path) -> None:
    crossings = [crossing for message in drive(plans(tmp_path)[1]) for crossing in message.crossings]
    assert [GAP.hides(crossing) for crossing in crossings] == [False, False]
    assert [crossing.x > 150 for crossing in crossings] == [True, True]


def test_recount_agrees_when_there_was_a_gap(tmp_path: Path) -> None:
    camera, work = plans(tmp_path)
    messages = drive(work)
    sink = Trajectories.open(camera, tmp_path)
    for message in messages:
        sink.hear(message) if isinstance(message, Gap) else sink.write(message)
    sink.close()
    stored = tmp_path / TRAJECTORIES
    assert [message for message in read_trajectories(stored) if isinstance(message, Gap)] == [GAP]
    counted = [crossing for message in messages for crossing in message.crossings]
    assert recount(Lane(camera.scene, (stored,)), CountingSettings()).crossings == counted


def test_a_stay_ends_when_the_camera_goes_and_its_length_is_not_known(tmp_path: Path) -> None:
    """Who was inside when a camera was lost must not dwell there until it is back."""
    camera, work = plans(tmp_path)
    messages = drive(work)
    told = [visit for message in messages for visit in message.visits]
    last = {visit.key: visit for visit in told}.values()
    cut = [visit for visit in last if visit.left == "unseen"]
    assert cut and all(visit.left_s is not None and visit.left_s <= GAP.from_s for visit in cut)
    sink = Trajectories.open(camera, tmp_path)
    for message in messages:
        sink.hear(message) if isinstance(message, Gap) else sink.write(message)
    sink.close()
    again = recount(Lane(camera.scene, (tmp_path / TRAJECTORIES,)), CountingSettings()).visits
    assert sorted(again, key=lambda visit: visit.key) == sorted(last, key=lambda visit: visit.key)


def test_gap_is_one_row_when_it_was_told_twice(tmp_path: Path) -> None:
    camera, _ = plans(tmp_path)
    sink = Events.open(camera, tmp_path)
    begun = Gap("cam", 0, 1.0, None, 1001.0, None, "the camera was off")
    sink.hear(begun)
    sink.seal(Checkpoint("cam", 0, 0))
    sink.commit()
    store = Store(tmp_path / "events.sqlite")
    assert store.gaps() == [begun], "while it lasts it has no end"
    sink.hear(GAP)
    sink.seal(Checkpoint("cam", 0, 0))
    sink.commit()
    sink.close()
    assert store.gaps() == [GAP]
    store.close()


def test_crossing_has_its_time_of_day_when_the_clock_changed(tmp_path: Path) -> None:
    camera, _ = plans(tmp_path)
    sink = Events.open(camera, tmp_path)
    sink.hear(Clock("cam", 0, 0.0, 5000.0, "arrival"))
    sink.hear(Clock("cam", 0, 10.0, 5009.5, "rtcp"))
    sink.end(EndOfStream("cam", 0, 0, {}))
    store = Store(tmp_path / "events.sqlite")
    times_s = (-0.5, 3.0, 10.0, 12.0)
    store.add_crossings(Crossing("cam", "A", "in", k, "car", k, pts_s, 0, 0) for k, pts_s in enumerate(times_s))
    store.commit()
    sink.close()
    rows = store._db.execute("SELECT utc_s, time_source FROM crossings_utc ORDER BY pts_s").fetchall()
    store.close()
    assert [tuple(row) for row in rows] == [
        (4999.5, "arrival"),
        (5003.0, "arrival"),
        (5009.5, "rtcp"),
        (5011.5, "rtcp"),
    ]
