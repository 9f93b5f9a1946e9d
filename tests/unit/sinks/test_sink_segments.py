"""The recording of a live camera: cut, named, kept for as long as the user says, and safe from a power cut."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from stream.config.file import parse
from stream.errors import SourceError
from stream.plan.cameras import plan_camera
from stream.sinks.segments import Segments
from stream.video import VideoInfo, VideoReader
from tests.build import make_counted, make_yuv


def open_sink(folder: Path, **output: float) -> Segments:
    config = parse({"cameras": [{"source": "rtsp://c/s", "name": "cam"}], "output": {"dir": folder, **output}}, "here")
    info = VideoInfo(160, 120, 25.0, None, None, "h264", "yuv420p")
    return Segments.open(plan_camera(config, config.cameras[0], info), folder)


def read_end_s(path: Path) -> float:
    try:
        with VideoReader(str(path)) as reader:
            return max(pts_s for _, pts_s in reader)
    except SourceError:  # nothing whole is in it yet
        return 0.0


def record(folder: Path, seconds: int, **output: float) -> list[Path]:
    sink = open_sink(folder, **output)
    for k in range(seconds * 25):
        sink.write(make_counted(k, 1000 + k / 25, make_yuv(160, 120, k % 200)))
    sink.close()
    return sorted(folder.glob("annotated-*.mp4"), key=lambda path: (path.stat().st_mtime_ns, path))


def test_recording_is_cut_when_a_segment_is_full(tmp_path: Path) -> None:
    paths = record(tmp_path, 5, segment_s=2)
    assert len(paths) == 3
    assert all(re.fullmatch(r"annotated-\d{8}T\d{6}Z(-\d+)?\.mp4", path.name) for path in paths)
    counts = []
    for path in paths:
        with VideoReader(str(path)) as reader:
            times_s = [pts_s for _, pts_s in reader]
        assert times_s == pytest.approx([k / 25 for k in range(len(times_s))], abs=1e-5)
        counts.append(len(times_s))
    assert sorted(counts) == [25, 50, 50]


class AtOnce:
    """Stands for the thread that waits for the disk: how long that takes is the disk's affair."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[[Path], None], path: Path) -> Future[None]:
        done: Future[None] = Future()
        done.set_result(work(path))
        return done

    def shutdown(self) -> None:
        pass


def test_less_than_a_second_is_lost_when_the_power_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk has for certain is what was there when it was last told to write."""
    cut = tmp_path / "cut.mp4"
    certain_s: list[tuple[float, float]] = []  # (written so far, seconds that the disk has)
    written_s = 0.0

    def fdatasync(file: int) -> None:
        at_s = written_s
        cut.write_bytes(Path(f"/proc/self/fd/{file}").read_bytes())
        certain_s.append((at_s, read_end_s(cut)))

    clock = SimpleNamespace(**{**vars(time), "monotonic": lambda: 100 + written_s})
    monkeypatch.setattr("os.fdatasync", fdatasync)
    monkeypatch.setattr("stream.sinks.shelf.time", clock)
    monkeypatch.setattr("stream.sinks.shelf.ThreadPoolExecutor", AtOnce)
    sink = open_sink(tmp_path)
    for k in range(100):
        written_s = k / 25
        sink.write(make_counted(k, 1000 + k / 25, make_yuv(160, 120, k)))
    sink.close()
    lost_s = [later[0] - disk_s for (_, disk_s), later in pairwise(certain_s)]  # cut just before the next
    assert len(lost_s) >= 5 and max(lost_s[2:]) <= 1.0
