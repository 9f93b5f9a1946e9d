"""What makes recovery sound: lives of lanes, checkpoints with their events, the folder of a run, parts of a video."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
from pathlib import Path

import av
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.config.file import parse
from stream.config.schema import Config
from stream.drawing.overlay import Overlay
from stream.errors import ConfigError, OutputError, RoadtallyError, SourceError
from stream.messages import Checkpoint, Crossing, Restore
from stream.plan.topology import WorkerPlan
from stream.records.claim import Claim
from stream.records.store import RESTART, STORE, RoadUser, Store
from stream.results.folder import begin, take_up
from stream.running.recovery import MOST, WINDOW_S, Lanes
from stream.scene import Scene
from stream.sinks.recording import join, parts_of
from stream.sinks.video import VIDEO, AnnotatedVideo
from stream.transport.codec import Codec
from stream.transport.leftovers import OWNER, PREFIX, clear_leftovers, socket_folder
from stream.video import VideoInfo
from tests.build import make_counted, make_yuv
from tests.unit.plan.test_topology import plan_of


def workers(*cameras: str, detectors: int = 1) -> tuple[WorkerPlan, ...]:
    return plan_of(cameras, placement={"detectors": detectors}).workers


def crossing(k: int, camera: str = "cam") -> Crossing:
    return Crossing(camera, "A", "in", k, "car", 10 * k, 0.4 * k, 1.0, 2.0)


# --- the lives of lanes


def test_all_workers_of_a_lane_are_concerned_when_one_dies() -> None:
    lanes = Lanes(workers("a", "b"))
    assert lanes.begin_anew("decode-0", "it died") == {"decode-0", "detect", "track+record"}
    assert lanes.epochs == {"a": 1, "b": 0}
    for name in ("decode-0", "detect"):
        lanes.halted(name, lanes.epochs_of(name))
    assert lanes.due() == {}, "one has not said that it holds nothing of the life before"
    lanes.halted("track+record", {"a": 0, "b": 0})
    assert lanes.due() == {}, "it spoke of the life before"
    lanes.halted("track+record", {"a": 1, "b": 0})
    assert lanes.due() == {"a": "it died"}
    assert lanes.due() == {}


def test_lanes_of_a_finished_worker_begin_anew_when_it_is_needed_again() -> None:
    lanes = Lanes(workers("a", "b", detectors=2))
    lanes.begin_anew("detect-0", "it died", finished={"decode-0", "decode-1", "detect-1", "track+record"})
    assert lanes.epochs == {"a": 1, "b": 1}


def test_worker_is_given_up_when_it_dies_too_often_in_a_short_time() -> None:
    lanes = Lanes(workers("a"))
    assert all(lanes.may_start_again("detect", 1.0) for _ in range(MOST))
    assert not lanes.may_start_again("detect", 1.0)
    assert lanes.may_start_again("decode", 1.0), "each has its own count"
    assert lanes.may_start_again("detect", WINDOW_S)


def test_worker_is_given_up_when_it_always_dies_and_takes_long_to_start() -> None:
    """Deaths were counted by the clock: five starts of 20 s never came within a minute, and it went on for ever."""
    lanes = Lanes(workers("a"))
    assert [lanes.may_start_again("detect", 0.0) for _ in range(MOST + 1)] == [True] * MOST + [False]


# --- checkpoints


def test_checkpoint_goes_over_the_wire_as_it_is() -> None:
    for message in (Checkpoint("cam", 2, 7, {"decode": b"\0x"}), Restore("cam", 3, {"track": b"y"})):
        assert Codec().decode([bytes(part) for part in Codec().encode(message)]) == message


def test_events_of_after_a_checkpoint_are_forgotten_when_a_lane_goes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / STORE)
    store.add_crossings([crossing(1), crossing(1, "other")])
    store.add_user(RoadUser("cam", 1, "car", 0.0, 1.0, ((0.0, 1.0, 2.0),)))
    store.seal(Checkpoint("cam", 0, 25, {"decode": b"here"}))
    store.add_crossings([crossing(2)])  # after the cut, but waiting when the checkpoint is stored
    store.commit_sealed()
    assert [c.track_id for c in store.crossings()] == [1, 1]
    store.add_crossings([crossing(3, "other")])
    store.note("cam", RESTART, "it went back once before")
    store.commit()
    assert len(store.crossings()) == 4
    store.rewind("cam")
    assert [(c.camera, c.track_id) for c in store.crossings()] == [("cam", 1), ("other", 1), ("other", 3)]
    assert store.checkpoint("cam") == Checkpoint("cam", 0, 25, {"decode": b"here"})
    assert store.notes(RESTART) == [("cam", "it went back once before")]
    assert [user.track_id for user in store.users()] == [1]
    store.rewind("other")  # it has no checkpoint yet
    assert [c.camera for c in store.crossings()] == ["cam"]
    store.close()


@given(st.lists(st.integers(0, 9), max_size=30), st.lists(st.integers(0, 9), max_size=30))
def test_counts_are_the_same_when_events_are_stored_twice(first: list[int], second: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / STORE)
        for ids in (first, second, first):
            store.add_crossings(crossing(k) for k in ids)
            store.commit()
        assert [c.track_id for c in store.crossings()] == sorted({*first, *second})
        store.close()


# --- the folder of a run


def config_of(folder: Path, clip: Path) -> Config:
    raw = {"cameras": [{"source": str(clip), "name": "cam"}], "output": {"dir": str(folder)}}
    return parse(raw, "test")


@pytest.fixture
def cut_off(tmp_path: Path) -> tuple[Path, Path]:
    clip, folder = tmp_path / "road.mp4", tmp_path / "out"
    clip.write_bytes(b"the pictures")
    begin(folder, config_of(folder, clip))
    return folder, clip


def test_configuration_is_the_same_when_a_run_is_taken_up(cut_off: tuple[Path, Path]) -> None:
    folder, clip = cut_off
    os.utime(clip)  # touched, but the same
    assert take_up(folder, {}) == config_of(folder, clip)


def finish(folder: Path, clip: Path) -> None:
    store = Store(folder / STORE)
    store.end_run("finished")
    store.close()


def change(folder: Path, clip: Path) -> None:
    clip.write_bytes(b"of something")
    os.utime(clip, (1, 1))


def age(folder: Path, clip: Path) -> None:
    database = sqlite3.connect(folder / STORE)
    with database:
        database.execute("UPDATE runs SET version = '0.0.9'")
    database.close()


WRONG = {
    "old": (age, OutputError, "got one of 0.0.9"),
    "finished": (finish, OutputError, "has finished"),
    "foreign": (lambda folder, clip: (folder / STORE).unlink(), OutputError, "holds no run"),
    "changed": (change, SourceError, "expected the file that the run began with"),
    "longer": (lambda folder, clip: clip.write_bytes(b"the pictures and more"), SourceError, "got another"),
    "gone": (lambda folder, clip: clip.unlink(), SourceError, "no such file any more"),
}


@pytest.mark.parametrize(("spoil", "kind", "text"), WRONG.values(), ids=WRONG.keys())
def test_error_says_why_when_a_run_cannot_be_taken_up(
    spoil, kind: type[RoadtallyError], text: str, cut_off: tuple[Path, Path]
) -> None:
    spoil(*cut_off)
    with pytest.raises(kind, match=text):
        take_up(cut_off[0], {})


def test_password_is_asked_for_when_a_camera_is_taken_up(tmp_path: Path) -> None:
    raw = {"cameras": [{"source": "rtsp://me:secret@camera/1", "name": "gate"}], "output": {"dir": str(tmp_path)}}
    begin(tmp_path, parse(raw, "test"))
    with pytest.raises(ConfigError, match="set ROADTALLY_GATE_USER and ROADTALLY_GATE_PASSWORD"):
        take_up(tmp_path, {})
    assert take_up(tmp_path, {"ROADTALLY_GATE_USER": "me", "ROADTALLY_GATE_PASSWORD": "secret"})


def test_folder_is_refused_when_another_run_writes_into_it(tmp_path: Path) -> None:
    claim = Claim(tmp_path, 0)
    with pytest.raises(OutputError, match="another run is writing"):
        Claim(tmp_path, 0.1)
    claim.close()
    Claim(tmp_path, 0).close()


def test_only_what_a_dead_run_left_is_cleared_when_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets, memory = tmp_path / "sockets", tmp_path / "memory"
    sockets.mkdir()
    memory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(sockets))
    monkeypatch.setattr("stream.transport.leftovers.SHARED_MEMORY", memory)
    for run in ("1-dead", "2-live"):
        (memory / f"{PREFIX}{run}-0").touch()  # a ring
        folder = sockets / f"{PREFIX}{run}-xyz"
        folder.mkdir()
        (folder / OWNER).touch()
    with (sockets / f"{PREFIX}2-live-xyz" / OWNER).open() as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        clear_leftovers()
    assert [path.name for path in sockets.iterdir()] == [f"{PREFIX}2-live-xyz"]
    assert [path.name for path in memory.iterdir()] == [f"{PREFIX}2-live-0"]
    with socket_folder("3-new") as mine:
        clear_leftovers()
        assert mine.exists()


# --- the parts of a video


def write_part(path: Path, began: int, pictures: range) -> None:
    info = VideoInfo(64, 48, 25.0, None, None, "h264", "yuv420p")
    video = AnnotatedVideo(path, Overlay(Scene("cam", 64, 48, ())), info, began_s=began / 25)
    for k in pictures:
        video.write(make_counted(k, k / 25, make_yuv(64, 48, 40 + k)))
    video.close()


def test_video_shows_every_picture_once_when_parts_overlap(tmp_path: Path) -> None:
    parts = [(0, range(0, 30)), (20, range(20, 50)), (20, range(20, 24)), (22, range(22, 60))]
    for again, (began, pictures) in enumerate(parts, start=1):
        name = VIDEO if again == 1 else f"annotated.{again}.{began * 40_000}.mp4"
        write_part(tmp_path / name, began, pictures)
    (tmp_path / "annotated.5.2400000.mp4").write_bytes(b"")  # killed at once
    join(tmp_path)
    assert parts_of(tmp_path) == [(tmp_path / VIDEO, 0)]
    with av.open(str(tmp_path / VIDEO)) as video:
        shown = [(round(p.pts * p.time_base * 25), round(float(p.to_ndarray()[:40].mean()))) for p in video.decode()]
    assert [k for k, _ in shown] == list(range(60))
    assert all(abs(luma - 40 - k) < 6 for k, luma in shown)


def test_overlay_goes_on_with_its_totals_when_it_is_restored() -> None:
    scene = Scene("cam", 64, 48, ())
    first, second = Overlay(scene), Overlay(scene)
    counted = msgspec.structs.replace(make_counted(1, 0.1, None), crossings=(crossing(1),))
    first.watch(counted)
    second.restore(first.state())
    assert second.state() == first.state() != Overlay(scene).state()
    second.restore(None)
    assert second.state() == Overlay(scene).state()
