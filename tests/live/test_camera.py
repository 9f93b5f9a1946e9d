"""What a healthy camera gives: every picture once, in order, at its time."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from stream.errors import SourceError
from stream.sources import with_credentials
from stream.video import DayTime, Patience, Picture, probe_live
from tests.blobs import HEIGHT, WIDTH
from tests.live.camera import Camera, camera
from tests.live.proxy import Proxy
from tests.live.watch import ALL, PATIENT, Seen, feed_of

SOON_S = 25.0  # on a busy machine; less than any patience of these tests


def steps_s(seen: Seen) -> list[float]:
    return [after.pts_s - before.pts_s for before, after in pairwise(seen.pictures)]


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("kind", ["h264", "b", "h265"])
def test_pictures_come_in_order_when_the_camera_sends(kind: str, units: dict[str, Path]) -> None:
    with camera(units[kind], "--codec", "h265" if kind == "h265" else "h264") as server:
        seen = Seen(feed := feed_of(server.port, keep=ALL))
        seen.pictures_more(60)
        feed.stop()
        seen.until(lambda: feed.ended)
        feed.close()
    assert [picture.seq for picture in seen.pictures] == list(range(len(seen.pictures)))
    assert seen.outages == [] and feed.reconnects == 0
    # The first may lack a stamp; all others are 40 ms apart, less or more what follows the arrival.
    assert steps_s(seen)[5:] == pytest.approx([0.04] * (len(seen.pictures) - 6), abs=0.001)
    assert feed.decoded == len(seen.pictures) + sum(feed.skipped.values())


def test_joining_waits_for_a_key_picture_when_the_camera_is_running(road: Camera) -> None:
    first, second = feed_of(road.port), feed_of(road.port, keep=ALL)
    ahead = Seen(first)
    ahead.pictures_more(12)
    joined = Seen(second)
    joined.pictures_more(3)
    first.close()
    second.close()
    assert joined.pictures[0].frame.key_frame
    assert not any(picture.frame.is_corrupt for picture in joined.pictures)


def test_time_of_day_comes_from_the_camera_when_it_reports_it(road: Camera) -> None:
    seen = Seen(feed := feed_of(road.port))
    seen.until(lambda: any(isinstance(item, DayTime) and item.source == "rtcp" for item in seen.items))
    feed.close()
    told = [item for item in seen.items if isinstance(item, DayTime)]
    assert [item.source for item in told] == ["arrival", "rtcp"]
    assert min(abs(_arrived_utc_s(p) - p.pts_s - told[1].utc_s + told[1].pts_s) for p in seen.pictures) < 0.5


def _arrived_utc_s(picture: Picture) -> float:
    return time.time() - time.monotonic() + picture.captured_ns / 1e9


def test_size_is_known_when_a_camera_is_looked_at(road: Camera) -> None:
    info = probe_live(f"rtsp://127.0.0.1:{road.port}/road", PATIENT, 0)
    assert (info.width, info.height, info.codec) == (WIDTH, HEIGHT, "h264")
    assert info.fps == pytest.approx(25, abs=1)


@pytest.mark.parametrize(
    ("environ", "works"),
    [({"ROADTALLY_GATE_2_PASSWORD": "p@ss/w:rd"}, True), ({"ROADTALLY_GATE_2_PASSWORD": "wrong"}, False), ({}, False)],
)
def test_password_opens_the_camera_when_it_stands_in_the_environment(
    environ: dict[str, str], works: bool, units: dict[str, Path]
) -> None:
    with camera(units["h264"], "--login", "viewer:p@ss/w:rd") as server:
        source = with_credentials(f"rtsp://viewer:old@127.0.0.1:{server.port}/road", "gate-2", environ)
        if works:
            assert probe_live(source, PATIENT, 0).width == WIDTH
            return
        with pytest.raises(SourceError, match=r"401|[Uu]nauthorized") as caught:
            probe_live(source, PATIENT, 0)
    for secret in ("old", "wrong", "viewer"):
        assert secret not in str(caught.value)


def test_absent_camera_is_an_error_when_nobody_waits(proxy: Proxy) -> None:
    proxy.refuse()
    started_s = time.monotonic()
    with pytest.raises(SourceError, match="Connection refused"):
        probe_live(f"rtsp://127.0.0.1:{proxy.port}/road", PATIENT, 1.0)
    assert 1.0 <= time.monotonic() - started_s < SOON_S


def test_silent_camera_is_an_error_when_its_deadline_passes(proxy: Proxy) -> None:
    """A camera that accepts and says nothing must not hang the start."""
    proxy.frozen = True
    started_s = time.monotonic()
    with pytest.raises(SourceError, match="expected a stream"):
        probe_live(f"rtsp://127.0.0.1:{proxy.port}/road", Patience(1.0, 1.0), 0)
    assert time.monotonic() - started_s < SOON_S
