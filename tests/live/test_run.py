"""A whole run on a camera, from the command line: what a person gets."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stream.records.store import Store
from stream.video.live import BUSY, SILENT
from tests.blobs import LINE
from tests.live.camera import Camera, camera
from tests.live.proxy import Proxy
from tests.live.watch import PATIENT
from tests.pipeline.runs import leftovers, obeys_signals, picture_times_s

STALLED = {SILENT, BUSY}  # the reasons of gaps while the camera is there: a busy machine makes its server wait, too
LATE_S = 5.0  # so old the last picture before an outage may be
ROOT = Path(__file__).resolve().parents[2]
SECRET = "gehe1m"
SLOW_S = 100.0  # as long as a busy machine may take


def roadtally(port: int, out: Path, *options: str) -> subprocess.Popen[str]:
    """With much patience: a busy machine is not taken for a silent camera."""
    source = f"rtsp://viewer:{SECRET}@127.0.0.1:{port}/road"
    fixed = ["--line", LINE, "--weights", "tests.blobs:BlobDetector", "--out", str(out)]
    fixed += ["--set", f"cameras.0.timeout_s={PATIENT.picture_s}"]
    command = [sys.executable, "-m", "stream.cli", "run", source, *fixed, *options]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def wait(process: subprocess.Popen[str], done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + SLOW_S
    while not done():
        assert process.poll() is None and time.monotonic() < deadline_s
        time.sleep(0.05)


def stored(out: Path, query: str) -> list[tuple]:
    path = out / "events.sqlite"
    if not path.exists():
        return []
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SLOW_S)
    try:
        return database.execute(query).fetchall()
    except sqlite3.OperationalError:  # its tables are being made
        return []
    finally:
        database.close()


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=SLOW_S)
    assert "Traceback" not in text, text
    assert leftovers(process.pid) == []
    return process.returncode, text


def crossings(out: Path) -> int:
    return len(stored(out, "SELECT key FROM crossings"))


def test_counts_go_on_over_an_outage_when_the_camera_goes_away(proxy: Proxy, tmp_path: Path) -> None:
    process = roadtally(proxy.port, tmp_path, "--set", "output.segment_s=2")
    wait(process, lambda: crossings(tmp_path) > 0)
    off_s = time.monotonic()
    proxy.refuse()
    wait(process, lambda: bool(stored(tmp_path, "SELECT * FROM gaps WHERE to_s IS NULL")))
    time.sleep(1)
    proxy.restore()
    wait(process, lambda: not stored(tmp_path, "SELECT * FROM gaps WHERE to_s IS NULL"))
    most_s = time.monotonic() - off_s + LATE_S
    before = crossings(tmp_path)
    wait(process, lambda: crossings(tmp_path) > before)
    code, text = interrupt(process)
    assert code == 130, text
    for words in ("not seen from", "latency from the camera", "times connected again"):
        assert words in text
    store = Store(tmp_path / "events.sqlite")
    (balance,), gaps = store.balances(), store.gaps()
    assert store.crossings() and not any(gap.hides(crossing) for gap in gaps for crossing in store.crossings())
    (gap,) = [gap for gap in gaps if gap.reason not in STALLED]
    store.close()
    assert balance.in_flight == 0 and balance.problems == ()
    seen = balance.detected + balance.predicted + balance.quiet
    assert balance.decoded == seen + sum(balance.skipped.values())
    assert gap.to_s is not None and 1 < gap.to_s - gap.from_s < most_s
    segments = sorted(tmp_path.glob("annotated-*.mp4"))
    assert len(segments) > 1
    assert sum(len(picture_times_s(path)) for path in segments) == seen
    sources = stored(tmp_path, "SELECT DISTINCT time_source FROM crossings_utc")
    assert {source for (source,) in sources} <= {"arrival", "rtcp"}
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        assert SECRET.encode() not in path.read_bytes(), f"the password stands in {path}"
    assert SECRET not in text


@pytest.mark.parametrize("mode", ["inline", "tcp"])
def test_run_is_the_same_when_placed_otherwise(mode: str, road: Camera, tmp_path: Path) -> None:
    process = roadtally(road.port, tmp_path, "--set", f"placement.mode={mode}")
    wait(process, lambda: crossings(tmp_path) > 0)
    code, text = interrupt(process)
    assert code == 130, text
    store = Store(tmp_path / "events.sqlite")
    (balance,) = store.balances()
    store.close()
    assert balance.in_flight == 0 and balance.problems == () and balance.detected > 10


def test_run_ends_in_order_when_stopped_while_the_camera_is_away(proxy: Proxy, tmp_path: Path) -> None:
    process = roadtally(proxy.port, tmp_path, "--set", "cameras.0.timeout_s=1")
    wait(process, lambda: crossings(tmp_path) > 0)
    proxy.frozen = True
    wait(process, lambda: bool(stored(tmp_path, "SELECT * FROM gaps")))
    code, text = interrupt(process)
    assert code == 130, text
    assert stored(tmp_path, "SELECT * FROM gaps WHERE to_s IS NULL") == []


def test_waiting_ends_when_the_user_stops_it(tmp_path: Path) -> None:
    """Ctrl-C was counted and nobody looked, since the run had not begun."""
    process = roadtally(1, tmp_path, "--set", "cameras.0.wait_s=100")
    wait(process, lambda: obeys_signals(process.pid))
    time.sleep(1)
    assert process.poll() is None
    code, text = interrupt(process)
    assert code == 3 and ("stopped by the user" in text or "refused" in text)


def test_absent_camera_is_one_message_when_a_run_starts(units: dict[str, Path], tmp_path: Path) -> None:
    with camera(units["h264"]) as server:
        port = server.port
    process = roadtally(port, tmp_path, "--set", "cameras.0.wait_s=0")
    text, _ = process.communicate(timeout=SLOW_S)
    assert process.returncode == 3, text
    assert "refused" in text and "wait_s" in text
    assert SECRET not in text and "Traceback" not in text
