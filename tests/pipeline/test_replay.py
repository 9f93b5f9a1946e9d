"""A replay counts what the run counted; other lines count without the video."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.errors import ConfigError, SourceError
from stream.results.replay import drawing_changes, lanes_of, recount, stored_config
from stream.results.summary import stored_crossings
from tests.blobs import blob_clip
from tests.pipeline.runs import configure, run

CLIP = Path(__file__).resolve().parents[2] / "../shared/clips/motorway_two_carriageways.mp4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    clips = [blob_clip(folder / "north.mp4"), blob_clip(folder / "south.mp4", 30)]
    raw = configure(clips, folder / "out", placement={"mode": "inline"})
    raw["output"]["record"] = "none"
    assert run(raw).exit_code == 0
    return folder / "out"


def test_crossings_are_equal_in_every_field_when_lines_are_the_runs_own(folder: Path) -> None:
    config = stored_config(folder)
    again = [recount(lane, config.counting) for lane in lanes_of(folder, config)]
    stored = stored_crossings(folder)
    assert {c.camera for c in stored} == {"north", "south"}
    assert sorted((c for one in again for c in one.crossings), key=lambda c: c.key) == sorted(
        stored, key=lambda c: c.key
    )
    assert [one.ended for one in again] == [True, True]
    assert [one.frames for one in again] == [60, 30]


def test_other_lines_are_counted_when_they_are_drawn_afterwards(folder: Path) -> None:
    config = stored_config(folder)
    config = stored_config(folder, drawing_changes(config, {"lines": {"left": [0.1, 0.4, 0.35, 0.4]}}, "north"))
    north, south = (recount(lane, config.counting) for lane in lanes_of(folder, config))
    assert [(c.line, c.direction) for c in north.crossings] == [("left", "in")]
    assert {c.line for c in south.crossings} <= {"A"}


def test_a_line_is_refused_when_it_is_drawn_where_nobody_looked(tmp_path: Path) -> None:
    raw = configure([blob_clip(tmp_path / "north.mp4")], tmp_path / "out", placement={"mode": "inline"})
    raw["cameras"][0]["roi"] = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
    raw["output"]["record"] = "none"
    assert run(raw).exit_code == 0
    config = stored_config(tmp_path / "out")
    assert lanes_of(tmp_path / "out", config)  # its own lines, wherever they are
    for x, fits in ((0.35, True), (0.75, False)):
        drawn = {"lines": {"left": [0.1, 0.4, x, 0.4]}}
        other = stored_config(tmp_path / "out", drawing_changes(config, drawn, None))
        if fits:
            assert lanes_of(tmp_path / "out", other)
            continue
        with pytest.raises(ConfigError, match="left: outside what the network saw"):
            lanes_of(tmp_path / "out", other)


def test_the_camera_is_asked_for_when_a_run_has_several(folder: Path) -> None:
    config = stored_config(folder)
    with pytest.raises(ConfigError, match="--camera north"):
        drawing_changes(config, {"lines": {"left": [0.1, 0.4, 0.35, 0.4]}}, None)
    with pytest.raises(ConfigError, match="expected one of north, south, got 'west'"):
        drawing_changes(config, {}, "west")


def test_the_folder_is_named_when_it_is_of_no_run(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(SourceError, match="holds no events"):
        stored_config(tmp_path)
    with pytest.raises(SourceError, match="holds no trajectories"):
        lanes_of(tmp_path, stored_config(folder))


@pytest.mark.skipif(not CLIP.exists(), reason="the real clips are not here")
def test_crossings_are_equal_when_tracks_are_as_messy_as_on_a_real_road(tmp_path: Path) -> None:
    raw = configure([CLIP], tmp_path, placement={"mode": "inline"})
    raw["cameras"][0]["lines"] = {"A": [0.1, 0.5, 0.9, 0.5], "B": [0.5, 0.1, 0.5, 0.9], "C": [0.2, 0.8, 0.8, 0.3]}
    raw["output"]["record"] = "none"
    assert run(raw).exit_code == 0
    config = stored_config(tmp_path)
    (again,) = (recount(lane, config.counting) for lane in lanes_of(tmp_path, config))
    assert len(again.crossings) > 5
    assert again.crossings == stored_crossings(tmp_path)
