"""Each difference gets the cause that was built into it: a car that drives down over a line, and what became of it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from stream.evaluation.causes import Inquiry, RunTracks
from stream.evaluation.counts import score
from stream.evaluation.mot import TrackBoxes
from stream.evaluation.suspicion import probable_causes
from stream.messages import Crossing
from stream.scene import Line
from stream.truth import TrueCrossing

FPS, FRAMES = 10.0, 100
LINE = Line("A", 0, 50, 400, 50)
CAR = 2
Row = tuple[int, int, float, float, bool, bool]  # frame, id, x, foot, observed, confirmed
TRUE = TrueCrossing("clip", "A", 45, 40, 49, "car", "in", "")


def drive(track_id: int, frames: range = range(FRAMES), x: float = 0, observed: bool = True, confirmed: bool = True):
    """Down the picture: the box is on the line from frame 40 to 49, its foot over it at 40."""
    return [(k, track_id, x, 10.0 + k, observed, confirmed) for k in frames]


def stand(track_id: int, foot: float, frames: range = range(FRAMES), x: float = 100):
    return [(k, track_id, x, foot, True, True) for k in frames]


def boxes(rows: list[Row]) -> TrackBoxes:
    rows = sorted(rows)
    xyxy = np.array([[x, foot - 10, x + 30, foot] for _, _, x, foot, _, _ in rows], float).reshape(-1, 4)
    column = np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
    label = np.full(len(rows), CAR, np.int16)
    return TrackBoxes(column[:, 0], column[:, 1], xyxy, label, np.ones(len(rows), bool))


def run_of(rows: list[Row], every: int = 1) -> RunTracks:
    flags = np.array([row[4:] for row in sorted(rows)], bool).reshape(-1, 2)
    return RunTracks(boxes(rows), flags[:, 0], flags[:, 1], np.arange(0, FRAMES, every))


def counted(seq: int, track_id: int) -> Crossing:
    return Crossing("clip", "A", "in", track_id, "car", seq, seq / FPS, 0.0, 0.0)


def causes(true_rows: list[Row], found: RunTracks, counts: list[Crossing], truth: list[TrueCrossing]):
    result = score(counts, truth, FPS)
    return Inquiry({"A": LINE}, boxes(true_rows), found, FPS).causes(result, truth)


BESIDE = stand(2, 80, x=60)
MISSED = {
    "never detected": ([], "missed detection"),
    "detected now and then": ([row for row in drive(7) if row[0] % 3 == 0], "missed detection"),
    "predicted only, not detected": (drive(7, observed=False), "missed detection"),
    "detected, never confirmed": (drive(7, confirmed=False), "lost track"),
    "broken on the line": (drive(7, range(45)) + drive(8, range(46, FRAMES)), "lost track"),
    "goes on as another's track": (drive(7, range(45)) + stand(8, 80, range(45), x=60) + drive(8, range(45, FRAMES)),
                                   "id switch"),
    "tracked all the time": (drive(7), "counting rule"),
    "tracked beside a short double": (drive(7) + drive(8, range(42, 46)), "counting rule"),
}  # fmt: skip


@pytest.mark.parametrize(("found", "cause"), MISSED.values(), ids=MISSED)
def test_the_cause_is_found_when_a_crossing_is_missed(found: list[Row], cause: str) -> None:
    missed, extra = causes(drive(1) + BESIDE, run_of(found), [], [TRUE])
    assert (missed, extra) == ([cause], [])


EXTRA = {
    # name: (true rows, true crossings, found, counted by track at frame, cause)
    "nothing is there": (drive(1), [], drive(7, x=200), (7, 45), "false detection"),
    "two tracks on one car": (drive(1), [TRUE], drive(7) + drive(8, range(30, 60), x=4), (8, 46), "double count"),
    "broken and counted again": (drive(1), [TRUE], drive(7, range(44)) + drive(8, range(44, 90)), (8, 46),
                                 "double count"),
    "jumps from one to the other": (stand(1, 30) + stand(2, 60), [],
                                    stand(7, 30, range(45)) + stand(7, 60, range(45, 90)), (7, 45), "id switch"),
    "a parked car": (stand(1, 50), [], stand(7, 50), (7, 45), "counting rule"),
    "no track then": (stand(1, 50), [], [], (7, 45), "unexplained"),
}  # fmt: skip


@pytest.mark.parametrize(("true_rows", "truth", "found", "event", "cause"), EXTRA.values(), ids=EXTRA)
def test_the_cause_is_found_when_a_crossing_is_extra(
    true_rows: list[Row], truth: list[TrueCrossing], found: list[Row], event: tuple[int, int], cause: str
) -> None:
    counts = [counted(event[1], event[0])] + [counted(45, 99) for _ in truth]
    missed, extra = causes(true_rows, run_of(found), counts, truth)
    assert (missed, extra) == ([], [cause])


def test_pictures_without_a_look_do_not_count_when_the_detector_sees_every_fourth() -> None:
    """Every track is unobserved in three of four pictures then; that is no missed detection."""
    found = [(k, track_id, x, foot, k % 4 == 0, True) for k, track_id, x, foot, _, _ in drive(7)]
    assert causes(drive(1), run_of(found, every=4), [], [TRUE]) == (["counting rule"], [])


def test_each_crossing_has_its_own_road_user_when_two_pass_side_by_side() -> None:
    """Their rows may be the same in every field."""
    truth = [TrueCrossing("clip", "A", 45, 40, 49, "car", "in", "") for _ in range(2)]
    missed, _ = causes(drive(1) + drive(2, x=100), run_of(drive(7)), [], truth)
    assert sorted(missed) == ["counting rule", "missed detection"]


def test_no_cause_is_made_up_when_no_true_track_crosses_then() -> None:
    assert causes(stand(1, 20), run_of([]), [], [TRUE]) == (["unexplained"], [])
    upwards = TrueCrossing("clip", "A", 45, 40, 49, "car", "out", "")
    assert causes(drive(1), run_of([]), [], [upwards]) == (["unexplained"], [])


PROBABLY_MISSED = {
    "nothing near": ([], "missed detection"),
    "only a parked car on the line": (stand(7, 50), "missed detection"),
    "only one that drives the other way": ([(99 - k, *rest) for k, *rest in drive(7)], "missed detection"),
    "never confirmed": (drive(7, confirmed=False), "lost track"),
    "lost on the line": (drive(7, range(47)), "counting rule"),
    "lost before its foot was over the line": (drive(7, range(30, 60), x=0)[:10], "missed detection"),
    "found when its foot was over the line": (drive(7, range(42, 90)), "lost track"),
    "tracked all the time": (drive(7), "counting rule"),
    "on from the one before": ([(k, 7, 0, foot + 30, *rest) for k, _, _, foot, *rest in drive(7, range(44))]
                               + drive(7, range(44, 90)), "id switch"),
}  # fmt: skip


@pytest.mark.parametrize(("found", "cause"), PROBABLY_MISSED.values(), ids=PROBABLY_MISSED)
def test_a_probable_cause_is_given_when_there_are_no_true_tracks(found: list[Row], cause: str) -> None:
    result = score([], [TRUE], FPS)
    assert probable_causes(result, [], {"A": LINE}, run_of(found), FPS) == ([cause], [])


BACK = TrueCrossing("clip", "A", 45, 40, 49, "car", "out", "")
PROBABLY_EXTRA = {
    "two tracks on one place": (drive(7) + drive(8, x=4), [TRUE], [counted(45, 7), counted(46, 8)], "double count"),
    "goes on where another ended": (drive(7, range(45)) + drive(8, range(46, 90)), [TRUE],
                                    [counted(45, 7), counted(48, 8)], "double count"),
    "another place": (drive(7) + drive(8, x=100), [TRUE], [counted(45, 7), counted(46, 8)], "unexplained"),
    "to and fro": (stand(7, 50), [], [counted(45, 7), msgspec.structs.replace(counted(80, 7), direction="out")],
                   "counting rule"),
    "the wrong way": (drive(7), [BACK], [counted(45, 7)], "counting rule"),
    "alone": (drive(7), [], [counted(45, 7)], "unexplained"),
}  # fmt: skip


@pytest.mark.parametrize(("found", "truth", "counts", "cause"), PROBABLY_EXTRA.values(), ids=PROBABLY_EXTRA)
def test_a_probable_cause_is_given_when_a_crossing_is_extra(
    found: list[Row], truth: list[TrueCrossing], counts: list[Crossing], cause: str
) -> None:
    _, extra = probable_causes(score(counts, truth, FPS), counts, {"A": LINE}, run_of(found), FPS)
    assert set(extra) == {cause}
