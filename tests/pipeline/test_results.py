"""What `roadtally report` and `roadtally audit` make of a run with pictures."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from stream.commands.app import app
from stream.drawing.strips import GUTTER_PX, HEAD_PX
from stream.errors import ConfigError, OutputError, SourceError
from tests.blobs import blob_clip
from tests.pipeline.runs import configure, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    clip = blob_clip(folder / "road.mp4")
    assert run(configure([clip], folder / "out", placement={"mode": "inline"})).exit_code == 0
    return folder / "out"


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_the_strip_shows_the_road_when_the_video_has_lines_and_boxes(folder: Path) -> None:
    """A strip sampled after drawing would be one red line."""
    (path,) = (folder / "strips").glob("*.png")
    strip = cv2.imread(str(path)).astype(int)[HEAD_PX:-12, GUTTER_PX : GUTTER_PX + 60]
    grey = np.abs(strip - strip.mean(axis=2, keepdims=True)).max(axis=2) < 25
    assert grey.mean() > 0.9  # all but the marks
    assert (strip[grey].mean(axis=1) < 60).mean() > 0.05  # the blobs are on it


def test_tables_and_plots_are_written_when_a_run_is_reported(folder: Path) -> None:
    assert "no hour was observed whole" in invoke("report", folder, "--start", "2026-05-04T07:00")
    report = folder / "report"
    assert {path.name for path in report.iterdir()} == {
        "counts.csv", "counts.parquet", "counts.png", "peaks.csv", "peaks.parquet", "trajectories.png"}  # fmt: skip
    with (report / "counts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["count"]) for row in rows) == 3
    assert {row["start"][:16] for row in rows} == {"2026-05-04 07:00"}
    assert {row["observed_s"] for row in rows} == {"2.4"}
    for name in ("counts.png", "trajectories.png"):
        assert np.ptp(cv2.imread(str(report / name))) > 100


def test_bins_are_on_the_clock_that_was_given_when_it_names_its_zone(folder: Path, tmp_path: Path) -> None:
    """The plots said 07:00, and the tables 05:00 without a zone."""
    invoke("report", folder, "--start", "2026-05-04T07:00+02:00", "--out", tmp_path)
    assert "2026-05-04 07:00" in (tmp_path / "counts.csv").read_text()


def test_zones_and_movements_are_counted_and_reported_when_they_are_drawn_afterwards(
    folder: Path, tmp_path: Path
) -> None:
    drawn = ["--line", "A:0.1,0.3,0.9,0.3", "--line", "B:0.1,0.7,0.9,0.7", "--zone", "Z:0,0.3,1,0.3,1,0.7,0,0.7"]
    said = invoke("replay", folder, *drawn, "--out", tmp_path / "replay")
    assert "turning movements" in said and "visits" in said
    names = {path.name for path in (tmp_path / "replay").iterdir()}
    assert names == {"crossings.csv", "movements.csv", "visits.csv"}
    with (tmp_path / "replay/visits.csv").open(newline="") as file:
        visits = list(csv.DictReader(file))
    assert visits and all(float(row["dwell_s"]) >= 0 for row in visits)
    invoke("report", folder, *drawn, "--movement", "down:A,B", "--out", tmp_path / "report")
    made = {path.name for path in (tmp_path / "report").iterdir()}
    assert made >= {"zones.csv", "zones.parquet", "zones.png", "movements.csv", "movements.parquet", "movements.png"}
    with (tmp_path / "report/movements.csv").open(newline="") as file:
        assert {row["movement"] for row in csv.DictReader(file)} == {"down"}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--zone=Z:0,0,1", "expected NAME:x1,y1,x2,y2,x3,y3"),
        ("--zone=Z:0,0,1,1,1,0,0,1", "sides cross"),
        ("--movement=left:A,C", "there is no line 'C'"),
        ("--movement=left", "expected NAME:ORIGIN,DESTINATION"),
    ],
)
def test_a_drawing_is_refused_when_it_cannot_be_counted(folder: Path, option: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        invoke("replay", folder, option)


def test_other_lines_are_reported_when_they_are_drawn_afterwards(folder: Path, tmp_path: Path) -> None:
    invoke("report", folder, "--line", "left:0.1,0.4,0.35,0.4", "--bin", 5, "--out", tmp_path)
    with (tmp_path / "peaks.csv").open(newline="") as file:
        rows = {row["direction"]: row["road_users"] for row in csv.DictReader(file) if row["line"] == "left"}
    assert rows == {"in": "1", "out": "0", "both": "1"}


def test_the_page_holds_every_crossing_with_its_picture_when_a_run_is_audited(folder: Path) -> None:
    (folder / "found.csv").write_text(
        "camera,line,verdict,pts_s,until_s,direction,class,track_id\n"
        "road,A,missed,1.5,,in,bus,\nroad,A,checked,0,900,,,\n"
    )
    output = invoke("audit", folder, "--corrections", folder / "found.csv")
    assert "1 strips, 3 crossings" in output
    assert re.search(r"in +│ +2 │ +2 │ +1 │ +0 │ +3.0 │ +3.0 │ +3.0", output)
    page = (folder / "audit.html").read_text()
    assert page.count('"frame":"data:image/jpeg;base64,/9j/') == 3
    assert page.count('"image":"data:image/jpeg;base64,/9j/') == 1
    assert '"verdict":"missed"' in page
    assert not re.findall(r"https?://", page)


def test_a_random_part_is_audited_when_there_are_many_strips(folder: Path, tmp_path: Path) -> None:
    (strip,) = (folder / "strips").glob("*.png")
    more = [strip.with_name(f"1_A_{minute:05d}min.png") for minute in (15, 30, 45)]
    for path in more:
        path.write_bytes(strip.read_bytes())
    pages = [tmp_path / name for name in ("a.html", "b.html")]
    for page in pages:
        assert "2 strips" in invoke("audit", folder, "--sample", 2, "--out", page)
    assert pages[0].read_text() == pages[1].read_text()
    for path in more:
        path.unlink()


@pytest.mark.parametrize("minutes", [0, 7, 90, -15])
def test_a_bin_is_refused_when_it_does_not_divide_the_hour(folder: Path, minutes: int) -> None:
    with pytest.raises(ConfigError, match="expected minutes that divide an hour"):
        invoke("report", folder, "--bin", minutes)


def test_the_missing_strips_are_named_when_a_run_had_no_pictures(tmp_path: Path) -> None:
    raw = configure([blob_clip(tmp_path / "road.mp4", 10)], tmp_path / "out", placement={"mode": "inline"})
    raw["output"]["record"] = "none"
    run(raw)
    with pytest.raises(SourceError, match="holds no audit strips"):
        invoke("audit", tmp_path / "out")
    invoke("report", tmp_path / "out")
    assert (tmp_path / "out" / "report" / "trajectories.png").exists()


@pytest.mark.parametrize("command", ["audit", "report", "replay", "render"])
def test_the_folder_is_named_when_it_holds_no_run(command: str, tmp_path: Path) -> None:
    """`audit` said that events.sqlite could not be written, and asked whether the disk was full."""
    with pytest.raises(SourceError, match=r"holds no events\.sqlite"):
        invoke(command, tmp_path / "nowhere")


def test_all_else_is_written_when_a_table_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the end of a run took the closing tables and the error of the run with it."""

    def full(folder: Path, *_: object) -> list[Path]:
        raise OutputError(str(folder / "crossings.csv"), "cannot be written: No space left on device")

    monkeypatch.setattr("stream.running.launch.write_tally", full)
    report = run(configure([blob_clip(tmp_path / "road.mp4")], tmp_path / "out", placement={"mode": "inline"}))
    assert report.exit_code == OutputError.exit_code and len(report.summary.tally.crossings) == 3
    told = msgspec.json.decode((tmp_path / "out" / "run.json").read_bytes())
    assert (told["status"], "crossings.csv" in told["error"]) == ("failed", True)
