"""A worker, or the whole run, is killed while a camera is counted: what was not seen is a gap, nothing counts twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stream.records.store import Store
from tests.live.camera import Camera
from tests.live.test_run import ROOT, SECRET, crossings, interrupt, roadtally, stored, wait
from tests.pipeline.runs import workers_of

COUNTED_AFTER = "SELECT key FROM crossings c, gaps g WHERE g.to_s < c.pts_s"


def check(out: Path, reason: str) -> None:
    store = Store(out / "events.sqlite")
    (balance,), gaps, counted, users = store.balances(), store.gaps(), store.crossings(), store.users()
    store.close()
    (gap,) = [gap for gap in gaps if reason in gap.reason]
    assert gap.to_s is not None and gap.to_s > gap.from_s
    assert not any(gap.hides(crossing) for crossing in counted)
    before = {c.track_id for c in counted if c.pts_s <= gap.from_s}
    after = {c.track_id for c in counted if c.pts_s > gap.from_s}
    assert before and after and max(before) < min(after), "a track goes on over the gap"
    assert not any(user.first_pts_s <= gap.from_s and user.last_pts_s > gap.from_s for user in users)
    seen = balance.detected + balance.predicted + balance.quiet
    assert (balance.decoded, balance.in_flight) == (seen + sum(balance.skipped.values()), 0)


@pytest.mark.parametrize("stage", [0, 1, 2], ids=["decode", "detect", "track and record"])
def test_time_without_a_worker_is_a_gap_when_it_is_killed(stage: int, road: Camera, tmp_path: Path) -> None:
    process = roadtally(road.port, tmp_path)
    wait(process, lambda: crossings(tmp_path) > 0)
    os.kill(workers_of(process.pid)[stage], signal.SIGKILL)
    wait(process, lambda: bool(stored(tmp_path, COUNTED_AFTER)))
    code, text = interrupt(process)
    assert code == 130, text
    check(tmp_path, "SIGKILL")


def test_counts_go_on_when_a_killed_run_is_resumed(road: Camera, tmp_path: Path) -> None:
    process = roadtally(road.port, tmp_path)
    wait(process, lambda: crossings(tmp_path) > 0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    login = {"ROADTALLY_ROAD_USER": "viewer", "ROADTALLY_ROAD_PASSWORD": SECRET}
    command = [sys.executable, "-m", "stream.cli", "run", "--resume", str(tmp_path)]
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **login}
    )
    wait(process, lambda: bool(stored(tmp_path, COUNTED_AFTER)))
    code, text = interrupt(process)
    assert code == 130, text
    check(tmp_path, "the run was resumed")
