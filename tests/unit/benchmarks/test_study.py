"""The study of the detectors: what is measured once is not measured again, and what is missing is told as missing."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from stream.config.schema import Config
from stream.messages import Detections
from stream.tuning.looks import Looks, Network
from tests.blobs import blob_clip

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts import each other by name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def rows(folder: Path) -> list[object]:
    from study_rows import Row

    fast = folder / "fast.onnx"
    fast.write_bytes(b"weights")
    return [
        Row("fast", 320, "openvino", "auto", str(fast), "COCO"),
        Row("slow", 640, "openvino", "auto", str(fast), "road users"),
        Row("timed", 416, "openvino", "auto", "family:nowhere.pth", "none"),
    ]


def speed(ms: float) -> dict[str, float]:
    return {"ms": ms, "ms_min": ms - 1, "best_ms": ms / 2, "batch": 4, "memory_mb": 50.0}


def test_rows_are_measured_anew_only_when_their_weights_change(tmp_path: Path) -> None:
    from study import Store

    (fast, *_) = rows(tmp_path)
    store = Store(tmp_path / "rows.jsonl")
    store.add("speed", fast.key, fast.stamp, speed(5.0))  # type: ignore[attr-defined]
    again = Store(tmp_path / "rows.jsonl")
    assert again.has("speed", fast.key, fast.stamp)  # type: ignore[attr-defined]
    (tmp_path / "fast.onnx").write_bytes(b"others")
    assert not again.has("speed", fast.key, fast.stamp)  # type: ignore[attr-defined]
    again.forget("speed", {fast.key})  # type: ignore[attr-defined]
    assert Store(tmp_path / "rows.jsonl").lines == []


def test_tables_tell_what_is_known_and_what_is_missing_when_they_are_written(tmp_path: Path) -> None:
    import study_report
    from study import Store

    fast, slow, timed = rows(tmp_path)
    store = Store(tmp_path / "rows.jsonl")
    for turn, ms in enumerate((5.0, 7.0, 6.0)):
        store.add("speed", fast.key, fast.stamp, speed(ms), turn)  # type: ignore[attr-defined]
    store.add("speed", slow.key, slow.stamp, speed(20.0))  # type: ignore[attr-defined]
    store.add("speed", timed.key, timed.stamp, {"left out": "no memory"})  # type: ignore[attr-defined]
    for row, value in ((fast, 30.0), (slow, 50.0)):
        store.add("accuracy", row.seen, row.stamp, {"AP50": value, "AP": value / 2, "AP50 small": None})  # type: ignore[attr-defined]
    page = tmp_path / "study.md"
    page.write_text(f"# Words\n\n{study_report.BEGIN}\nold\n{study_report.END}\n\nMore words.\n")
    study_report.write([fast, slow, timed], store.lines, tmp_path)  # type: ignore[list-item]
    text = page.read_text()
    assert text.startswith("# Words") and text.endswith("More words.\n") and "\nold\n" not in text
    assert "| fast (COCO) | 320 | openvino | auto | 6.00 | 3.0 (4) | 50 | 30.0 |" in text
    assert "| timed (speed only) | 416 | openvino | auto | no memory |" in text
    with (tmp_path / "study.csv").open(newline="") as file:
        told = {row["detector"]: row for row in csv.DictReader(file)}
    assert told["fast"]["ms_min"] == "4.0" and told["slow"]["AP50"] == "50.0"
    assert told["timed"]["left out"] == "no memory"
    assert (tmp_path / "study.png").stat().st_size > 1000


def test_every_family_is_in_the_study_when_rows_are_listed(tmp_path: Path) -> None:
    from study_rows import all_rows

    from models.published.catalogue import FAMILIES
    from models.registry import MODELS

    found = all_rows(tmp_path, ["mine=mine.safetensors"], quick=False)
    names = {row.name.partition(",")[0] for row in found}
    assert set(FAMILIES) <= names and "mine" in names and {"roadtally-nano", "roadtally-small"} <= names & set(MODELS)
    assert len({row.key for row in found}) == len(found)
    quick = all_rows(tmp_path, [], quick=True)
    assert len({row.name for row in quick}) == len(quick) < len(found)
    assert "study_rows" in sys.modules


def test_clips_are_kept_apart_when_their_files_are_named_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen on the first synthetic road was taken for what is seen on all."""
    import study_accuracy

    seen: list[str] = []

    def look(row: object, config: Config, camera: object) -> Looks:
        seen.append(config.cameras[0].source)
        return Looks(Network("", "", 0, "whole", 0.0, 0.0, 0.0, 0.0), [0.0], [Detections.empty()], [True])

    monkeypatch.setattr(study_accuracy, "_looked", look)
    clips = []
    for name in ("day", "night"):
        (tmp_path / name).mkdir()
        path = blob_clip(tmp_path / name / "clip.mp4", 5)
        clips.append(study_accuracy.Clip(name, path, ["A:0,0.5,1,0.5"], []))
    for _ in range(2):
        for clip in clips:
            clip.count(rows(tmp_path)[0], tmp_path / "kept")  # type: ignore[arg-type]
    assert seen == [str(clip.path) for clip in clips]


def test_quick_look_has_every_detector_on_openvino_when_torch_is_chosen_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a graphics card the quick look left out whatever runs on OpenVINO only, and measured no accuracy."""
    import study_rows

    names = {}
    for chosen in ("openvino", "torch"):
        monkeypatch.setattr(study_rows, "engines_here", lambda chosen=chosen: (chosen,))
        names[chosen] = {(row.name, row.engine) for row in study_rows.all_rows(tmp_path, (), quick=True)}
    assert names["openvino"] < names["torch"]
    assert {engine for _, engine in names["openvino"]} == {"openvino"}


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_curve_has_a_row_for_each_batch_beside_the_network_alone(tmp_path: Path, engine: str) -> None:
    from argparse import Namespace

    from detectors import CURVE_HEAD, curve_rows

    from models.arch import Arch
    from models.families import new_network
    from models.files.weights import write_weights

    weights = tmp_path / "small.safetensors"
    write_weights(new_network(Arch(width=0.125)), weights, {})
    given = Namespace(detector=[str(weights)], precision=["f32"], inputs=["64x32"], batches=[1, 3], engine=engine,
                      threads=1, seconds=0.01, turns=1, data=tmp_path)  # fmt: skip
    found = [dict(zip(CURVE_HEAD, row, strict=True)) for row in curve_rows(given)]
    assert [row["batch"] for row in found] == [1, 3]
    for row in found:
        assert row["pictures/s"] > 0 and row["from pinned memory"] == "-"
        assert (row["network alone"] == "-") == (engine == "openvino")
        if engine == "torch":
            assert row["share %"] == pytest.approx(100 * row["pictures/s"] / row["network alone"])
