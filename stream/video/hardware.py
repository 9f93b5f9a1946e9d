"""Decoding on a graphics card, where there is one that can; in software otherwise, and when the card fails."""

from __future__ import annotations

from typing import Any, Literal

import av
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer

from stream.errors import words_of

Decoder = Literal["auto", "software"]

DEVICES = ("cuda", "qsv", "vaapi", "videotoolbox", "d3d11va")  # the first that works is taken
FAILURES = (av.FFmpegError, OSError, NotImplementedError, RuntimeError, ValueError)


class Hardware:
    """What decodes one source. Its state: the device, until that fails."""

    def __init__(self, device: str = "", codec: str = "", note: str = "") -> None:
        """device: as FFmpeg names it; empty for software. note: what was decided, for the user."""
        self.device, self.note = device, note
        self.failures: list[str] = []  # one line each
        self._codec = codec

    def open(self, name: str, **options: Any) -> InputContainer:
        """av.open(), with the device where there is one; a device that can no longer be had is given up. A stream that
        the device cannot decode is decoded in software, which FFmpeg sees to."""
        if self.device:
            try:
                return av.open(name, hwaccel=HWAccel(self.device), **options)
            except FAILURES:
                why = _trouble(self.device, self._codec)
                if why is None:
                    raise  # it is the source that fails
                self.give_up(why)
        return av.open(name, **options)

    def give_up(self, why: str) -> None:
        """The device failed: software from here on."""
        self.failures.append(f"{self.device} failed ({why}): decoded in software from then on")
        self.device = ""


SOFTWARE = Hardware()


def choose_hardware(codec: str, wanted: Decoder) -> Hardware:
    """The first device here that decodes a codec, tried by opening it. codec: as of VideoInfo."""
    if wanted == "software":
        return Hardware()
    troubles = []
    for device in DEVICES:
        if device not in hwdevices_available():
            continue
        why = _trouble(device, codec)
        if why is None:
            return Hardware(device, codec, f"{codec} is decoded by {device}")
        troubles.append(f"{device}: {why}")
    reasons = ", ".join(troubles) or "this FFmpeg knows no device"
    return Hardware(note=f"{codec} is decoded in software ({reasons})")


def _trouble(device: str, codec: str) -> str | None:
    """Why a device cannot decode; None where it can."""
    try:
        context = av.CodecContext.create(codec, "r", hwaccel=HWAccel(device))
    except FAILURES as error:
        return words_of(error)
    return None if context.is_hwaccel else "not for this codec"
