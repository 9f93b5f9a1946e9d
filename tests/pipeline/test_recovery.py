"""A worker that is killed is started again, and the results are those of a run in which nothing happened."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from stream.config.file import parse
from stream.metrics import key
from stream.records.store import RESTART, STORE, RoadUser, Store
from stream.results.folder import take_up
from stream.running.launch import Report, launch, look, planned
from stream.running.outcome import Interrupts
from tests.blobs import FRAMES, GO, blob_clip, blob_picture
from tests.build import make_clip
from tests.pipeline.runs import configure, has_left, leftovers, picture_times_s, run, workers_of

PICTURES = 3 * FRAMES
DETECTOR = "HeldBlobDetector"  # of a clip of PICTURES
SLOW_S = 100.0  # as long as a busy machine may take

APART = {"workers": [["decode"], ["detect"], ["track"], ["record"]]}
TOGETHER = {"workers": [["decode", "detect", "track", "record"]]}
TCP = {"mode": "tcp"}


def road(path: Path) -> Path:
    """Three times the same blobs."""
    return make_clip(path, [blob_picture(k % FRAMES) for k in range(PICTURES)])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(configure([road(folder / "road.mp4")], folder / "out")).exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """To be made when the run was disturbed: until then it does not end."""
    path = tmp_path / "go"
    monkeypatch.setenv(GO, str(path))
    return path


def kill(stage: str) -> None:
    """The worker whose name begins so."""
    for child in multiprocessing.active_children():
        if child.name.startswith(stage) and child.pid is not None:
            os.kill(child.pid, signal.SIGKILL)


def run_and(disturb: Callable[[float], None], raw: dict[str, Any]) -> Report:
    """disturb: is given how many frames were recorded, again and again."""
    config = parse(raw, "test")
    frames = key("roadtally_frames_total", camera=config.cameras[0].name)
    with planned(config, look(config)) as plan:
        return launch(config, plan, lambda values: disturb(values.get(frames, 0.0)), Interrupts())


def once(stage: str, after: int, go: Path) -> Callable[[float], None]:
    """Kill a worker when so many frames were recorded."""

    def disturb(frames: float) -> None:
        if frames >= after and not go.exists():
            kill(stage)
            go.touch()

    return disturb


def users(folder: Path) -> list[RoadUser]:
    store = Store(folder / STORE)
    try:
        return store.users()
    finally:
        store.close()


def check_alike(folder: Path, undisturbed: Path) -> None:
    for name in ("crossings.csv", "tracks.txt"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert users(folder) == users(undisturbed)
    assert picture_times_s(folder / "annotated.mp4") == picture_times_s(undisturbed / "annotated.mp4")
    assert not list(folder.glob("annotated.*.*"))


@pytest.mark.parametrize(
    ("stage", "after", "place"),
    [
        ("decode", 1, {}),
        ("decode", 100, {}),
        ("detect", 60, {}),
        ("track", 60, {}),
        ("detect", 100, TCP),
        ("track", 100, APART),
        ("record", 60, APART),
        ("decode", 60, TOGETHER),
    ],
)
def test_results_are_those_of_an_undisturbed_run_when_a_worker_is_killed(
    stage: str, after: int, place: dict[str, Any], undisturbed: Path, tmp_path: Path, go: Path
) -> None:
    raw = configure([undisturbed / "road.mp4"], tmp_path, DETECTOR, placement=place)
    report = run_and(once(stage, after, go), raw)
    assert report.exit_code == 0, report.outcome.error
    (recovery,) = report.outcome.recoveries
    assert "SIGKILL" in recovery.reason
    check_alike(tmp_path, undisturbed / "out")
    (balance,) = report.summary.balances
    assert (balance.decoded, balance.detected, balance.in_flight) == (PICTURES, PICTURES, 0)
    with closing(sqlite3.connect(tmp_path / STORE)) as database:
        assert database.execute("SELECT COUNT(*) FROM notes WHERE kind = ?", (RESTART,)).fetchone() == (1,)


def test_counts_stay_apart_when_one_of_two_cameras_goes_back(undisturbed: Path, tmp_path: Path, go: Path) -> None:
    clips = [undisturbed / "road.mp4", blob_clip(tmp_path / "short.mp4")]
    report = run_and(once("decode-0", 40, go), configure(clips, tmp_path / "out", DETECTOR))
    assert report.exit_code == 0, report.outcome.error
    assert list(report.outcome.recoveries[0].epochs) == ["road"]
    assert [(b.camera, b.decoded, b.in_flight) for b in report.summary.balances] == [
        ("road", PICTURES, 0),
        ("short", FRAMES, 0),
    ]
    expected = (undisturbed / "out" / "tracks.txt").read_bytes()
    assert (tmp_path / "out" / "road" / "tracks.txt").read_bytes() == expected


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the pids of workers are read from /proc")
def test_all_workers_leave_and_resume_completes_when_the_supervisor_is_killed(
    undisturbed: Path, tmp_path: Path, go: Path
) -> None:
    config = tmp_path / "config.yaml"
    out = tmp_path / "out"
    config.write_text(json.dumps(configure([undisturbed / "road.mp4"], out, DETECTOR)))
    supervisor = subprocess.Popen([sys.executable, "-m", "stream.cli", "run", str(config)], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: stored_frames(out) > 0)
        workers = workers_of(supervisor.pid)
        assert len(workers) == 3
    finally:
        supervisor.kill()
        supervisor.wait()
        go.touch()
    wait_until(lambda: all(has_left(worker) for worker in workers))
    report = resume(out)
    assert report.exit_code == 0, report.outcome.error
    check_alike(out, undisturbed / "out")
    assert leftovers(supervisor.pid) == [], "of the run that was killed"


@pytest.mark.parametrize("mode", ["inline", "processes"])
def test_resumed_run_has_the_results_of_an_undisturbed_one_when_it_was_interrupted(
    mode: str, undisturbed: Path, tmp_path: Path, go: Path
) -> None:
    detector = "SteadyBlobDetector" if mode == "inline" else DETECTOR  # nobody could let it go in its own process
    raw = configure([undisturbed / "road.mp4"], tmp_path, detector, placement={"mode": mode})
    config, interrupts = parse(raw, "test"), Interrupts()

    def interrupt(values: dict[str, float]) -> None:
        if interrupts.count:  # and the workers were told
            go.touch()
        interrupts.count = int(values.get(key("roadtally_frames_total", camera="road"), 0) > 60)

    with planned(config, look(config)) as plan:
        assert launch(config, plan, interrupt, interrupts).exit_code == 130
    assert len(picture_times_s(tmp_path / "annotated.mp4")) < PICTURES
    assert resume(tmp_path).exit_code == 0
    check_alike(tmp_path, undisturbed / "out")


def wait_until(holds: Callable[[], bool], within_s: float = SLOW_S) -> None:
    until_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until_s, "it took too long"
        time.sleep(0.02)


def stored_frames(out: Path) -> int:
    """Frames that a checkpoint holds; 0 before the first."""
    if not (out / STORE).exists():
        return 0
    with closing(sqlite3.connect(f"file:{out / STORE}?mode=ro", uri=True, timeout=SLOW_S)) as database:
        try:
            row = database.execute("SELECT detected FROM ledger").fetchone()
        except sqlite3.OperationalError:  # its tables are being made
            return 0
    return row[0] if row else 0


def resume(out: Path) -> Report:
    config = take_up(out, {})
    with planned(config, look(config)) as plan:
        return launch(config, plan, lambda values: None, Interrupts(), resume=True)


class Elsewhere:
    """The detector of a run as a worker on another host: started by a person, not by the supervisor."""

    def __init__(self, control: str) -> None:
        self._command = [sys.executable, "-m", "stream.cli", "worker", "--name", "detect", "--control", control]
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        self.process = subprocess.Popen(self._command, cwd=Path(__file__).resolve().parents[2])
        return self.process

    def kill_and_start(self) -> None:
        self.process.kill()
        self.process.wait()
        self.start()

    def lose_touch(self) -> None:
        """As if the network were away, until it is noticed."""
        self.process.send_signal(signal.SIGSTOP)

    def find_touch(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("disturb", "away_s", "reason"),
    [
        ("kill_and_start", SLOW_S, "came anew"),
        ("lose_touch", 2.0, "is away: nothing heard for 2 s"),
    ],
)
def test_results_are_those_of_an_undisturbed_run_when_a_worker_on_another_host_comes_back(
    disturb: str,
    away_s: float,
    reason: str,
    undisturbed: Path,
    tmp_path: Path,
    go: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stream.running.crew.AWAY_S", SLOW_S)
    raw = configure([undisturbed / "road.mp4"], tmp_path, DETECTOR, placement={"mode": "tcp"})
    config, done, seen = parse(raw, "test"), False, dict[str, float]()
    with planned(config, look(config)) as plan:
        apart = [replace(work, host="127.0.0.1") if work.name == "detect" else work for work in plan.workers]
        elsewhere = Elsewhere(plan.control)

        def watch(values: dict[str, float]) -> None:
            nonlocal done
            seen.update({name: max(value, seen.get(name, 0.0)) for name, value in values.items() if "away" in name})
            if not done and values.get(key("roadtally_frames_total", camera="road"), 0.0) >= 60:
                done = True
                getattr(elsewhere, disturb)()
                monkeypatch.setattr("stream.running.crew.AWAY_S", away_s)
            if done and (1.0 in seen.values() or disturb == "kill_and_start") and not go.exists():
                monkeypatch.setattr("stream.running.crew.AWAY_S", SLOW_S)
                elsewhere.find_touch()
                go.touch()

        try:
            report = launch(config, replace(plan, workers=tuple(apart)), watch, Interrupts())
            assert elsewhere.process.wait(SLOW_S) == 0
        finally:
            elsewhere.process.kill()
            elsewhere.process.wait()
    assert report.exit_code == 0, report.outcome.error
    (recovery,) = report.outcome.recoveries
    assert reason in recovery.reason and "on 127.0.0.1" in recovery.reason
    assert seen == {key("roadtally_worker_away", worker="detect"): float("away" in reason)}
    check_alike(tmp_path, undisturbed / "out")
