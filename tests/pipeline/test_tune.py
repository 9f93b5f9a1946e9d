"""roadtally tune on a drawn road: what it finds, and that a run can load what it writes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from stream.commands.app import app
from stream.config.file import parse, read_profile
from stream.errors import ConfigError
from stream.tuning.looks import Network
from stream.tuning.measure import Measured, front_of
from tests.blobs import LINE, blob_clip
from tests.pipeline.runs import configure


def tuned(folder: Path, *more: str) -> dict:
    clip = blob_clip(folder / "road.mp4")
    options = ["--line", LINE, "--weights", "tests.blobs:BlobDetector", "--out", str(folder / "profile")]
    result = CliRunner().invoke(app, ["tune", str(clip), *options, "--inputs", "320,160", "--every", "1,4,30", *more])
    assert result.exit_code == 0, result.output
    return yaml.safe_load((folder / "profile/profile.yaml").read_text())


def test_a_profile_is_written_that_a_run_can_load_when_a_clip_was_tuned(tmp_path: Path) -> None:
    document = tuned(tmp_path)
    best, *_, worst = document["detector"]["points"]
    assert (best["input"], best["every"]) == (320, 1)
    assert best["error"] < 0.05 < worst["error"], "three crossings cannot be counted in two looks"
    assert (tmp_path / "profile/points.png").stat().st_size > 10_000
    raw = configure([tmp_path / "road.mp4"], tmp_path / "run", when_full="skip")
    raw["cameras"][0]["budget"] = {"latency_p95_ms": 150}
    config = parse(raw, "test", read_profile(tmp_path / "profile/profile.yaml"))
    assert len(config.detector.points) == len(document["detector"]["points"])
    measured = document["measured"]["points"]
    assert len(measured) == 2 * 2 * 3 * 2, "two inputs, whole and near the line, every k, without and with the gate"
    assert all(row["ms_alone"] > 0 and row["ms"] > 0 for row in measured)


def test_points_are_measured_by_the_truth_when_there_is_one(tmp_path: Path) -> None:
    head = "clip,line,frame,first,last,class,direction,flag\n"
    (tmp_path / "truth.csv").write_text(head + 3 * "road,A,25,20,30,car,out,\n")
    measured = tuned(tmp_path, "--truth", str(tmp_path / "truth.csv"))["measured"]["points"]
    assert all(row["missed"] >= 2 for row in measured), "only one goes out"


def test_what_is_wrong_is_said_when_it_cannot_be_tuned(tmp_path: Path) -> None:
    clip = str(blob_clip(tmp_path / "road.mp4", 4))
    for options, words in (([clip], "a line"), ([clip, "--line", LINE, "--every", "0"], "whole numbers")):
        with pytest.raises(ConfigError, match=words):
            CliRunner().invoke(app, ["tune", *options], catch_exceptions=False)


def test_the_front_leaves_out_what_is_beaten_when_points_are_compared() -> None:
    def point(ms: float, error: float) -> Measured:
        return Measured(Network("n", "f32", 416, "whole", ms, ms, ms, 1.0), 1, True, 1.0, 0, 0, error, 1.0)

    points = [point(8, 0.0), point(9, 0.1), point(4, 0.1), point(5, 0.2), point(1, 0.5)]
    assert front_of(points) == [points[0], points[2], points[4]]


def test_a_profile_is_refused_when_it_has_no_points(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text("detector: {input: 416}\n")
    with pytest.raises(ConfigError, match="points"):
        read_profile(path)
