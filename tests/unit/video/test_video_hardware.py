"""A graphics card decodes where there is one that can; nobody is left without pictures where there is none."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from stream.video import FileFeed, Hardware, Picture, Reading, choose_hardware, hardware
from tests.build import make_clip, make_picture


class Context:
    is_hwaccel = True


class Codecs:
    """Stands for CodecContext: a machine with these devices."""

    def __init__(self, *devices: str) -> None:
        self._devices = devices

    def create(self, codec: str, mode: str, hwaccel: str) -> Context:
        if hwaccel not in self._devices:
            raise av.error.PermissionError(1, "Operation not permitted")
        return Context()


def machine(monkeypatch: pytest.MonkeyPatch, built_in: list[str], there: list[str]) -> None:
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: built_in)
    monkeypatch.setattr(hardware, "HWAccel", lambda device: device)
    monkeypatch.setattr(av, "CodecContext", Codecs(*there))


@pytest.mark.parametrize(
    ("built_in", "there", "device", "note"),
    [
        (["cuda", "qsv"], ["cuda", "qsv"], "cuda", "h264 is decoded by cuda"),
        (["cuda", "qsv"], ["qsv"], "qsv", "h264 is decoded by qsv"),
        (["cuda"], [], "", "h264 is decoded in software (cuda: Operation not permitted)"),
        (["drm"], [], "", "h264 is decoded in software (this FFmpeg knows no device)"),
    ],
)
def test_first_device_that_opens_is_taken_when_there_are_some(
    built_in: list[str], there: list[str], device: str, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, built_in, there)
    chosen = choose_hardware("h264", "auto")
    assert (chosen.device, chosen.note) == (device, note)


def test_nothing_is_tried_or_said_when_software_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, ["cuda"], ["cuda"])
    chosen = choose_hardware("h264", "software")
    assert (chosen.device, chosen.note) == ("", "")


def test_pictures_come_from_software_when_the_device_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there when it was chosen."""

    def refuse(device: str) -> None:
        raise av.error.PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(hardware, "HWAccel", refuse)
    clip = make_clip(tmp_path / "road.mp4", [make_picture(160, 120, k) for k in range(10)])
    gone = Hardware("cuda", "h264")
    feed = FileFeed(str(clip), reading=Reading(hardware=gone))
    pictures = [item for item in iter(lambda: feed.take(0), None) if isinstance(item, Picture)]
    feed.close()
    assert len(pictures) == 10 and gone.device == ""
    assert gone.failures == ["cuda failed (Operation not permitted): decoded in software from then on"]


def test_the_device_is_kept_when_it_is_the_source_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, ["cuda"], ["cuda"])

    def absent(name: str, **options: object) -> None:
        raise av.error.ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(av, "open", absent)
    chosen = choose_hardware("h264", "auto")
    with pytest.raises(ConnectionRefusedError):
        chosen.open("rtsp://camera/s")
    assert chosen.device == "cuda" and chosen.failures == []
