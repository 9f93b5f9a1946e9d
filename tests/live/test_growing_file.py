"""A file that another program still writes."""

from __future__ import annotations

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


def read(*feeds: FollowFeed) -> list[list[Picture]]:
    """Of each all pictures, to its end."""
    pictures: list[list[Picture]] = [[] for _ in feeds]
    while not all(feed.ended for feed in feeds):
        for feed, own in zip(feeds, pictures, strict=True):
            if not feed.ended and (picture := feed.take(0.1 / len(feeds))) is not None:
                own.append(picture)
    for feed in feeds:
        feed.close()
    return pictures


def test_every_picture_is_read_when_files_grow(tmp_path: Path) -> None:
    """All kinds at a time: a file counts as whole when it has not grown for longer than a busy machine stands still."""
    encoding = Encoding(options={"preset": "veryfast", "g": "8", "bf": "2"})
    clip = make_clip(tmp_path / "clip.mp4", [blob_picture(k) for k in range(PICTURES)], encoding=encoding)
    paths = [tmp_path / f"growing{suffix}" for suffix in (".ts", ".mkv", ".mp4")]
    wholes = [remux(clip, tmp_path / f"whole{path.suffix}") for path in paths]
    writers = [threading.Thread(target=grow, args=(*pair, 2.0)) for pair in zip(wholes, paths, strict=True)]
    for writer in writers:
        writer.start()
    time.sleep(0.5)
    feeds = [FollowFeed(str(path), 25.0, Patience(PATIENT.open_s, 7.0)) for path in paths]
    for path, feed, pictures in zip(paths, feeds, read(*feeds), strict=True):
        assert [picture.seq for picture in pictures] == list(range(PICTURES)), path
        assert [p.pts_s for p in pictures] == pytest.approx([k / 25 for k in range(PICTURES)], abs=0.002), path
        assert (feed.decoded, feed.problems, feed.skipped) == (PICTURES, [], {}), path
    for writer in writers:
        writer.join()


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
        read(FollowFeed(str(path), 25.0, Patience(0.5, 0.5)))
