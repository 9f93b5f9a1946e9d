"""Whether a run is healthy is seen from its metrics, and told over HTTP."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from typer.testing import CliRunner

from stream.commands.app import app
from stream.commands.status import health_table, newest_run
from stream.errors import ConfigError, OutputError
from stream.metrics import MEANING, Metrics, read_key
from stream.running.health import Health, Watchdog, Watched, figures
from stream.running.health_server import ADDRESS, HealthServer, announced

PATIENCE_S, OPEN_S = 5.0, 15.0
SLOW_S = 60.0  # as slow as a machine may be


def metrics_of(frames: int, decoded: int | None = None, **gauges: float) -> dict[str, float]:
    metrics = Metrics()
    metrics.set("roadtally_frames_total", frames, camera="north")
    metrics.set("roadtally_decoded_total", frames if decoded is None else decoded, camera="north")
    for name, value in gauges.items():
        metrics.set(f"roadtally_{name}", value, camera="north")
    return metrics.snapshot()


def watchdog_of(live: bool = True) -> Watchdog:
    return Watchdog([Watched("north", live, PATIENCE_S, OPEN_S)], 0.0)


def run_until(watchdog: Watchdog, until_s: int, fps: int = 25) -> None:
    for second in range(until_s + 1):
        watchdog.look(metrics_of(fps * second), float(second))


AT_20_S = {
    "running": (metrics_of(525), 21.0, "ok", ""),
    "within its patience": (metrics_of(500), 25.9, "ok", ""),
    "silent": (metrics_of(500), 27.0, "stalled", "no picture for 7.0 s"),
    "stuck behind the decoder": (metrics_of(500, 600), 27.0, "stalled", "decoded, but none came through for 7.0 s"),
    "gone": (metrics_of(500, connected=0), 22.0, "away", "the camera is away"),
    "frozen": (metrics_of(525, frozen=1), 21.0, "frozen", "the same picture again"),
    "nudged": (metrics_of(525, view_lost=1), 21.0, "ok", "looks elsewhere"),
}


@pytest.mark.parametrize("case", AT_20_S)
def test_state_says_why_when_a_live_camera_is(case: str) -> None:
    values, now_s, state, why = AT_20_S[case]
    watchdog = watchdog_of()
    run_until(watchdog, 20)
    watchdog.look(values, now_s)
    health = watchdog.health(now_s)
    (camera,) = health.cameras
    assert (camera.state, health.healthy) == (state, state == "ok")
    assert why in camera.why
    assert health.healthy or "north" in health.why


def test_camera_is_no_failure_yet_when_a_run_opens() -> None:
    watchdog = watchdog_of()
    watchdog.look(metrics_of(0), 1.0)
    assert watchdog.health(10.0).cameras[0].state == "opening"
    assert not watchdog.health(10.0).healthy, "it has not delivered"
    watchdog.look(metrics_of(0), 17.0)
    assert watchdog.health(17.0).cameras[0].state == "stalled"


def test_pace_is_that_of_the_last_seconds_when_it_changes() -> None:
    watchdog = watchdog_of()
    run_until(watchdog, 30, fps=25)
    for second in range(1, 15):
        watchdog.look(metrics_of(750 + 5 * second), 30.0 + second)
    assert watchdog.health(44.0).cameras[0].fps == pytest.approx(5.0)


def test_pace_is_that_of_the_camera_when_a_worker_goes_on_where_another_was() -> None:
    """The pictures of the worker before, which it hears of after its start, were taken for new ones: 99 fps of 25."""
    watchdog = watchdog_of()
    run_until(watchdog, 30, fps=25)
    watchdog.look(metrics_of(0), 31.0)
    for second in range(4):
        watchdog.look(metrics_of(750 + 25 * second), 32.0 + second)
    assert watchdog.health(35.0).cameras[0].fps == pytest.approx(25.0)


def test_camera_gets_on_when_its_counters_begin_anew() -> None:
    """A worker that was started again counts from zero: that is no stall."""
    watchdog = watchdog_of()
    run_until(watchdog, 20)
    for second in range(21, 41):
        watchdog.look(metrics_of(2 * (second - 20)), float(second))
        (camera,) = watchdog.health(float(second)).cameras
        assert camera.state == "ok" and 0 <= camera.fps <= 2


def test_run_is_not_healthy_when_its_supervisor_says_nothing() -> None:
    watchdog = watchdog_of(live=False)
    run_until(watchdog, 5)
    assert watchdog.health(6.0).healthy
    assert "supervisor" in watchdog.health(16.0).why


def test_figures_are_the_cameras_own_when_there_are_several() -> None:
    metrics = Metrics()
    for camera, n in (("north", 3), ("south", 4)):
        metrics.count("roadtally_crossings_total", n, camera=camera, label="car")
        metrics.count("roadtally_skipped_total", n, camera=camera, reason="window full")
        metrics.set("roadtally_latency_seconds", n / 100, camera=camera, to="event", figure="p95")
        metrics.set("roadtally_operating_point", 1, camera=camera, point=f"nano-{n}")
    watchdog = Watchdog([Watched(name, True, 5, 15) for name in ("north", "south")], 0.0)
    watchdog.look(metrics.snapshot(), 1.0)
    north, south = watchdog.health(1.0).cameras
    assert (north.crossings, south.crossings) == ({"car": 3}, {"car": 4})
    assert south.skipped == {"window full": 4} and south.latency_s == {"event": {"p95": 0.04}}
    assert south.operating_point == "nano-4"


def test_every_metric_has_a_meaning_when_it_is_served() -> None:
    root = Path(__file__).resolve().parents[3] / "stream"
    named = {name for path in root.rglob("*.py") for name in re.findall(r"\broadtally_[a-z_]+", path.read_text())}
    assert named - set(MEANING) == set()


def test_key_is_read_back_when_it_has_labels() -> None:
    assert read_key('a_total{camera="x",reason="window full"}') == ("a_total", {"camera": "x", "reason": "window full"})
    assert read_key("a_total") == ("a_total", {})


@contextmanager
def served(patience_s: float) -> Iterator[HealthServer]:
    camera = Watched("north", True, patience_s, patience_s)
    server = HealthServer(Watchdog([camera], time.monotonic()), "127.0.0.1", 0)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HealthServer]:
    """Whose camera, supervisor and client may take their time: a test may be slow."""
    monkeypatch.setattr("stream.running.health.SILENT_S", SLOW_S)
    monkeypatch.setattr("stream.commands.status.WAIT_S", SLOW_S)
    with served(SLOW_S) as opened:
        yield opened


def ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=SLOW_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_answer_is_200_when_every_camera_delivers(server: HealthServer) -> None:
    server.look(metrics_of(10))
    assert ask(f"{server.url}/healthz")[0] == 200
    assert ask(f"{server.url}/else")[0] == 404


def test_answer_is_503_with_the_reason_when_a_camera_stalls() -> None:
    with served(0.1) as server:
        server.look(metrics_of(10))
        time.sleep(1.2)
        status, body = ask(f"{server.url}/healthz")
    assert status == 503
    assert json.loads(body)["cameras"][0]["why"].startswith("no picture for")


def test_metrics_can_be_scraped_when_a_run_goes_on(server: HealthServer) -> None:
    server.look({**metrics_of(10), 'roadtally_skipped_total{camera="north",reason="window full"}': 2.0})
    status, text = ask(f"{server.url}/metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(text)}
    skipped = families["roadtally_skipped"]
    assert skipped.type == "counter" and "by reason" in skipped.documentation
    assert skipped.samples[0].labels == {"camera": "north", "reason": "window full"}
    assert families["roadtally_healthy"].samples[0].value == 1


def test_error_says_which_port_when_it_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be bound"):
            HealthServer(watchdog_of(), "127.0.0.1", port)


def test_error_names_the_file_when_the_address_cannot_be_written(server: HealthServer, tmp_path: Path) -> None:
    """It was a traceback."""
    with pytest.raises(OutputError, match=r"health\.url: cannot be written"), announced(server, tmp_path / "absent"):
        pass


@pytest.mark.parametrize("by", ["address", "folder"])
def test_status_shows_the_same_when_asked_for(by: str, server: HealthServer, tmp_path: Path) -> None:
    (tmp_path / ADDRESS).write_text(server.url + "\n")
    server.look({**metrics_of(10, frozen=1), 'roadtally_crossings_total{camera="north",label="bus"}': 7.0})
    shown = CliRunner().invoke(
        app, ["status", server.url if by == "address" else str(tmp_path)], env={"COLUMNS": "200"}
    )
    assert shown.exit_code == 1
    for words in ("north", "frozen", "7 bus"):
        assert words in shown.output


def test_status_is_an_error_when_nobody_answers(tmp_path: Path) -> None:
    (tmp_path / ADDRESS).write_text("http://127.0.0.1:1\n")
    shown = CliRunner().invoke(app, ["status", str(tmp_path)])
    assert "does not answer" in str(shown.exception) and "--resume" in str(shown.exception)
    (tmp_path / ADDRESS).unlink()
    (tmp_path / "events.sqlite").touch()  # what a run of files leaves that was killed: it was "no run"
    cut_off = CliRunner().invoke(app, ["status", str(tmp_path)])
    assert "not ended" in str(cut_off.exception) and f"--resume {tmp_path}" in str(cut_off.exception)
    nothing = CliRunner().invoke(app, ["status", str(tmp_path / "nowhere")])
    assert "holds no run" in str(nothing.exception)


def test_health_survives_the_way_when_it_is_encoded() -> None:
    import msgspec

    watchdog = watchdog_of()
    run_until(watchdog, 3)
    health = watchdog.health(3.0)
    assert msgspec.json.decode(msgspec.json.encode(health), type=Health) == health


@pytest.mark.parametrize("width", [80, 200])
def test_nothing_is_cut_off_when_the_terminal_is_as_wide(width: int) -> None:
    """In 80 columns the headings were "cam…" and "ev…", and so was the name of the camera."""
    latency_s = {to: {"p50": 0.02, "p95": 0.1, "max": 0.5} for to in ("event", "video")}
    camera = figures("north-gate", {'roadtally_crossings_total{camera="north-gate",label="car"}': 12.0}, "ok", "", 25.0)
    camera = msgspec.structs.replace(camera, latency_s=latency_s)
    shown = io.StringIO()
    console = Console(width=width, file=shown, markup=False)
    console.print(health_table(Health(True, "", (camera,)), width))
    text = shown.getvalue()
    assert "…" not in text and all(word in text for word in ("north-gate", "reconnects", "20/100/500", "12 car"))


def test_newest_run_is_shown_when_none_is_named(tmp_path: Path) -> None:
    """It looked in runs/latest, where `roadtally run VIDEO` puts nothing."""
    for name, age_s in (("north", 5), ("south", 1), ("west", 9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
        os.utime(tmp_path / name / "run.json", (1e9 - age_s, 1e9 - age_s))
    assert newest_run(tmp_path) == str(tmp_path / "south")
    assert newest_run(tmp_path / "south") == str(tmp_path / "south")
