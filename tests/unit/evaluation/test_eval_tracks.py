"""Tracks against MOT ground truth: figures that can be worked out by hand."""

from __future__ import annotations

import sys
from math import sqrt
from pathlib import Path

import pytest

from stream.errors import ConfigError, TruthError
from stream.evaluation.mot import TrackBoxes, read_mot
from stream.evaluation.recording import read_recording
from stream.evaluation.tracks import score_tracks
from stream.records.trajectories import schema_of
from stream.results.replay import Lane
from stream.scene import Scene
from stream.sinks.trajectories import Trajectories
from tests.build import make_counted, make_tracks

FRAMES = 20
INSTALL = "pip install --no-deps trackeval"


def boxes(tmp_path: Path, rows: list[str]) -> TrackBoxes:
    path = tmp_path / "tracks.txt"
    path.write_text("\n".join(rows) + "\n")
    return read_mot(path)


def track(track_id: int, x: int, frames: range = range(1, FRAMES + 1), considered: int = 1) -> list[str]:
    """A box of 20x10 that moves 2 px a frame."""
    return [f"{frame},{track_id},{x + 2 * frame},40,20,10,{considered},3,1" for frame in frames]


TRUTH = [*track(1, 0), *track(2, 200)]
HALF, REST = range(1, 11), range(11, 21)
CASES = {
    # name: (found, HOTA, DetA, AssA, MOTA, IDF1, switches)
    "the same": (TRUTH, 1, 1, 1, 1, 1, 0),
    "one is missing": (track(1, 0), sqrt(0.5), 0.5, 1, 0.5, 2 / 3, 0),
    "one is false": ([*TRUTH, *track(3, 400)], sqrt(2 / 3), 2 / 3, 1, 0.5, 0.8, 0),
    "another id from the middle on": ([*track(1, 0), *track(2, 200, HALF), *track(3, 200, REST)],
                                      sqrt(0.75), 1, 0.75, 1 - 1 / 40, 0.75, 1),
    "ids swapped in the middle": ([*track(1, 0, HALF), *track(2, 200, HALF), *track(2, 0, REST), *track(1, 200, REST)],
                                  sqrt(1 / 3), 1, 1 / 3, 1 - 2 / 40, 0.5, 2),
    "nothing": (track(9, 1000, range(1, 2), considered=0), 0, 0, 0, -1 / 40, 0, 0),
}  # fmt: skip


@pytest.mark.parametrize(("found", "hota", "det_a", "ass_a", "mota", "idf1", "switches"), CASES.values(), ids=CASES)
def test_figures_are_right_when_worked_out_by_hand(
    found: list[str], hota: float, det_a: float, ass_a: float, mota: float, idf1: float, switches: int, tmp_path: Path
) -> None:
    pytest.importorskip("trackeval", reason=INSTALL)
    result = score_tracks(boxes(tmp_path, TRUTH), boxes(tmp_path, found), FRAMES)
    figures = (result.hota, result.det_a, result.ass_a, result.mota, result.idf1)
    assert figures == pytest.approx((hota, det_a, ass_a, mota, idf1), abs=1e-6)
    assert result.switches == switches


def test_a_box_is_neither_right_nor_wrong_when_its_truth_is_hidden(tmp_path: Path) -> None:
    pytest.importorskip("trackeval", reason=INSTALL)
    truth = boxes(tmp_path, [*track(1, 0), *track(2, 200, considered=0)])
    result = score_tracks(truth, boxes(tmp_path, TRUTH), FRAMES)
    assert (result.hota, result.false_boxes, result.true_tracks, result.tracks) == (1.0, 0, 1, 1)


BAD = {
    "empty": ("\n", "the file is empty"),
    "words": ("frame,id\n", "expected rows of numbers"),
    "ragged": ("1,1,0,0,5,5\n2,1,0,0,5\n", "expected rows of numbers"),
    "few columns": ("1,1,0,0,5\n", "got 5 columns"),
    "nan": ("1,1,0,nan,5,5\n", "row 1: expected numbers, got one that is not finite"),
    "half a frame": ("1.5,1,0,0,5,5\n", "whole numbers for frame and id"),
    "frame 0": ("0,1,0,0,5,5\n", "frames from 1 on"),
    "no area": ("1,1,0,0,5,5\n2,1,0,0,0,5\n", "row 2: expected boxes with area"),
    "inverted": ("1,1,0,0,5,-5,0\n", "expected boxes with area"),
    "an id twice": ("1,1,0,0,5,5\n1,2,0,0,5,5\n1,1,9,0,5,5\n", "row 3: expected an id only once in a frame"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_true_tracks_are_refused_when_their_form_is_wrong(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(text)
    with pytest.raises(TruthError, match=words):
        read_mot(path)


def test_rows_are_put_in_order_when_a_file_goes_track_by_track(tmp_path: Path) -> None:
    found = boxes(tmp_path, ["2,1,0,0,5,5,1,3,1", "1,1,0,0,5,5,1,3,1", "1,0,0,0,5,5,1,-1,1"])
    assert found.frame.tolist() == [0, 0, 1]
    assert found.track_id.tolist() == [0, 1, 1]
    assert found.label.tolist() == [-1, 2, 2]


def test_the_missing_package_is_named_when_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackeval.metrics", None)
    with pytest.raises(ConfigError, match="pip install --no-deps trackeval"):
        score_tracks(boxes(tmp_path, TRUTH), boxes(tmp_path, TRUTH), FRAMES)


def test_a_track_is_shown_for_a_moment_when_the_detector_misses_it(tmp_path: Path) -> None:
    """A road user that was not found in one picture of ten was said to be gone in it: HOTA fell for honest tracks."""
    seen = [True, False, False, False, False, True, False, False, False, False, False, False]
    sink = Trajectories(tmp_path / "trajectories.arrow", schema_of("cam", 640, 480))
    for k, observed in enumerate(seen):
        rows = [(1, (0, 0, 10, 10), 2, observed, True), (2, (50, 0, 60, 10), 2, True, False)]
        sink.write(make_counted(k, 0.1 * k, None, make_tracks(rows)))
    sink.close()
    recording = read_recording(Lane(Scene("cam", 640, 480), (tmp_path / "trajectories.arrow",)))
    boxes = recording.tracks.boxes
    shown = [bool(one) for one in boxes.considered[boxes.track_id == 1]]
    assert shown == [True, True, False, False, False, True, True, False, False, False, False, False]
    assert not boxes.considered[boxes.track_id == 2].any()  # on trial
