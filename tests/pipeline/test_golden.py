"""The three ways to run give the same answer, to the last crossing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.commands.status import read_health
from tests.blobs import FRAMES, blob_clip
from tests.pipeline.runs import configure, picture_times_s, pixels, rows, run

PLACES: dict[str, dict[str, Any]] = {
    "processes": {"mode": "processes"},
    "tcp": {"mode": "tcp"},
    "all in one worker": {"mode": "processes", "workers": [["decode", "detect", "track", "record"]]},
    "a worker a stage": {"mode": "processes", "workers": [["decode"], ["detect"], ["track"], ["record"]]},
    "few slots": {"mode": "processes", "slots": 2},
}


def zoned(clip: Path, out: Path, place: dict[str, Any]) -> dict[str, Any]:
    """With a zone around the line."""
    raw = configure([clip], out, placement=place)
    raw["cameras"][0]["zones"] = {"Z": [0.1, 0.35, 0.9, 0.35, 0.9, 0.65, 0.1, 0.65]}
    return raw


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("oracle")
    clip = blob_clip(folder / "road.mp4")
    report = run(zoned(clip, folder / "out", {"mode": "inline"}))
    assert report.exit_code == 0
    return clip, folder / "out"


def test_crossings_are_right_when_run_inline(oracle: tuple[Path, Path]) -> None:
    assert sorted(row["direction"] for row in rows(oracle[1])) == ["in", "in", "out"]
    assert {row["class"] for row in rows(oracle[1])} == {"car"}
    assert (oracle[1] / "visits.csv").read_text().count(",edge,") >= 3


def test_nothing_is_in_flight_when_a_run_has_ended(oracle: tuple[Path, Path]) -> None:
    """`roadtally status` showed pictures in flight that the decoder had not heard of before its last one."""
    (camera,) = read_health(str(oracle[1])).cameras
    assert camera.in_flight == 0 and camera.state == "ended"


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_crossings_are_identical_when_run_as_workers(
    place: dict[str, Any], oracle: tuple[Path, Path], tmp_path: Path
) -> None:
    clip, expected = oracle
    report = run(zoned(clip, tmp_path, place))
    assert report.exit_code == 0, report.outcome.error
    for name in ("crossings.csv", "visits.csv", "tracks.txt"):
        assert (tmp_path / name).read_bytes() == (expected / name).read_bytes(), name
    assert picture_times_s(tmp_path / "annotated.mp4") == picture_times_s(expected / "annotated.mp4")
    (balance,) = report.summary.balances
    assert (balance.decoded, balance.detected, balance.in_flight) == (FRAMES, FRAMES, 0)


MASKED: dict[str, dict[str, Any]] = {
    "processes": {"mode": "processes"},
    "tcp": {"mode": "tcp"},
    "a segmenter of its own": {
        "mode": "processes",
        "workers": [["decode"], ["detect"], ["segment"], ["track", "record"]],
    },
    "a segmenter of its own over tcp": {
        "mode": "tcp",
        "workers": [["decode"], ["detect"], ["segment", "track", "record"]],
    },
}


def masked(clip: Path, out: Path, place: dict[str, Any], record: str = "annotated") -> dict[str, Any]:
    raw = configure([clip], out, placement=place, output={"dir": str(out), "record": record})
    return raw | {"masks": {"every": 3, "model": "tests.blobs:BlobSegmenter"}}


@pytest.fixture(scope="module")
def with_masks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("masks")
    clip = blob_clip(folder / "road.mp4")
    report = run(masked(clip, folder / "out", {"mode": "inline"}))
    assert report.exit_code == 0, report.outcome.error
    assert sum(v for k, v in report.outcome.values.items() if k.startswith("roadtally_masks_total")) > 20
    return clip, folder / "out"


@pytest.mark.parametrize("place", MASKED.values(), ids=MASKED.keys())
def test_silhouettes_are_identical_when_run_as_workers(
    place: dict[str, Any], with_masks: tuple[Path, Path], tmp_path: Path
) -> None:
    clip, expected = with_masks
    report = run(masked(clip, tmp_path, place))
    assert report.exit_code == 0, report.outcome.error
    assert (tmp_path / "crossings.csv").read_bytes() == (expected / "crossings.csv").read_bytes()
    drawn, wanted = pixels(tmp_path / "annotated.mp4"), pixels(expected / "annotated.mp4")
    assert drawn.shape == wanted.shape
    assert np.abs(drawn - wanted).mean((1, 2)).max() < 0.5  # key pictures come at other times; a silhouette is 1.5


def test_slots_come_back_when_the_segmenter_is_the_last_that_reads_pixels(
    with_masks: tuple[Path, Path], tmp_path: Path
) -> None:
    clip, expected = with_masks
    place = {"mode": "processes", "slots": 2, "workers": [["decode"], ["detect"], ["segment"], ["track", "record"]]}
    report = run(masked(clip, tmp_path, place, "none"))
    assert report.exit_code == 0, report.outcome.error
    assert (tmp_path / "crossings.csv").read_bytes() == (expected / "crossings.csv").read_bytes()


def test_counts_are_those_without_when_there_are_masks(
    oracle: tuple[Path, Path], with_masks: tuple[Path, Path]
) -> None:
    assert (with_masks[1] / "crossings.csv").read_bytes() == (oracle[1] / "crossings.csv").read_bytes()


def test_silhouettes_are_seen_when_they_are_drawn(oracle: tuple[Path, Path], with_masks: tuple[Path, Path]) -> None:
    """The dark blobs are tinted in the video with masks, and dark in the one without."""
    dark = [(pixels(out / "annotated.mp4")[FRAMES // 2] < 50).sum() for out in (oracle[1], with_masks[1])]
    assert dark[1] < dark[0] / 2


def test_cameras_are_counted_apart_when_they_share_a_detector(oracle: tuple[Path, Path], tmp_path: Path) -> None:
    clips = [blob_clip(tmp_path / f"{name}.mp4", frames) for name, frames in (("north", FRAMES), ("south", 30))]
    raw = configure(
        clips, tmp_path / "out", detector="BlobDetector", output={"dir": str(tmp_path / "out"), "record": "none"}
    )
    raw["detector"]["batch"] = 3
    report = run(raw)
    assert report.exit_code == 0, report.outcome.error
    assert [(b.camera, b.decoded, b.in_flight) for b in report.summary.balances] == [("north", 60, 0), ("south", 30, 0)]
    counted = rows(tmp_path / "out")
    assert sum(row["camera"] == "north" for row in counted) == 3
    assert (tmp_path / "out" / "south" / "tracks.txt").exists()


def test_frames_between_are_predicted_when_every_third_is_detected(tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4")
    raw = configure([clip], tmp_path / "out", placement={"mode": "inline"}, detector="BlobDetector")
    raw["detector"]["every"] = 3
    report = run(raw)
    (balance,) = report.summary.balances
    assert (balance.detected, balance.predicted, balance.in_flight) == (20, 40, 0)
    assert sorted(row["direction"] for row in rows(tmp_path / "out")) == ["in", "in", "out"]


def test_results_before_are_kept_when_a_run_is_repeated(oracle: tuple[Path, Path], tmp_path: Path) -> None:
    raw = configure([oracle[0]], tmp_path, placement={"mode": "inline"})
    run(raw)
    first = (tmp_path / "crossings.csv").read_bytes()
    run(raw)
    run(raw)  # the results of the first were deleted here: bug of the first `previous/`
    kept = sorted((tmp_path / "previous").glob("*/crossings.csv"))
    assert [path.read_bytes() for path in kept] == [first, first]
    assert len(list((tmp_path / "previous").glob("*/events.sqlite"))) == 2
    assert len(rows(tmp_path)) == 3
