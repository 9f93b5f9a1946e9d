"""A small picture of each crossing, taken from the annotated video at its time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from stream.errors import SourceError
from stream.messages import Crossing
from stream.sinks.shelf import recordings_of
from stream.sinks.video import VIDEO

SHARE = 0.34  # of the picture's width that is shown around a crossing
WIDTH_PX, QUALITY = 240, 70
SEEK_S = 3.0  # farther ahead than this it is quicker to jump to a key frame; there is one a second


def crossing_frames(folder: Path, crossings: Sequence[Crossing]) -> Iterator[tuple[Crossing, bytes]]:
    """Each crossing of one camera with a JPEG of its surroundings, from the annotated video in its folder, or from the
    files into which a live camera's is cut. Those that no video shows are left out.

    Raises SourceError where a video cannot be read.
    """
    videos = recordings_of(folder) or [(folder / VIDEO, 0.0)]
    for k, (video, began_s) in enumerate(videos):
        until_s = videos[k + 1][1] if k + 1 < len(videos) else math.inf
        inside = [crossing for crossing in crossings if began_s <= crossing.pts_s < until_s]
        if inside and video.exists():
            yield from _frames_of(video, began_s, sorted(inside, key=lambda c: c.pts_s))


def _frames_of(video: Path, began_s: float, crossings: Sequence[Crossing]) -> Iterator[tuple[Crossing, bytes]]:
    try:
        with av.open(str(video)) as container:
            pictures = _pictures(container)
            at_s, picture = next(pictures, (0.0, None))
            for crossing in crossings:
                wanted_s = crossing.pts_s - began_s
                if wanted_s - at_s > SEEK_S:
                    container.seek(int(wanted_s * av.time_base), backward=True)
                while picture is not None and at_s < wanted_s - 1e-4:
                    at_s, picture = next(pictures, (at_s, None))
                if picture is None:
                    return
                yield crossing, _jpeg(picture, crossing)
    except (av.FFmpegError, OSError) as error:
        raise SourceError.refused(video, "read", error, "the run must be made again") from error


def _pictures(container: av.container.InputContainer) -> Iterator[tuple[float, VideoFrame]]:
    stream = container.streams.video[0]
    began_s = float((stream.start_time or 0) * (stream.time_base or 0))  # with B-pictures the first is not at 0
    for packet in container.demux(stream):
        for picture in packet.decode():
            if picture.time is not None:
                yield picture.time - began_s, picture


def _jpeg(picture: VideoFrame, crossing: Crossing) -> bytes:
    image = picture.to_ndarray(format="bgr24")
    height, width = image.shape[:2]
    w = min(width, max(64, round(SHARE * width)))
    h = min(height, round(0.75 * w))
    x = int(np.clip(crossing.x - w / 2, 0, width - w))
    y = int(np.clip(crossing.y - 0.65 * h, 0, height - h))  # the anchor is the foot: more is shown above it
    part = cv2.resize(image[y : y + h, x : x + w], (WIDTH_PX, round(WIDTH_PX * h / w)), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", part, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return bytes(jpeg.tobytes())
