"""Back-pressure loses nothing, skipping loses what it says, and a dead stage is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.running.recovery import MOST
from tests.blobs import FRAMES, blob_clip
from tests.pipeline.runs import configure, picture_times_s, rows, run


def test_nothing_is_lost_when_the_detector_is_slow(tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4")
    report = run(configure([clip], tmp_path / "out", "SlowBlobDetector", placement={"slots": 3}, when_full="block"))
    assert report.exit_code == 0, report.outcome.error
    (balance,) = report.summary.balances
    assert (balance.decoded, balance.detected, balance.skipped, balance.in_flight) == (FRAMES, FRAMES, {}, 0)
    most = report.outcome.values['roadtally_in_flight_most{camera="road"}']
    assert most <= 3, "more frames were under way than there are slots"


def test_skipped_frames_are_accounted_for_when_newest_wins(tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4")
    report = run(configure([clip], tmp_path / "out", "SlowBlobDetector", placement={"slots": 3}, when_full="skip"))
    assert report.exit_code == 0, report.outcome.error
    (balance,) = report.summary.balances
    assert balance.skipped["window full"] > 0
    seen = balance.detected + balance.predicted
    assert balance.decoded == FRAMES == seen + balance.skipped["window full"] and balance.detected
    assert balance.in_flight == 0
    assert len(picture_times_s(tmp_path / "out" / "annotated.mp4")) == seen


def test_stage_is_named_and_files_play_when_it_dies_again_and_again(tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4")
    report = run(configure([clip], tmp_path / "out", "CrashingDetector"))
    assert report.exit_code == 6
    assert f"stage detect: was killed by SIGKILL; it was started again {MOST} times" in str(report.outcome.error)
    assert len(report.outcome.recoveries) == MOST
    assert rows(tmp_path / "out") == []
    assert picture_times_s(tmp_path / "out" / "annotated.mp4")
    (balance,) = report.summary.balances
    assert "did not end in order" in balance.problems[0]


@pytest.mark.parametrize("mode", ["inline", "processes"])
def test_error_is_the_same_when_the_model_is_damaged(mode: str, tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4", frames=5)
    report = run(configure([clip], tmp_path / "out", "FailingDetector", placement={"mode": mode}))
    assert report.exit_code == 4
    assert "expected sha256 aa, got bb" in str(report.outcome.error)
