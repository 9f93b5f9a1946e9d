"""The annotated video: complete, at the right times, and playable after everything that can go wrong."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from stream.drawing.overlay import Overlay
from stream.errors import OutputError
from stream.scene import Scene
from stream.sinks.video import AnnotatedVideo
from stream.video import VideoInfo, VideoReader, probe
from tests.build import make_counted, make_tracks, make_yuv

SCENE = Scene("cam", 160, 120)
INFO = VideoInfo(160, 120, 25.0, None, None, "h264", "yuv420p")


def noise(k: int) -> np.ndarray:
    """A picture that does not compress, so that files grow."""
    return np.random.default_rng(k).integers(16, 235, (180, 160), dtype=np.uint8)


def read_times(path: Path) -> list[float]:
    with VideoReader(str(path)) as reader:
        return [pts_s for _, pts_s in reader]


def test_every_picture_is_written_at_its_own_time_when_the_rate_varies(tmp_path: Path) -> None:
    times = [0.0, 0.033366, 0.05, 0.4, 0.400001, 3.7, 3.74, 9.999999]
    video = AnnotatedVideo(tmp_path / "a.mp4", Overlay(SCENE), INFO)
    for k, pts_s in enumerate(times):
        video.write(make_counted(k, pts_s, make_yuv(160, 120)))
    video.close()
    assert read_times(tmp_path / "a.mp4") == pytest.approx(times, abs=1e-6)


def test_the_file_is_what_browsers_play(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "a.mp4", Overlay(SCENE), msgspec.structs.replace(INFO, fps=30.0, matrix="bt709"))
    for k in range(60):
        video.write(make_counted(k, k / 30, make_yuv(160, 120)))
    video.close()
    info = probe(str(tmp_path / "a.mp4"))
    assert (info.codec, info.pixel_format, info.width, info.height, info.matrix) == (
        "h264",
        "yuv420p",
        160,
        120,
        "bt709",
    )
    assert (info.frames, info.duration_s) == (60, pytest.approx(2.0, abs=0.05))
    with av.open(str(tmp_path / "a.mp4")) as container:
        keys = [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.is_keyframe]
    assert [float(key) for key in keys] == pytest.approx([0.0, 1.0])


def test_what_is_drawn_is_in_the_file(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "a.mp4", Overlay(SCENE), INFO)
    car = make_tracks([(1, (40, 40, 100, 90), 2, True, True)])
    video.write(make_counted(0, 0.0, make_yuv(160, 120), car))
    video.close()
    with VideoReader(str(tmp_path / "a.mp4")) as reader:
        (picture, _), *_ = reader
    blue = picture.to_ndarray(format="rgb24")[90 - 2 : 90, 50:90].astype(int).mean(axis=(0, 1))
    assert blue[2] > blue[0] + 60  # the lower edge of a car's box is sky blue


def test_the_buffer_is_free_when_write_returns(tmp_path: Path) -> None:
    """A frame that held on to a ring slot kept its shared memory from being closed."""
    video = AnnotatedVideo(tmp_path / "a.mp4", Overlay(SCENE), INFO)
    yuv = make_yuv(160, 120)
    before = sys.getrefcount(yuv)
    for k in range(5):
        video.write(make_counted(k, k / 25, yuv))
    assert sys.getrefcount(yuv) == before
    video.close()


WRITE_AND_WAIT = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.build import make_counted
from tests.unit.sinks.test_sink_video import INFO, SCENE, AnnotatedVideo, Overlay, noise
video = AnnotatedVideo(Path(sys.argv[1]), Overlay(SCENE), INFO)
for k in range(90):
    video.write(make_counted(k, k / 25, noise(k)))
print("written", flush=True)
time.sleep(60)
"""


def test_all_but_the_last_second_plays_when_the_process_is_killed(tmp_path: Path) -> None:
    path, root = tmp_path / "a.mp4", str(Path(__file__).resolve().parents[3])
    command = [sys.executable, "-c", WRITE_AND_WAIT, str(path), root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    times = read_times(path)
    assert times == pytest.approx([k / 25 for k in range(len(times))])
    assert len(times) >= 90 - 25 - 1


@pytest.mark.parametrize("path", ["/dev/full", "/proc/a.mp4", "{tmp}/no/such/folder/a.mp4"])
def test_an_error_names_the_file_when_it_cannot_be_written(tmp_path: Path, path: str) -> None:
    target = Path(path.format(tmp=tmp_path))
    with pytest.raises(OutputError, match="cannot be written") as caught:
        AnnotatedVideo(target, Overlay(SCENE), INFO)
    assert caught.value.where == str(target)


def test_what_was_written_plays_when_the_disk_becomes_full(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    video = AnnotatedVideo(path, Overlay(SCENE), INFO)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, hard))
    try:
        with pytest.raises(OutputError, match="cannot be written: File too large"):
            for k in range(200):
                video.write(make_counted(k, k / 25, noise(k)))
        video.close()  # the error was raised once; closing is quiet
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(read_times(path)) >= 25


def test_a_folder_may_be_named_after_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg took "2026-11-21T12:" for a protocol."""
    monkeypatch.chdir(tmp_path)
    folder = Path("2026-11-21T12:30")
    folder.mkdir()
    AnnotatedVideo(folder / "a.mp4", Overlay(SCENE), INFO).close()
    assert (folder / "a.mp4").exists()


def test_a_video_without_pictures_can_be_closed(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "a.mp4", Overlay(SCENE), INFO)
    video.close()
    video.close()
    assert (tmp_path / "a.mp4").exists()
