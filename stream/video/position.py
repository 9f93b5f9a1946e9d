"""Where a reader stands in a file, and how to get there again: to the very picture, or to say that it cannot."""

from __future__ import annotations

import zlib

import msgspec
from av.video.frame import VideoFrame

from stream.video.clock import ClockState

SEEK_BACK_S = 1.0  # before the picture wanted: a decoder that starts there has all that the next ones refer to


class Position(msgspec.Struct, frozen=True, array_like=True):
    """After so many pictures. ticks: the stamp of the last one in the stream's own time base; checksum: of its luma."""

    pictures: int
    ticks: int | None
    checksum: int
    clock: ClockState
    packets: int
    losses: tuple[int, int, int]  # parts not read, packets not decoded, pictures damaged
    end_s: float

    def is_at(self, picture: VideoFrame) -> bool:
        """Whether this is the last picture before the position."""
        return picture.pts == self.ticks and checksum_of(picture) == self.checksum


def checksum_of(picture: VideoFrame) -> int:
    return zlib.crc32(memoryview(picture.planes[0]))
