"""A camera's own packets on the disk, at the times at which its pictures were counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.records.store import Store
from stream.records.trajectories import TRAJECTORIES, read_times
from stream.results.render import Rendering, Span, originals_of
from stream.results.replay import lanes_of, stored_config
from stream.sinks.shelf import recordings_of
from stream.video import VideoReader
from tests.live.camera import Camera, camera
from tests.live.proxy import Proxy
from tests.live.test_run import crossings, interrupt, roadtally, stored, wait


def recorded_s(folder: Path) -> list[float]:
    """pts_s of every picture in the recordings."""
    times_s: list[float] = []
    for path, began_s in recordings_of(folder):
        with VideoReader(str(path)) as reader:
            times_s += [began_s + pts_s for _, pts_s in reader]
            assert reader.problems == []
    return times_s


def assert_shown(folder: Path, least: float = 0.9) -> None:
    """Counted frames have a picture at their very time, but for the last, which were on their way at the interrupt."""
    counted_s, times_s = read_times(folder / TRAJECTORIES), recorded_s(folder)
    shown = sum(any(abs(one_s - pts_s) < 0.015 for one_s in times_s) for pts_s in counted_s)
    assert shown >= least * len(counted_s) > 0


def draw(folder: Path, path: Path) -> int:
    config = stored_config(folder)
    (lane,) = lanes_of(folder, config)
    rendering = Rendering(config, lane, originals_of(config, config.cameras[0], folder))
    return rendering.draw(path, Span(), lambda pts_s: None).pictures


@pytest.mark.parametrize(("name", "options"), [("b", ()), ("h265", ("--codec", "h265"))])
def test_original_is_recorded_and_drawn_when_a_camera_is_remuxed(
    name: str, options: tuple[str, ...], units: dict[str, Path], tmp_path: Path
) -> None:
    with camera(units[name], *options) as server:
        process = roadtally(server.port, tmp_path, "--record", "original", "--set", "output.segment_s=2")
        wait(process, lambda: crossings(tmp_path) > 1 and len(list(tmp_path.glob("original-*.mp4"))) > 2)
        code, text = interrupt(process)
    assert code == 130, text
    assert "to event" not in text and not list(tmp_path.glob("annotated*"))
    assert_shown(tmp_path)
    assert draw(tmp_path, tmp_path / "drawn.mp4") > 50


def test_next_file_begins_when_the_camera_changes_its_picture(
    units: dict[str, Path], road: Camera, tmp_path: Path
) -> None:
    process = roadtally(road.port, tmp_path, "--record", "original")
    wait(process, lambda: crossings(tmp_path) > 0)
    road.tell(f"switch {units['large']}")
    wait(process, lambda: len(list(tmp_path.glob("original-*.mp4"))) > 1)
    code, text = interrupt(process)
    assert code == 130, text
    sizes = []
    for path, _ in recordings_of(tmp_path):
        with VideoReader(str(path)) as reader:
            sizes.append({(frame.width, frame.height) for frame, _ in reader})
    assert sizes == [{(320, 192)}, {(640, 384)}]


def test_recording_goes_on_at_the_right_times_when_the_camera_was_away(proxy: Proxy, tmp_path: Path) -> None:
    process = roadtally(proxy.port, tmp_path, "--record", "original")
    wait(process, lambda: crossings(tmp_path) > 0)
    proxy.refuse()
    wait(process, lambda: bool(stored(tmp_path, "SELECT * FROM gaps WHERE to_s IS NULL")))
    proxy.restore()
    wait(process, lambda: bool(stored(tmp_path, "SELECT * FROM gaps WHERE to_s IS NOT NULL")))
    before = crossings(tmp_path)
    wait(process, lambda: crossings(tmp_path) > before)
    interrupt(process)
    assert len(recordings_of(tmp_path)) == 2
    assert_shown(tmp_path)


def test_each_crossing_has_its_seconds_when_events_are_recorded(road: Camera, tmp_path: Path) -> None:
    process = roadtally(
        road.port, tmp_path, "--record", "events", "--set", "output.before_s=0.5", "--set", "output.after_s=0.3"
    )
    wait(process, lambda: len(list(tmp_path.glob("event-*-A.mp4"))) > 1)
    code, text = interrupt(process)
    assert code == 130, text
    assert not (tmp_path / "buffer").exists()
    store, times_s = Store(tmp_path / "events.sqlite"), recorded_s(tmp_path)
    for crossing in store.crossings()[:-1]:
        assert any(abs(pts_s - crossing.pts_s) < 0.05 for pts_s in times_s)
    store.close()
