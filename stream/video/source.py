"""Opening a video and saying what it holds, before anything is started."""

from __future__ import annotations

from pathlib import Path

import av
import msgspec
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stream.errors import SourceError, words_of
from stream.sources import is_url, masked
from stream.video.hardware import SOFTWARE, Hardware

PROBE_PACKETS = 1000  # packets looked through for a first picture: a clip cut between key pictures needs some
OPEN_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 10.0
FALLBACK_FPS = 25.0

# AVCOL_SPC_* of FFmpeg -> the matrix that turns YUV into RGB. All others are guessed from the size.
MATRICES = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}


class VideoInfo(msgspec.Struct, frozen=True):
    """What a source holds. width, height: pixels of the upright picture, odd sizes as they are."""

    width: int
    height: int
    fps: float  # average, best guess; for filling gaps and for show, never for time
    duration_s: float | None
    frames: int | None  # as announced: often wrong
    codec: str
    pixel_format: str
    rotation_deg: int = 0  # counter-clockwise turn that makes the stored picture upright: 0, 90, 180, 270
    matrix: str = "bt601"  # bt601 | bt709 | bt2020


def probe(source: str) -> VideoInfo:
    """Open a file or URL, decode its first picture and describe it.

    Raises SourceError if it is missing, unreadable, a directory, not a video, has no video stream or no picture.
    """
    with open_source(source) as container:
        stream = video_stream(container, source)
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        return describe(stream, container, _first_picture(container, stream, source))


def open_source(source: str, hardware: Hardware = SOFTWARE) -> InputContainer:
    """The opened container; the caller closes it. Raises SourceError."""
    asks = is_url(source)
    if not asks:
        _check_file(source)
    options = {"rtsp_transport": "tcp"} if source.startswith("rtsp") else {}
    try:
        # Without "file:" FFmpeg takes what stands before a colon in a file's name for a protocol.
        return hardware.open(
            source if asks else f"file:{source}",
            options=options,
            timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S) if asks else None,
        )
    except (av.FFmpegError, OSError) as error:
        if asks:
            fix = "check that the camera or server answers: address, port, user and password"
            raise SourceError(masked(source), f"expected a stream, got: {reason_of(error)}", fix) from error
        fix = "give a file that a player can open; one cut off before its index was written must be repaired first"
        raise SourceError(source, f"expected a video file, got something else ({reason_of(error)})", fix) from error


def video_stream(container: InputContainer, source: str) -> VideoStream:
    """The first real video stream (not the cover picture of a song). Raises SourceError."""
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise SourceError(source, f"expected a video stream, the file holds only: {kinds}", "give a file with pictures")
    if moving[0].codec_context is None:
        raise SourceError(source, "there is no decoder for its video codec", "convert it, for example to H.264")
    return moving[0]


def _check_file(source: str) -> None:
    path = Path(source)
    if not path.exists():
        raise SourceError(source, "there is no such file", "check the path")
    if path.is_dir():
        raise SourceError(source, "expected a video file, got a directory", "name one file in it")
    try:
        with path.open("rb") as file:
            empty = path.is_file() and not file.read(1)
    except OSError as error:
        raise SourceError.refused(source, "read", error, "check its permissions") from error
    if empty:
        raise SourceError(source, "expected a video file, got an empty file", "check that it was copied completely")


def _first_picture(container: InputContainer, stream: VideoStream, source: str) -> VideoFrame:
    try:
        for count, packet in enumerate(container.demux(stream)):
            try:
                pictures = packet.decode()
            except av.FFmpegError:
                continue
            if pictures:
                return pictures[0]
            if count >= PROBE_PACKETS:
                break
    except av.FFmpegError as error:
        raise SourceError(source, f"reading failed before the first picture: {reason_of(error)}") from error
    fix = "check that the file is complete and that a player shows it"
    raise SourceError(source, f"not one picture could be decoded from its {stream.codec_context.name} stream", fix)


def describe(stream: VideoStream, container: InputContainer, picture: VideoFrame) -> VideoInfo:
    turn = round(picture.rotation / 90) * 90 % 360
    width, height = (picture.height, picture.width) if turn % 180 else (picture.width, picture.height)
    duration_s = None
    if stream.duration and stream.time_base:
        duration_s = float(stream.duration * stream.time_base)
    elif container.duration:
        duration_s = container.duration / 1e6
    return VideoInfo(
        width=width,
        height=height,
        fps=_frame_rate(stream),
        duration_s=duration_s,
        frames=stream.frames or None,
        codec=stream.codec_context.name,
        pixel_format=picture.format.name,
        rotation_deg=turn,
        matrix=MATRICES.get(int(picture.colorspace), "bt709" if max(width, height) >= 1280 else "bt601"),
    )


def _frame_rate(stream: VideoStream) -> float:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0.01 <= rate <= 1000:
            return float(rate)
    return FALLBACK_FPS


def reason_of(error: Exception) -> str:
    """What went wrong in the system's own words; without the address, which may hold a password."""
    if isinstance(error, av.error.ExitError):  # FFmpeg's word for a deadline
        return "nothing came in time"
    return words_of(error)
