"""A file that another program still writes."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import av
import pytest

from stream.errors import SourceError
from stream.video import FollowFeed, Patience, Picture
from tests.blobs import blob_picture
from tests.build import Encoding, make_clip
from tests.live.watch import PATIENT

PICTURES = 60
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov", "flush_packets": "1"}


def grow(whole: Path, path: Path, seconds: float) -> None:
    """Write the bytes of `whole` a little at a time."""
    data, parts = whole.read_bytes(), 30
    with path.open("wb", buffering=0) as file:
        for k in range(parts):
            file.write(data[len(data) * k // parts : len(data) * (k + 1) // parts])
            time.sleep(seconds / parts)


def remux(clip: Path, path: Path) -> Path:
    with (
        av.open(str(clip)) as source,
        av.open(str(path), "w", options=FRAGMENTED if path.suffix == ".mp4" else {}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    return path


def read(feed: FollowFeed, most: int) -> list[Picture]:
    """To the end, or so many and what comes in half a second."""
    pictures: list[Picture] = []
    until_s = math.inf
    while not feed.ended and time.monotonic() < until_s:
        if (picture := feed.take(0.1)) is not None:
            pictures.append(picture)
        if len(pictures) >= most:
            until_s = min(until_s, time.monotonic() + 0.5)
    feed.close()
    return pictures


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp4"])
def test_every_picture_is_read_when_the_file_grows(suffix: str, tmp_path: Path) -> None:
    encoding = Encoding(options={"preset": "veryfast", "g": "8", "bf": "2"})
    clip = make_clip(tmp_path / "clip.mp4", [blob_picture(k) for k in range(PICTURES)], encoding=encoding)
    whole, path = remux(clip, tmp_path / f"whole{suffix}"), tmp_path / f"growing{suffix}"
    writer = threading.Thread(target=grow, args=(whole, path, 2.0))
    writer.start()
    time.sleep(0.5)
    pictures = read(feed := FollowFeed(str(path), 25.0, PATIENT), PICTURES)
    writer.join()
    assert [picture.seq for picture in pictures] == list(range(PICTURES))
    assert [picture.pts_s for picture in pictures] == pytest.approx([k / 25 for k in range(PICTURES)], abs=0.002)
    assert (feed.decoded, feed.problems, feed.skipped) == (PICTURES, [], {})


def test_reading_ends_when_the_file_grows_no_more(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", [blob_picture(k) for k in range(PICTURES)])
    pictures = read(feed := FollowFeed(str(clip), 25.0, Patience(PATIENT.open_s, 4.0)), 2 * PICTURES)
    assert feed.ended and len(pictures) == PICTURES


def test_stopping_accounts_for_what_was_read_ahead(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", [blob_picture(k) for k in range(PICTURES)])
    feed = FollowFeed(str(clip), 25.0, PATIENT)
    taken = 0
    while taken < 5:
        taken += feed.take(0.1) is not None
    time.sleep(0.2)
    feed.stop()
    feed.close()
    assert feed.decoded == 5 + feed.skipped["stopped"]


def test_file_that_never_becomes_a_video_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "nothing.ts"
    path.write_bytes(bytes(2000))
    with pytest.raises(SourceError, match="expected a growing video"):
        read(FollowFeed(str(path), 25.0, Patience(0.5, 0.5)), 1)
