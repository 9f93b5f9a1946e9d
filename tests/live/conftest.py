"""Cameras for the tests of this folder, which are skipped where GStreamer's RTSP server is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.video import live
from tests.blobs import blob_picture
from tests.live.camera import Camera, camera, missing, write_units
from tests.live.proxy import Proxy
from tests.live.watch import STALL_S

LOOP = 100  # pictures; then they begin anew


@pytest.fixture(scope="session", autouse=True)
def _has_server() -> None:
    if why := missing():
        pytest.skip(why)


@pytest.fixture(scope="session")
def units(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Encoded roads of blobs: h264, with B-pictures, h265, and larger."""
    folder = tmp_path_factory.mktemp("units")
    road = [blob_picture(k) for k in range(LOOP)]
    large = [picture.repeat(2, axis=0).repeat(2, axis=1) for picture in road[:50]]
    b_pictures = {"preset": "veryfast", "g": "25", "bf": "2", "x264-params": "b-adapt=0"}
    h265 = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=25"}
    return {
        "h264": write_units(folder / "h264", road),
        "b": write_units(folder / "b", road, options=b_pictures),
        "h265": write_units(folder / "h265", road, "libx265", h265),
        "large": write_units(folder / "large", large),
    }


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stalls is not taken for a camera that sends nothing, or whose clock jumps."""
    monkeypatch.setattr(live, "GAP_S", STALL_S)
    monkeypatch.setattr(live, "AHEAD_S", STALL_S)


@pytest.fixture
def road(units: dict[str, Path]) -> Iterator[Camera]:
    """A camera of its own for one test."""
    with camera(units["h264"]) as server:
        yield server


@pytest.fixture
def proxy(road: Camera) -> Iterator[Proxy]:
    """Between the camera `road` and the test."""
    with Proxy(road.port) as between:
        yield between
