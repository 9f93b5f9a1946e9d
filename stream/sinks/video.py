"""The annotated video: H.264 in an MP4 that plays while it is written and after a kill."""

from __future__ import annotations

import math
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from stream.drawing.overlay import Overlay
from stream.errors import OutputError
from stream.messages import Counted, Gap, Told
from stream.scene import Scene
from stream.video import VideoInfo

TIME_BASE = Fraction(1, 1_000_000)  # finer than the clocks of cameras: no stamp moves by more than half a microsecond
FRAGMENT_S = 1.0  # what a kill can cost
VIDEO = "annotated.mp4"

# While it is written the file is fragmented: each second is complete in itself, so a killed recording plays up to its
# last whole second. Closing it adds one index for all, which lets every player seek.
MOVFLAGS = "hybrid_fragmented+frag_keyframe+empty_moov+default_base_moof"
MATRIX_TAGS = {"bt601": 6, "bt709": 1, "bt2020": 9}  # AVCOL_SPC_*


class AnnotatedVideo:
    """Draws counted pictures and encodes them at their own time stamps. Raises OutputError when it cannot write."""

    def __init__(
        self,
        path: Path,
        overlay: Overlay,
        info: VideoInfo,
        *,
        began_s: float = 0.0,
        fragment_s: float = FRAGMENT_S,
    ) -> None:
        """info: of the source; its rate is a hint for the encoder. began_s: the pts at which the file's time begins."""
        self.path = path
        self._overlay, self._began_s = overlay, began_s
        self._next_key_s, self._fragment_s = -math.inf, fragment_s
        self._open = True
        try:
            # flush_packets: what a fragment holds must reach the file system with it, not when a buffer is full.
            options = {"movflags": MOVFLAGS, "flush_packets": "1"}
            self._container = av.open(f"file:{path}", "w", format="mp4", options=options)
            self._stream = self._container.add_stream("libx264", rate=Fraction(info.fps).limit_denominator(1001))
            _configure(self._stream, overlay.scene, info.matrix)
            self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def write(self, counted: Counted) -> None:
        """Draw on counted.yuv in place and encode it; the buffer is free for others when this returns."""
        self._overlay.draw(counted)
        assert counted.yuv is not None  # draw() refused None
        pts_s = counted.frame.pts_s - self._began_s
        self._encode(_picture(counted.yuv, pts_s, self._is_key(pts_s)))

    def hear(self, told: Told) -> None:
        """Nothing is drawn in a gap."""
        if isinstance(told, Gap):
            self._overlay.hear(told)

    def cut(self) -> None:
        """Begin a fragment with the next picture: once that is written, the file holds all pictures before it."""
        self._next_key_s = -math.inf

    def close(self) -> None:
        """Write what the encoder holds, and the index. Raises OutputError when it cannot; safe to call twice."""
        if not self._open:
            return
        self._encode(None)
        self._open = False
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _is_key(self, pts_s: float) -> bool:
        due = pts_s >= self._next_key_s
        if due:
            self._next_key_s = pts_s + self._fragment_s
        return due

    def _encode(self, picture: VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(picture):
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            self._open = False  # no more can be written; what is on the disk plays up to its last whole second
            with suppress(av.FFmpegError, OSError):
                self._container.close()
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> OutputError:
        fix = "free some space or choose another folder with --out; --no-video records no video"
        return OutputError.refused(self.path, "written", error, fix)


def _configure(stream: VideoStream, scene: Scene, matrix: str) -> None:
    stream.width, stream.height = scene.width // 2 * 2, scene.height // 2 * 2
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = TIME_BASE
    stream.codec_context.thread_count = 1
    stream.codec_context.gop_size = 10_000  # key pictures are asked for by time, not by count: the rate may vary
    # "ultrafast" takes a third of the time of "veryfast" and makes up for it with bits, not with quality.
    stream.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "25", "forced-idr": "1"}
    stream.codec_context.color_range = 1  # limited
    stream.codec_context.colorspace = MATRIX_TAGS[matrix]


def _picture(yuv: np.ndarray, pts_s: float, key: bool) -> VideoFrame:
    """A frame over the same memory: the encoder copies what it keeps."""
    picture = VideoFrame.from_numpy_buffer(yuv, format="yuv420p")
    picture.pts, picture.time_base = round(pts_s / TIME_BASE), TIME_BASE
    if key:
        picture.pict_type = PictureType.I
    return picture
