"""The picture of a crossing is the one of its time, also where the video is cut into files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from stream.audit.frames import crossing_frames
from stream.errors import SourceError
from stream.messages import Crossing
from stream.plan.cameras import Retention
from stream.scene import Scene
from stream.sinks.segments import Segments
from stream.video import VideoInfo
from tests.build import cut_off, make_clip, make_counted, make_yuv

GREYS = [40, 80, 120, 160, 200]


def crossing(pts_s: float, track_id: int = 1) -> Crossing:
    values = {"camera": "cam", "line": "A", "direction": "in", "track_id": track_id, "label": "car", "seq": 0}
    return msgspec.convert({**values, "pts_s": pts_s, "x": 60.0, "y": 40.0}, Crossing)


def grey_of(jpeg: bytes) -> float:
    return float(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).mean())


def grey_clip(path: Path) -> Path:
    """A second of each grey."""
    return make_clip(path, [np.full((80, 120, 3), grey, np.uint8) for grey in GREYS for _ in range(25)])


@pytest.mark.parametrize("times_s", [(0.5, 1.5, 2.5, 3.5, 4.5), (4.5,), (0.5, 4.5), (2.0,)])
def test_the_picture_is_that_of_the_time_when_a_crossing_is_looked_up(
    tmp_path: Path, times_s: tuple[float, ...]
) -> None:
    grey_clip(tmp_path / "annotated.mp4")
    found = list(crossing_frames(tmp_path, [crossing(t) for t in reversed(times_s)]))
    assert [c.pts_s for c, _ in found] == list(times_s)
    assert [grey_of(jpeg) for _, jpeg in found] == pytest.approx([GREYS[int(t)] for t in times_s], abs=4)


def test_crossings_are_left_out_when_no_video_shows_them(tmp_path: Path) -> None:
    assert list(crossing_frames(tmp_path, [crossing(1.0)])) == []
    grey_clip(tmp_path / "annotated.mp4")
    assert list(crossing_frames(tmp_path, [crossing(9.0)])) == []


def test_the_video_is_named_when_it_is_damaged(tmp_path: Path) -> None:
    cut_off(grey_clip(tmp_path / "annotated.mp4"), 0.02)
    with pytest.raises(SourceError, match=r"annotated\.mp4: cannot be read"):
        list(crossing_frames(tmp_path, [crossing(1.0)]))


def test_the_right_file_is_looked_into_when_the_recording_of_a_camera_is_cut(tmp_path: Path) -> None:
    info = VideoInfo(120, 80, 5.0, None, None, "h264", "yuv420p")
    camera: Any = SimpleNamespace(
        folder=str(tmp_path), scene=Scene("cam", 120, 80), info=info, keep=Retention(1.0, 0.0, 0.0)
    )
    sink = Segments(camera)
    for k in range(25):
        sink.write(make_counted(k, 100.0 + k / 5, make_yuv(120, 80, luma=GREYS[k // 5])))
    sink.close()
    assert len(list(tmp_path.glob("*.mp4"))) == 5
    found = [grey_of(jpeg) for _, jpeg in crossing_frames(tmp_path, [crossing(100.5 + t) for t in range(5)])]
    full_range = [(grey - 16) * 255 / 219 for grey in GREYS]
    assert found == pytest.approx(full_range, abs=5)
