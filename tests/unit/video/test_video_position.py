"""Going back to a picture of a file: to the very one, whatever the file can be searched by."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import av
import msgspec
import pytest

from stream.errors import SourceError
from stream.video import FileFeed, Picture
from stream.video.position import Position
from stream.video.reader import VideoReader
from tests.build import Encoding, make_clip, make_picture

COUNT = 70
B_PICTURES = {"preset": "ultrafast", "g": "12", "bf": "3", "crf": "12"}


def clip(folder: Path, name: str, options: dict[str, str], codec: str = "libx264") -> Path:
    return make_clip(
        folder / name, [make_picture(96, 64, k) for k in range(COUNT)], None, Encoding(codec, options=options)
    )


def packed(clip: Path, out: Path, first: int = 0) -> Path:
    """The packets of a clip in another container, from the first-th key picture on."""
    with av.open(str(clip)) as source, av.open(str(out), "w") as target:
        made = target.add_stream_from_template(source.streams.video[0])
        keys = 0
        for packet in source.demux(video=0):
            keys += packet.is_keyframe
            if packet.dts is not None and keys > first:
                packet.stream = made
                target.mux(packet)
    return out


SOURCES: dict[str, Callable[[Path], Path]] = {
    "mp4": lambda folder: clip(folder, "a.mp4", {"preset": "ultrafast", "g": "8"}),
    "mp4 with b-pictures and an edit list": lambda folder: clip(folder, "a.mp4", B_PICTURES),
    "open groups of pictures": lambda folder: clip(folder, "a.mp4", B_PICTURES | {"x264-params": "open-gop=1"}),
    "one key picture": lambda folder: clip(folder, "a.mp4", {"preset": "ultrafast", "g": "1000"}),
    "matroska": lambda folder: clip(folder, "a.mkv", B_PICTURES),
    "transport stream": lambda folder: clip(folder, "a.ts", B_PICTURES),
    "time that does not begin at 0": lambda folder: packed(clip(folder, "a.mp4", B_PICTURES), folder / "b.mkv", 2),
    "raw stream without time": lambda folder: clip(folder, "a.h264", B_PICTURES),
    "avi with decoding times": lambda folder: clip(folder, "a.avi", {"g": "8", "bf": "2"}, "mpeg4"),
}


def all_of(feed: FileFeed) -> list[Picture]:
    return list(itertools.takewhile(lambda _: not feed.ended, iter(lambda: feed.take(1.0), ...)))  # type: ignore[arg-type]


def pictures(feed: FileFeed) -> list[tuple[int, float, bytes]]:
    found = [(p.seq, p.pts_s, bytes(p.frame.planes[0])) for p in all_of(feed) if p is not None]
    feed.close()
    return found


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES.keys())
@pytest.mark.parametrize("after", [1, 9, 37, 50, 66])
def test_pictures_are_the_same_when_a_feed_goes_on_from_a_position(
    make: Callable[[Path], Path], after: int, tmp_path: Path
) -> None:
    source = str(make(tmp_path))
    expected = pictures(FileFeed(source))
    after = min(after, len(expected))
    feed = FileFeed(source)
    for _ in range(after):
        feed.take(1.0)
    state = feed.state()
    feed.close()
    again = FileFeed(source)
    again.restore(state, "")
    assert again.state() == state, "on the way it stands where it goes"
    assert pictures(again) == expected[after:]
    assert again.decoded == len(expected)


def test_repairs_of_time_go_on_when_a_feed_goes_on(tmp_path: Path) -> None:
    times_ms = [*range(0, 2000, 100), *range(0, 2000, 100)]  # the clock steps back in the middle
    options = {"preset": "ultrafast", "g": "8", "bf": "0"}
    shown = [make_picture(96, 64, k) for k in range(len(times_ms))]
    source = str(make_clip(tmp_path / "a.mkv", shown, times_ms, Encoding(options=options)))
    expected = pictures(FileFeed(source))
    feed = FileFeed(source)
    for _ in range(30):
        feed.take(1.0)
    again = FileFeed(source)
    again.restore(feed.state(), "")
    assert pictures(again) == expected[30:]
    assert len(again.notes) == 1
    assert again.notes[0].startswith("clock stepped back, the rest is shifted: 1 pictures")
    feed.close()


def test_error_says_so_when_the_file_is_another_one(tmp_path: Path) -> None:
    source = clip(tmp_path, "a.mp4", {"preset": "ultrafast", "g": "8"})
    feed = FileFeed(str(source))
    for _ in range(40):
        feed.take(1.0)
    position = msgspec.msgpack.decode(feed.state(), type=Position)
    feed.close()
    make_clip(source, [make_picture(96, 64, 3 * k) for k in range(COUNT)])
    with VideoReader(str(source)) as reader, pytest.raises(SourceError, match="picture 40 is not the one that it was"):
        reader.go_to(position)
        while not reader.arrive():
            pass


def test_stream_ends_at_the_checkpoint_when_it_is_stopped_on_the_way(tmp_path: Path) -> None:
    source = str(clip(tmp_path, "a.mp4", {"preset": "ultrafast", "g": "8"}))
    feed = FileFeed(source)
    for _ in range(40):
        feed.take(1.0)
    again = FileFeed(source)
    again.restore(feed.state(), "")
    again.stop()
    assert again.take(1.0) is None and again.ended
    assert (again.decoded, again.state()) == (40, feed.state())
    feed.close()
    again.close()
