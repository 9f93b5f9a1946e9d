"""A small picture of each crossing, taken from the annotated video at its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from stream.errors import SourceError
from stream.messages import Crossing

SHARE = 0.34  # of the picture's width that is shown around a crossing
WIDTH_PX, QUALITY = 240, 70
SEEK_S = 3.0  # farther ahead than this it is quicker to jump to a key frame; there is one a second


def crossing_frames(video: Path, crossings: Sequence[Crossing]) -> Iterator[tuple[Crossing, bytes]]:
    """Each crossing, in order of time, with a JPEG of its surroundings; those beyond the video's end are left out.

    Raises SourceError where the video cannot be read.
    """
    try:
        with av.open(str(video)) as container:
            pictures = _pictures(container)
            at_s, picture = next(pictures, (0.0, None))
            for crossing in sorted(crossings, key=lambda c: c.pts_s):
                if crossing.pts_s - at_s > SEEK_S:
                    container.seek(int(crossing.pts_s * av.time_base), backward=True)
                while picture is not None and at_s < crossing.pts_s - 1e-4:
                    at_s, picture = next(pictures, (at_s, None))
                if picture is None:
                    return
                yield crossing, _jpeg(picture, crossing)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(str(video), f"cannot be read: {error}", "the run must be made again") from error


def _pictures(container: av.container.InputContainer) -> Iterator[tuple[float, VideoFrame]]:
    stream = container.streams.video[0]
    for packet in container.demux(stream):
        for picture in packet.decode():
            if picture.time is not None:
                yield picture.time, picture


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
