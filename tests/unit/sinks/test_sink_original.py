"""A camera's own packets on the disk: whole, decodable, and at the times at which its pictures were counted."""

from __future__ import annotations

from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from stream.config.file import parse
from stream.errors import ConfigError, OutputError
from stream.messages import Crossing, EndOfStream
from stream.plan.cameras import CameraPlan, plan_camera
from stream.sinks import Durable
from stream.sinks.event_clips import EventClips
from stream.sinks.original import BUFFER, Original, Whole, open_original
from stream.sinks.packets import PacketVideo
from stream.sinks.shelf import recordings_of
from stream.video import FileFeed, Picture, Reading, VideoInfo, VideoReader
from tests.build import Encoding, make_clip, make_counted, make_picture

PICTURES = 75
SLOW_S = 60.0  # as long as a busy machine may keep the thread that writes waiting
B_PICTURES = {"preset": "veryfast", "g": "25", "bf": "2", "x264-params": "b-adapt=0"}
H265 = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=25:bframes=2:b-adapt=0"}
CODINGS = {
    "h264": Encoding(options={"preset": "ultrafast", "g": "25"}),
    "h264 with B-pictures": Encoding(options=B_PICTURES),
    "h265": Encoding("libx265", options=H265),
    "mjpeg": Encoding("mjpeg", "yuvj420p", options={}),
    "mpeg4": Encoding("mpeg4", options={"g": "25"}),
}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.sinks.original.DISK_S", SLOW_S)
    monkeypatch.setattr("stream.sinks.event_clips.LATE_S", SLOW_S)


def plan(folder: Path, codec: str = "h264", source: str = "rtsp://c/s", **output: object) -> CameraPlan:
    raw = {"cameras": [{"source": source, "name": "cam"}], "output": {"dir": folder, "record": "original", **output}}
    config = parse(raw, "here")
    return plan_camera(config, config.cameras[0], VideoInfo(160, 120, 25.0, None, None, codec, "yuv420p"))


def clip(folder: Path, name: str = "h264", suffix: str = ".ts", size_wh: tuple[int, int] = (160, 120)) -> Path:
    path = folder / f"clip{len(list(folder.iterdir()))}{suffix}"
    return make_clip(path, [make_picture(*size_wh, k) for k in range(PICTURES)], encoding=CODINGS[name])


def pictures_of(*paths: Path) -> list[Picture]:
    """As of a camera that has been on for a while: pts_s begins at 1000."""
    found: list[Picture] = []
    for path in paths:
        feed = FileFeed(str(path), reading=Reading(packets=True))
        while (one := feed.take(0)) is not None:
            pts_s = 1000 + len(found) / 25
            found.append(Picture(len(found), one.frame, pts_s, one.captured_ns, one.packets))
        feed.close()
    return found


def record(pictures: list[Picture], camera: CameraPlan) -> Original:
    original = Original(Whole(camera), waits=True)
    for picture in pictures:
        original.put(picture)
    original.close()
    return original


def read(folder: Path) -> list[tuple[float, np.ndarray]]:
    """pts_s and luma of every picture in the recordings of a folder."""
    found = []
    for path, began_s in recordings_of(folder):
        with VideoReader(str(path)) as reader:
            found += [(began_s + pts_s, frame.to_ndarray(format="gray")) for frame, pts_s in reader]
            assert reader.problems == []
    return found


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_recording_has_every_picture_at_its_time_when_remuxed(name: str, suffix: str, tmp_path: Path) -> None:
    if suffix == ".ts" and name == "mjpeg":
        pytest.skip("MPEG-TS does not carry it")
    pictures = pictures_of(clip(tmp_path, name, suffix))
    record(pictures, plan(tmp_path, segment_s=1))
    assert len(list(tmp_path.glob("original-*.mp4"))) == 3
    got = read(tmp_path)
    assert len(got) == PICTURES
    for picture, (pts_s, luma) in zip(pictures, got, strict=True):
        assert pts_s == pytest.approx(picture.pts_s, abs=1e-4)
        assert np.array_equal(luma, picture.frame.to_ndarray(format="gray"))


def test_next_file_begins_when_the_camera_changes_its_picture(tmp_path: Path) -> None:
    """Raw packets of two sizes in one stream, as of a camera that was set anew while it is read."""
    small, large = clip(tmp_path, suffix=".h264"), clip(tmp_path, suffix=".h264", size_wh=(320, 240))
    joined = tmp_path / "joined.h264"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    record(pictures_of(joined), plan(tmp_path))
    shapes = []
    for path, _ in recordings_of(tmp_path):
        with VideoReader(str(path)) as reader:
            shapes.append({(reader.info.width, reader.info.height)})
            shapes[-1] |= {(frame.width, frame.height) for frame, _ in reader}
    assert shapes == [{(160, 120)}, {(320, 240)}]


def test_recording_goes_on_with_a_key_picture_when_packets_are_lost(tmp_path: Path) -> None:
    pictures = pictures_of(clip(tmp_path))
    original = record(pictures[:10] + pictures[20:], plan(tmp_path))
    got = read(tmp_path)
    assert [round((pts_s - 1000) * 25) for pts_s, _ in got] == [*range(10), *range(25, 75)]
    assert original.lost == 5


def test_recording_goes_on_when_the_stamps_of_the_camera_jump(tmp_path: Path) -> None:
    pictures = pictures_of(clip(tmp_path, "h264"), clip(tmp_path, "h264"))  # begins anew in the middle
    record(pictures, plan(tmp_path))
    times_s = [pts_s for pts_s, _ in read(tmp_path)]
    assert times_s == pytest.approx([picture.pts_s for picture in pictures], abs=1e-4)


def test_less_than_a_second_is_missing_when_a_file_is_not_closed(tmp_path: Path) -> None:
    source = av.open(str(clip(tmp_path, "h264 with B-pictures", ".mkv")))
    stream = source.streams.video[0]
    video = PacketVideo(tmp_path / "open.mp4", stream)
    for packet in source.demux(stream):
        if packet.size:
            assert packet.pts is not None
            dts_s = None if packet.dts is None else float(packet.dts * packet.time_base)
            video.write(packet, float(packet.pts * packet.time_base), dts_s)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(video.path.read_bytes())
    video.close()
    source.close()
    with VideoReader(str(cut)) as reader:
        assert max(pts_s for _, pts_s in reader) >= PICTURES / 25 - 1


def test_error_reaches_the_decoder_when_the_disk_refuses(tmp_path: Path) -> None:
    camera = msgspec.structs.replace(plan(tmp_path), folder=str(tmp_path / "gone"))
    with pytest.raises(OutputError, match="gone"):
        record(pictures_of(clip(tmp_path)), camera)


def test_nothing_is_recorded_when_the_source_is_a_file(tmp_path: Path) -> None:
    assert open_original(plan(tmp_path, source="road.mp4")) is None


def test_raw_pictures_are_refused_when_they_would_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="record: annotated"):
        plan(tmp_path, "rawvideo", "/dev/video0")


def crossing(at_s: float, line: str = "A") -> Crossing:
    return Crossing("cam", line, "in", 1, "car", 0, at_s, 0.0, 0.0)


def cut(folder: Path, crossings: list[Crossing], **output: float) -> list[tuple[str, float, float]]:
    """Run twelve seconds past the sink; (name, first, last pts_s) of the clips that it leaves."""
    camera = plan(folder, record="events", **output)
    pictures = pictures_of(*[clip(folder, "h264 with B-pictures") for _ in range(4)])
    original, sink = open_original(camera), EventClips.open(camera, folder)
    assert original is not None
    for picture in pictures:
        original.put(picture)
        certain = tuple(c for c in crossings if c.pts_s <= picture.pts_s < c.pts_s + 0.039)
        counted = make_counted(picture.seq, picture.pts_s, None)
        sink.write(msgspec.structs.replace(counted, crossings=certain))
        sink.flush()
    original.close()
    sink.end(EndOfStream("cam", 0, len(pictures), {}))
    sink.close()
    assert not (folder / BUFFER).exists()
    clips = []
    for path, began_s in recordings_of(folder):
        with VideoReader(str(path)) as reader:
            times_s = [pts_s for _, pts_s in reader]
        clips.append((path.name, began_s, began_s + times_s[-1]))
    return clips


def test_seconds_around_each_crossing_are_kept_when_events_are_recorded(tmp_path: Path) -> None:
    found = cut(tmp_path, [crossing(1002), crossing(1002.5, "B/2"), crossing(1008)], before_s=1, after_s=0.5)
    assert len(found) == 2
    (first, from_1_s, to_1_s), (second, from_2_s, to_2_s) = found
    assert first.endswith("-A+B-2.mp4") and second.endswith("-A.mp4") and first.startswith("event-")
    assert 999.9 <= from_1_s <= 1001 and 1002.9 <= to_1_s <= 1003.2
    assert 1005.9 <= from_2_s <= 1007 and 1008.4 <= to_2_s <= 1008.7


def test_an_event_is_whole_when_the_disk_lags_behind_a_fast_file(tmp_path: Path) -> None:
    """Regression: seconds of a file counted as seconds that the disk had had, and a clip ended before its crossing."""
    camera = plan(tmp_path, record="events", before_s=1, after_s=0.5)
    pictures = pictures_of(*[clip(tmp_path) for _ in range(4)])
    to_buffer(camera, pictures[:50])
    sink = EventClips.open(camera, tmp_path)
    for picture in pictures:
        certain = (crossing(1002),) if picture.seq == 50 else ()
        sink.write(msgspec.structs.replace(make_counted(picture.seq, picture.pts_s, None), crossings=certain))
        sink.flush()
    to_buffer(camera, pictures[50:])
    sink.flush()
    sink.close()
    [(path, began_s)] = recordings_of(tmp_path)
    with VideoReader(str(path)) as reader:
        assert began_s + max(pts_s for _, pts_s in reader) >= 1002.4


def to_buffer(camera: CameraPlan, pictures: list[Picture]) -> None:
    original = open_original(camera)
    assert original is not None
    for picture in pictures:
        original.put(picture)
    original.close()


def test_no_clip_is_longer_than_the_buffer_when_crossings_never_end(tmp_path: Path) -> None:
    crossings = [crossing(1000.5 + k / 2) for k in range(20)]
    found = cut(tmp_path, crossings, before_s=1, after_s=1)
    assert found[0][1] == 1000 and found[-1][2] == pytest.approx(1011, abs=0.2)


def test_nothing_is_left_when_nothing_crossed(tmp_path: Path) -> None:
    assert cut(tmp_path, []) == []


def test_events_are_cut_when_the_recorder_was_started_again(tmp_path: Path) -> None:
    """What was noticed before the kill, and not yet cut, waits in the checkpoint; its packets wait in the buffer."""
    camera = plan(tmp_path, record="events", before_s=1, after_s=1)
    original, killed = open_original(camera), EventClips.open(camera, tmp_path)
    assert original is not None and isinstance(killed, Durable)
    pictures = pictures_of(clip(tmp_path), clip(tmp_path))
    for picture in pictures[:60]:
        original.put(picture)
    killed.write(msgspec.structs.replace(make_counted(50, 1002.0, None), crossings=(crossing(1002),)))
    original.close()
    sink, again = EventClips.open(camera, tmp_path), open_original(camera)
    assert again is not None
    sink.restore(killed.state())
    for picture in pictures[60:]:
        again.put(picture)
        sink.write(make_counted(picture.seq, picture.pts_s, None))
    again.close()
    sink.close()
    ((path, began_s),) = recordings_of(tmp_path)
    with VideoReader(str(path)) as reader:
        times_s = [began_s + pts_s for _, pts_s in reader]
    assert times_s[0] <= 1001 and times_s[-1] >= 1002.3, "what was on its way at the kill is missing at most"
