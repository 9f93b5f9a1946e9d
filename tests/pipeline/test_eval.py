"""`roadtally eval` on a finished run and on pictures, as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stream.commands.app import app
from stream.errors import ConfigError, RoadtallyError, SourceError, TruthError
from tests.blobs import FRAMES, HEIGHT, blob_clip
from tests.pipeline.runs import configure, rows, run

HEAD = "clip,line,frame,first,last,class,direction,flag\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    clip = blob_clip(folder / "road.mp4")
    raw = configure([clip], folder / "out", placement={"mode": "inline"}, output={"record": "none"})
    assert run(raw).exit_code == 0
    return folder / "out"


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["eval", *(str(argument) for argument in arguments)])
    if result.exception is not None:
        raise result.exception
    return result.output


def evaluated(tmp_path: Path, *arguments: object) -> dict[str, Any]:
    invoke(*arguments, "--json", tmp_path / "eval.json")
    return json.loads((tmp_path / "eval.json").read_text())


def truth_of(folder: Path, path: Path, **changes: str) -> Path:
    """The crossings of the run as truth."""
    texts = []
    for row in rows(folder):
        row = {"clip": "road", "line": row["line"], "frame": row["frame"], "class": row["class"],
               "direction": row["direction"], **changes}  # fmt: skip
        texts.append("{clip},{line},{frame},{frame},{frame},{class},{direction},\n".format(**row))
    path.write_text(HEAD + "".join(texts))
    return path


def tracks_of(path: Path) -> Path:
    """Where the three blobs of the clip are."""
    texts = []
    for k in range(FRAMES):
        for number, (x, y) in enumerate(((60, 10 + 3 * k), (150, HEIGHT - 40 - 3 * k), (240, 3 * k - 30)), 1):
            top, bottom = max(0, y), min(HEIGHT, y + 25)
            if bottom - top >= 8:
                texts.append(f"{k + 1},{number},{x},{top},36,{bottom - top},1,3,1\n")
    path.write_text("".join(texts))
    return path


def test_everything_is_right_when_the_truth_is_what_was_counted(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("trackeval", reason="pip install --no-deps trackeval")
    truth, tracks = truth_of(folder, tmp_path / "truth.csv"), tracks_of(tmp_path / "gt.txt")
    found = evaluated(tmp_path, folder, "--truth", truth, "--tracks", tracks, "--bin", 0.02)
    assert (found["counts"]["true"], found["counts"]["matched"], found["differences"]) == (3, 3, [])
    (camera,) = found["cameras"]
    assert camera["counts"]["weighted_rmse_score"] == 1.0
    assert {row["name"]: row["error"] for row in camera["counts"]["by_line"]} == {"A in": 0, "A out": 0}
    assert sum(row["true"] for row in camera["counts"]["by_bin"]) == 3
    assert camera["tracks"]["hota"] > 0.8
    assert camera["tracks"]["switches"] == 0


def test_misses_and_extras_are_listed_with_causes_when_the_truth_differs(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("trackeval", reason="pip install --no-deps trackeval")
    truth, tracks = truth_of(folder, tmp_path / "truth.csv"), tracks_of(tmp_path / "gt.txt")
    lines = truth.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace("car", "bus")
    truth.write_text("".join(lines[:-1]))
    found = evaluated(tmp_path, folder, "--truth", truth, "--tracks", tracks)
    assert [(one["what"], one["label"], one["counted_as"], one["cause"]) for one in found["differences"]] == [
        ("class", "bus", "car", "wrong class"),
        ("extra", "", "car", "counting rule"),
    ]
    assert found["causes"]["wrong class"] == {"missed": 0, "extra": 0, "class": 1}
    output = invoke(folder, "--truth", truth)
    assert "precision 66.7%" in output
    assert "probable cause" in output  # it is not known without true tracks


def test_the_corrected_count_is_given_when_a_person_checked_the_strips(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(
        "camera,line,verdict,pts_s,until_s,direction,class,track_id\n"
        "road,A,checked,0,60,,,\nroad,A,missed,1.2,,in,bus,\n"
    )
    (into, out) = evaluated(tmp_path, folder, "--corrections", path)["audited"]
    assert (into["counted"], into["count"], into["low"], into["high"]) == (2, 3.0, 3.0, 3.0)
    assert (out["counted"], out["count"]) == (1, 1.0)


def test_everything_is_extra_when_the_truth_says_that_nobody_passed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text(HEAD)
    counts = evaluated(tmp_path, folder, "--truth", tmp_path / "truth.csv")["counts"]
    assert (counts["true"], counts["extra"], counts["recall"]["value"]) == (0, 3, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip": "bridge"}, "expected rows of the clip road, got rows of bridge"),
        ({"line": "Z"}, r"expected lines that road has \(A\), got 'Z'"),
        ({"frame": "600"}, "names frame 600 .* but the run has 60 frames"),
    ],
)
def test_truth_of_another_clip_is_refused(changes: dict[str, str], words: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=words):
        invoke(folder, "--truth", truth_of(folder, tmp_path / "truth.csv", **changes))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("99,1,10,10,20,20,1,3,1", "names frame 98"),
        ("5,1,700,10,20,20,1,3,1", "expected boxes in a picture of 320x192, got 700"),
        ("5,1,10,10,20,20,0,3,1", "holds no box that is considered"),
    ],
)
def test_true_tracks_of_another_clip_are_refused(row: str, words: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text(row + "\n")
    with pytest.raises(TruthError, match=words):
        invoke(folder, "--tracks", tmp_path / "gt.txt")


WRONG: list[tuple[list[str], type[RoadtallyError], str]] = [
    ([], ConfigError, "expected the folder of a run, or --pictures"),
    (["OUT"], ConfigError, "expected something to compare with"),
    (["OUT", "--pictures", "OUT"], ConfigError, "one of the two"),
    (["--pictures", "OUT"], ConfigError, "scored against --truth alone"),
    (["OUT", "--truth", "nowhere.csv"], TruthError, "cannot be read"),
    (["OUT", "--tracks", "nowhere.txt"], TruthError, "cannot be read"),
    (["OUT", "--tracks", "x", "--camera", "north"], ConfigError, "expected one of road, got 'north'"),
    (["nowhere", "--truth", "x"], SourceError, "holds no events.sqlite"),
]


@pytest.mark.parametrize(("arguments", "kind", "words"), WRONG)
def test_the_user_is_told_when_the_question_makes_no_sense(
    arguments: list[str], kind: type[RoadtallyError], words: str, folder: Path
) -> None:
    with pytest.raises(kind, match=words):
        invoke(*(folder if argument == "OUT" else argument for argument in arguments))


def test_a_detector_is_scored_when_pictures_are_given(tmp_path: Path) -> None:
    from tests.unit.models.test_eval_pictures import BOX, DETECTOR, box, coco, picture

    picture(tmp_path / "a.png", BOX)
    data = coco(tmp_path, [{"id": 1, "file_name": "a.png"}], [box(1, 3, BOX)])
    output = invoke("--pictures", tmp_path, "--truth", data.truth, "--weights", DETECTOR, "--input", 320,
                    "--rows", tmp_path / "rows.json", "--json", tmp_path / "eval.json")  # fmt: skip
    assert "100.0" in output
    found = json.loads((tmp_path / "eval.json").read_text())
    assert {one["label"]: one["boxes"] for one in found["classes"]} == {"car": 1, "bus": 0}
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert (row["image_id"], row["category_id"]) == (1, 3)
