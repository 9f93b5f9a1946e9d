"""Opening and reading good and bad files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from stream.errors import SourceError
from stream.video import VideoReader, probe
from tests.build import Encoding, corrupt, cut_off, make_clip, make_picture, make_sound

SHARED = Path(__file__).resolve().parents[3] / "../shared"
MJPEG = Encoding(codec="mjpeg", pixel_format="yuvj420p", full_range=True, options={})
PICTURES = [make_picture(64, 48, k) for k in range(30)]


def read(path: Path, threads: int = 1) -> tuple[list[float], VideoReader]:
    with VideoReader(str(path), threads) as reader:
        return [pts_s for _, pts_s in reader], reader


def test_probe_when_the_file_is_good(tmp_path: Path) -> None:
    info = probe(str(make_clip(tmp_path / "a.mp4", PICTURES)))
    assert (info.width, info.height, info.frames, info.codec, info.pixel_format) == (64, 48, 30, "h264", "yuv420p")
    assert info.fps == pytest.approx(25, abs=0.1)
    assert info.duration_s == pytest.approx(1.2, abs=0.05)
    assert info.rotation_deg == 0


@pytest.mark.parametrize("name", ["at 12:30.mp4", "cam-1:a.mp4", "50%d.mp4", "straße.mp4"])
def test_reading_works_when_the_name_is_unusual(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg took "cam-1:" for a protocol."""
    make_clip(tmp_path / "a.mp4", PICTURES[:3]).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(Path(name))[0]) == 3


@pytest.mark.parametrize(("rotation_deg", "size"), [(90, (48, 64)), (180, (64, 48)), (270, (48, 64)), (-90, (48, 64))])
def test_probe_says_upright_size_when_the_file_is_rotated(tmp_path: Path, rotation_deg: int, size: tuple) -> None:
    clip = make_clip(tmp_path / "a.mp4", PICTURES[:3], encoding=Encoding(rotation_deg=rotation_deg))
    info = probe(str(clip))
    assert ((info.width, info.height), info.rotation_deg) == (size, rotation_deg % 360)


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.mp4"
    if kind == "a directory":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("not a video\n" * 100)
    elif kind == "sound only":
        make_sound(path)
    elif kind == "no index":
        cut_off(make_clip(path, PICTURES), 0.5)
    elif kind == "no picture":
        path = path.with_suffix(".h264")
        data = make_clip(path, PICTURES, encoding=Encoding(options={"g": "100"})).read_bytes()
        path.write_bytes(data[:60] + bytes(200))
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such file"),
        ("a directory", "got a directory"),
        ("empty", "got an empty file"),
        ("text", "expected a video file"),
        ("sound only", "the file holds only: audio"),
        ("no index", "cut off before its index"),
        ("no picture", "not one picture could be decoded|expected a video file"),
    ],
)
def test_opening_fails_with_the_reason_when_the_file_is(tmp_path: Path, kind: str, message: str) -> None:
    path = bad_file(kind, tmp_path)
    for opening in (probe, VideoReader):
        with pytest.raises(SourceError, match=message) as caught:
            opening(str(path))
        assert caught.value.where == str(path)
        assert caught.value.fix


def test_opening_fails_when_the_file_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = make_clip(tmp_path / "a.mp4", PICTURES)
    monkeypatch.setattr(Path, "open", refuse)  # a mode of 0 does not stop root
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        probe(str(path))


def test_opening_fails_when_no_one_answers_at_an_address() -> None:
    with pytest.raises(SourceError, match="expected a stream"):
        probe("tcp://127.0.0.1:9")


@pytest.mark.parametrize("threads", [1, 2])
def test_reading_gives_every_picture_when_the_file_is_good(tmp_path: Path, threads: int) -> None:
    stamps, reader = read(make_clip(tmp_path / "a.mp4", PICTURES), threads)
    assert stamps == pytest.approx([k / 25 for k in range(30)])
    assert (reader.problems, reader.notes) == ([], [])


def test_reading_keeps_presentation_order_when_there_are_b_pictures(tmp_path: Path) -> None:
    encoding = Encoding(options={"bf": "3", "b-adapt": "0", "g": "30"})
    stamps, reader = read(make_clip(tmp_path / "a.mp4", PICTURES, encoding=encoding))
    assert stamps == pytest.approx([k / 25 for k in range(30)])
    assert not reader.notes


def test_reading_keeps_frame_intervals_when_avi_holds_b_pictures(tmp_path: Path) -> None:
    """AVI has decoding times only: FFmpeg's guesses at presentation times stepped back on every third picture."""
    encoding = Encoding(codec="mpeg4", options={"bf": "2", "g": "12"})
    stamps, reader = read(make_clip(tmp_path / "a.avi", PICTURES, encoding=encoding))
    assert stamps == pytest.approx([k / 25 for k in range(30)], abs=1e-3)
    assert not reader.notes


def test_reading_keeps_a_variable_frame_rate(tmp_path: Path) -> None:
    times_ms = [0, 40, 50, 300, 301, 900]
    stamps, reader = read(make_clip(tmp_path / "a.mkv", PICTURES[:6], times_ms, MJPEG))
    assert stamps == pytest.approx([ms / 1000 for ms in times_ms])
    assert not reader.notes


def test_reading_fills_time_stamps_when_the_stream_has_none(tmp_path: Path) -> None:
    stamps, reader = read(make_clip(tmp_path / "a.h264", PICTURES))
    assert stamps == pytest.approx([k / reader.info.fps for k in range(30)])
    assert "without a time stamp" in reader.notes[0]
    assert not reader.problems


@pytest.mark.parametrize(("times_ms", "problem"), [([0, 40, 40, 120], "repeated"), ([0, 80, 40, 120], "out of order")])
def test_reading_repairs_time_stamps_when_they_are(tmp_path: Path, times_ms: list[int], problem: str) -> None:
    stamps, reader = read(make_clip(tmp_path / "a.mkv", PICTURES[:4], times_ms, MJPEG))
    assert (np.diff(stamps) > 0).all()
    assert (stamps[0], stamps[-1]) == pytest.approx((0, 0.12))
    assert problem in reader.notes[0]
    assert not reader.problems


def test_reading_goes_on_when_packets_in_the_middle_are_corrupt(tmp_path: Path) -> None:
    pictures = [make_picture(160, 120, k) for k in range(100)]
    stamps, reader = read(corrupt(make_clip(tmp_path / "a.h264", pictures)))
    assert len(stamps) > 60
    assert any("damaged" in line or "could not be decoded" in line for line in reader.problems)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".h264"])
def test_reading_reports_the_loss_when_the_file_is_cut_off(tmp_path: Path, suffix: str) -> None:
    options = {"preset": "ultrafast", "g": "8", "crf": "12"}
    pictures = [make_picture(64, 48, k) for k in range(100)]
    clip = make_clip(tmp_path / f"a{suffix}", pictures, encoding=Encoding(options=options))
    if suffix == ".mp4":
        put_index_first(clip)
    stamps, reader = read(cut_off(clip, 0.6))
    assert 20 < len(stamps) < 90
    assert reader.problems
    assert suffix == ".h264" or any("cut off" in line for line in reader.problems)


def put_index_first(path: Path) -> None:
    import av

    whole = path.with_name("whole.mp4")
    with av.open(str(path)) as source, av.open(str(whole), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    whole.replace(path)


def test_reading_goes_on_when_the_resolution_changes(tmp_path: Path) -> None:
    first = make_clip(tmp_path / "a.h264", PICTURES[:10])
    second = make_clip(tmp_path / "b.h264", [make_picture(96, 64, k) for k in range(10)])
    first.write_bytes(first.read_bytes() + second.read_bytes())
    with VideoReader(str(first)) as reader:
        sizes = [(picture.width, picture.height) for picture, _ in reader]
    assert sizes == [(64, 48)] * 10 + [(96, 64)] * 10


def announced_frames() -> list[tuple[str, int]]:
    """Clip and the number of pictures that a full decode yields, from the clips' README."""
    readme = SHARED / "clips" / "README.md"
    rows = [] if not readme.exists() else readme.read_text().splitlines()
    found = []
    for row in rows:
        cells = row.split("|")
        count = len(cells) > 2 and re.search(r"(\d+)(?: each| decode)?\s*(?:\(.*)?$", cells[2].strip())
        names = re.findall(r"\w+\.(?:mp4|avi|h264)", cells[1]) if count else []
        found += [(name, int(count.group(1))) for name in names]
    return found


@pytest.mark.skipif(not (SHARED / "clips").exists(), reason="the real clips are not here")
@pytest.mark.parametrize(("name", "frames"), announced_frames())
def test_reading_real_clips_gives_all_pictures_at_increasing_times(name: str, frames: int) -> None:
    stamps, reader = read(SHARED / "clips" / name)
    assert len(stamps) == frames
    assert (np.diff(stamps) > 0.2 / reader.info.fps).all()
    assert not reader.problems
