"""A worker that is killed is started again, and the results are those of a run in which nothing happened."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stream.config_file import parse
from stream.launch import Report, launch, look, planned
from stream.metrics import key
from stream.outcome import Interrupts
from stream.sinks.events import STORE
from stream.store import RESTART, RoadUser, Store
from tests.blobs import FRAMES, blob_picture
from tests.build import make_clip
from tests.pipeline.runs import configure, picture_times_s, run

PICTURES = 3 * FRAMES
DETECTOR = "SteadyBlobDetector"

APART = [["decode"], ["detect"], ["track"], ["record"]]
TOGETHER = [["decode", "detect", "track", "record"]]


def road(path: Path) -> Path:
    """Three times the same blobs."""
    return make_clip(path, [blob_picture(k % FRAMES) for k in range(PICTURES)])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(configure([road(folder / "road.mp4")], folder / "out")).exit_code == 0
    return folder


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


def once(stage: str, after: int) -> Callable[[float], None]:
    """Kill a worker when so many frames were recorded."""
    killed = False

    def disturb(frames: float) -> None:
        nonlocal killed
        if frames >= after and not killed:
            killed = True
            kill(stage)

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


@pytest.mark.parametrize("after", [20, 120])
@pytest.mark.parametrize(
    ("stage", "workers"),
    [("decode", None), ("detect", None), ("track", None), ("track", APART), ("record", APART), ("decode", TOGETHER)],
)
def test_results_are_those_of_an_undisturbed_run_when_a_worker_is_killed(
    stage: str, workers: Any, after: int, undisturbed: Path, tmp_path: Path
) -> None:
    place = {"placement": {"workers": workers}} if workers else {}
    report = run_and(once(stage, after), configure([undisturbed / "road.mp4"], tmp_path, DETECTOR, **place))
    assert report.exit_code == 0, report.outcome.error
    (recovery,) = report.outcome.recoveries
    assert "SIGKILL" in recovery.reason
    check_alike(tmp_path, undisturbed / "out")
    (balance,) = report.summary.balances
    assert (balance.decoded, balance.detected, balance.in_flight) == (PICTURES, PICTURES, 0)
    with sqlite3.connect(tmp_path / STORE) as database:
        assert database.execute("SELECT COUNT(*) FROM notes WHERE kind = ?", (RESTART,)).fetchone() == (1,)
