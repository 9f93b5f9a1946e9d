"""What is drawn afterwards is what the run would have burned in."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stream.commands.app import app
from stream.config.options import read_moment
from stream.errors import ConfigError, OutputError, RoadtallyError, SourceError
from stream.video import VideoReader
from tests.blobs import blob_clip
from tests.pipeline.runs import configure, run

INLINE = {"placement": {"mode": "inline"}}
MASKS = {"masks": {"every": 3, "model": "tests.blobs:BlobSegmenter"}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip, counted once with its video burned in and once without."""
    folder = tmp_path_factory.mktemp("render")
    clip = blob_clip(folder / "road.mp4")
    for record in ("annotated", "original"):
        raw = configure([clip], folder / record, output={"dir": str(folder / record), "record": record}, **INLINE)
        assert run(raw).exit_code == 0
    assert not (folder / "original" / "annotated.mp4").exists()
    return folder


def render(*words: object) -> None:
    """As on the command line; raises its error."""
    result = CliRunner().invoke(app, ["render", *(str(word) for word in words)])
    if result.exception is not None:
        raise result.exception


def pictures(path: Path) -> list[tuple[float, np.ndarray]]:
    with VideoReader(str(path)) as reader:
        return [(pts_s, frame.to_ndarray(format="yuv420p")) for frame, pts_s in reader]


def assert_same(got: list[tuple[float, np.ndarray]], wanted: list[tuple[float, np.ndarray]]) -> None:
    assert len(got) == len(wanted) > 0
    for (got_s, picture), (wanted_s, expected) in zip(got, wanted, strict=True):
        assert got_s == pytest.approx(wanted_s, abs=1e-5)
        error = float(np.mean((picture.astype(float) - expected) ** 2))
        assert 10 * math.log10(255**2 / max(error, 1e-9)) > 40, f"at {wanted_s} s"


def test_every_picture_is_as_burned_in_when_a_run_is_rendered(runs: Path) -> None:
    render(runs / "original")
    assert_same(pictures(runs / "original" / "annotated.mp4"), pictures(runs / "annotated" / "annotated.mp4"))
    names = {path.name for path in (runs / "annotated").rglob("*.png")}
    assert {path.name for path in (runs / "original").rglob("*.png")} == names and "background.png" in names


def test_silhouettes_are_drawn_when_the_run_made_masks(runs: Path, tmp_path: Path) -> None:
    """They were drawn in the run only."""
    for record in ("annotated", "original"):
        output = {"dir": str(tmp_path / record), "record": record}
        assert run(configure([runs / "road.mp4"], tmp_path / record, output=output, **INLINE, **MASKS)).exit_code == 0
    render(tmp_path / "original")
    wanted = pictures(tmp_path / "annotated" / "annotated.mp4")
    assert_same(pictures(tmp_path / "original" / "annotated.mp4"), wanted)
    with pytest.raises(AssertionError):
        assert_same(pictures(runs / "annotated" / "annotated.mp4"), wanted)


def test_the_way_to_a_part_is_short_when_the_video_is_long(tmp_path: Path) -> None:
    """It was decoded from its beginning."""
    clip = blob_clip(tmp_path / "long.mp4", 400)
    for record in ("annotated", "original"):
        raw = configure([clip], tmp_path / record, output={"dir": str(tmp_path / record), "record": record}, **INLINE)
        assert run(raw).exit_code == 0
    render(tmp_path / "original", "--from", "14", "--out", tmp_path / "part.mp4")
    wanted = [(pts_s, picture) for pts_s, picture in pictures(tmp_path / "annotated" / "annotated.mp4") if pts_s >= 14]
    assert_same(pictures(tmp_path / "part.mp4"), [(pts_s - wanted[0][0], picture) for pts_s, picture in wanted])
    with VideoReader(str(clip)) as reader:
        reader.seek(14.0)
        first_s = next(pts_s for _, pts_s in reader)
    assert 8 < first_s <= 14


def test_totals_and_trails_are_those_of_the_moment_when_a_part_is_rendered(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "part.mp4"
    render(runs / "original", "--from", "1.5", "--to", "0:02", "--out", out)
    burned = [(pts_s - 1.5, picture) for pts_s, picture in pictures(runs / "annotated" / "annotated.mp4")]
    wanted = [(pts_s, picture) for pts_s, picture in burned if 0 <= pts_s <= 0.5]
    first_s = wanted[0][0]
    got = pictures(out)
    assert_same(got, [(pts_s - first_s, picture) for pts_s, picture in wanted])


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["annotated"], OutputError, "drawn it already"),
        (["original", "--from", "soon"], ConfigError, "expected seconds"),
        (["original", "--from", "2026-05-04T07:00"], ConfigError, "no time of day"),
        (["original", "--from", "900"], SourceError, "not one picture"),
        (["original", "--source", "gone.mp4"], SourceError, "--source FILE"),
        (["original", "--camera", "west"], ConfigError, "expected one of road"),
        (["."], SourceError, "events.sqlite"),
    ],
)
def test_error_says_what_to_do_when_nothing_can_be_rendered(
    words: list[str], error: type[RoadtallyError], says: str, runs: Path
) -> None:
    with pytest.raises(error, match=says):
        render(runs / words[0], *words[1:])
    assert not list(runs.rglob("excerpt*"))


def test_another_video_is_refused_when_it_has_another_size(runs: Path, tmp_path: Path) -> None:
    from tests.build import make_clip, make_picture

    other = make_clip(tmp_path / "other.mp4", [make_picture(160, 120, k) for k in range(5)])
    with pytest.raises(SourceError, match="expected the video that was counted, of 320x192, got one of 160x120"):
        render(runs / "original", "--source", other, "--out", tmp_path / "a.mp4")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1:30", 90), ("01:01:01.5", 3661.5), ("0", 0)])
def test_moment_is_seconds_when_read(text: str, seconds: float) -> None:
    assert read_moment("--from", text) == seconds


@pytest.mark.parametrize("text", ["-1", "1:-90", "nan", "inf", "", "1:x", "2026-13-01T00:00"])
def test_moment_is_refused_when_it_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="--from"):
        read_moment("--from", text)
