"""Everything that happens to a camera, one fault a test: it is told as a gap, and pictures come again."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from stream.video import LiveFeed, Patience
from stream.video.live import KEEP
from tests.live.camera import Camera, camera
from tests.live.http_camera import JUMP_AFTER, http_camera
from tests.live.proxy import Proxy
from tests.live.watch import ALL, PATIENT, QUICK, Seen, feed_of

SOON_S = 20.0  # on a busy machine; less than the patience, and than the longest wait between two tries


def check(seen: Seen, feed: LiveFeed) -> None:
    """What holds whatever happened: time runs forwards, and every decoded picture is accounted for."""
    feed.stop()
    seen.until(lambda: feed.ended)
    feed.close()
    times_s = [picture.pts_s for picture in seen.pictures]
    assert all(before < after for before, after in pairwise(times_s))
    seqs = [picture.seq for picture in seen.pictures]
    assert all(before < after for before, after in pairwise(seqs))
    assert feed.decoded == len(seen.pictures) + sum(feed.skipped.values())
    begun_s = None
    for outage in seen.outages:  # told when it begins and when it ends, or only at its end if that came soon
        assert begun_s in (None, outage.from_s)
        if outage.to_s is None:
            assert begun_s is None
            begun_s = outage.from_s
            continue
        begun_s = None
        assert outage.from_s < outage.to_s
        assert not any(outage.from_s < time_s < outage.to_s for time_s in times_s)
    assert begun_s is None


FAULTS: dict[str, Callable[[Proxy], None]] = {
    "the connection ends": Proxy.drop,
    "the camera sends its last byte": Proxy.half_close,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_camera_is_back_at_once_when(fault: Callable[[Proxy], None], proxy: Proxy) -> None:
    seen = Seen(feed := feed_of(proxy.port))
    seen.pictures_more(10)
    fault(proxy)
    assert seen.outage_ends() < SOON_S
    seen.pictures_more(10)
    assert feed.reconnects == 1
    check(seen, feed)


def test_camera_is_back_soon_when_it_was_off(proxy: Proxy) -> None:
    seen = Seen(feed := feed_of(proxy.port))
    seen.pictures_more(10)
    began_s = seen.pictures[-1].captured_ns / 1e9
    proxy.refuse()
    seen.until(lambda: bool(seen.outages))
    off_s = time.monotonic()
    seen.until(lambda: time.monotonic() - off_s > 3)
    proxy.restore()
    assert seen.outage_ends() < SOON_S
    most_s = time.monotonic() - began_s
    check(seen, feed)
    begun, ended = seen.outages
    assert ended.to_s is not None and 3 <= ended.to_s - ended.from_s <= most_s
    assert begun.reason == "the stream ended" or "refused" in begun.reason or "reset" in begun.reason


def test_silence_is_noticed_when_the_connection_stays(proxy: Proxy) -> None:
    seen = Seen(feed := feed_of(proxy.port, QUICK))
    seen.pictures_more(10)
    proxy.frozen = True
    seen.until(lambda: bool(seen.outages))
    proxy.frozen = False
    seen.outage_ends()
    seen.pictures_more(5)
    check(seen, feed)


@pytest.mark.usefixtures("unhurried")
def test_nothing_is_lost_when_the_network_holds_up_for_less_than_the_deadline(proxy: Proxy) -> None:
    seen = Seen(feed := feed_of(proxy.port, keep=ALL))
    seen.pictures_more(10)
    proxy.frozen = True
    seen.until(lambda: time.monotonic() - seen.came_s[-1] > 1.0)
    proxy.frozen = False
    seen.pictures_more(40)
    check(seen, feed)
    assert seen.outages == [] and feed.reconnects == 0
    assert [picture.seq for picture in seen.pictures] == list(range(len(seen.pictures)))
    steps_s = [after.pts_s - before.pts_s for before, after in pairwise(seen.pictures[5:])]
    assert steps_s == pytest.approx([0.04] * len(steps_s), abs=0.002), "a burst after a hold-up bent the time"


@pytest.mark.usefixtures("unhurried")
def test_time_stays_that_of_the_camera_when_the_network_is_slow(proxy: Proxy) -> None:
    proxy.delay_s = 0.1
    seen = Seen(feed := feed_of(proxy.port))
    seen.pictures_more(40)
    check(seen, feed)
    assert seen.outages == []


def test_pictures_come_again_when_bytes_were_damaged(proxy: Proxy) -> None:
    seen = Seen(feed := feed_of(proxy.port, QUICK))
    seen.pictures_more(10)
    proxy.damage = 0.02
    damaged_s = time.monotonic()
    seen.until(lambda: time.monotonic() - damaged_s > 2)
    proxy.damage = 0.0
    came = len(seen.pictures)
    seen.until(lambda: len(seen.pictures) > came + 30)
    check(seen, feed)


def test_lost_pictures_are_a_gap_when_the_connection_stays(road: Camera) -> None:
    seen = Seen(feed := feed_of(road.port, keep=ALL))
    seen.pictures_more(10)
    road.tell("lose 3")
    seen.until(lambda: bool(seen.outages))
    seen.pictures_more(5)
    feed.close()
    (outage,) = seen.outages
    assert outage.to_s is not None and outage.to_s - outage.from_s == pytest.approx(3, abs=0.3)
    assert feed.reconnects == 0


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("jump_s", [-1000, 60])
def test_time_goes_on_when_the_clock_of_the_camera_jumps(jump_s: int, units: dict[str, Path]) -> None:
    with http_camera(units["h264"], jump_s) as port:
        seen = Seen(feed := LiveFeed(f"http://127.0.0.1:{port}/road.ts", 25.0, PATIENT))
        seen.pictures_more(JUMP_AFTER + 40)
        check(seen, feed)
    taken_s = (seen.pictures[-1].captured_ns - seen.pictures[0].captured_ns) / 1e9
    assert seen.pictures[-1].pts_s - seen.pictures[0].pts_s == pytest.approx(taken_s, abs=20)
    assert feed.reconnects == 0 and seen.outages == []


@pytest.mark.usefixtures("unhurried")
def test_time_goes_on_when_the_stamps_wrap(units: dict[str, Path]) -> None:
    """RTP counts ticks of 1/90000 s in 32 bits: they begin anew twice a day."""
    with camera(units["h264"], "--first-stamp", str(2**32 - 2 * 90000)) as server:
        seen = Seen(feed := feed_of(server.port, keep=ALL))
        seen.pictures_more(90)
        check(seen, feed)
    assert seen.outages == []
    steps_s = [after.pts_s - before.pts_s for before, after in pairwise(seen.pictures[5:])]
    assert max(steps_s) < 0.1


def test_pictures_go_on_when_the_size_changes(road: Camera, units: dict[str, Path]) -> None:
    seen = Seen(feed := feed_of(road.port))
    seen.pictures_more(10)
    road.tell(f"switch {units['large']}")
    seen.until(lambda: seen.pictures[-1].frame.width == 640)
    seen.pictures_more(5)
    check(seen, feed)
    assert {picture.frame.width for picture in seen.pictures} == {320, 640}


def test_garbage_is_not_a_camera_when_something_else_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def babble() -> None:
            listener.settimeout(0.1)
            while not stop.is_set():
                try:
                    client, _ = listener.accept()
                    client.sendall(bytes(range(256)) * 40)
                    client.close()
                except OSError:
                    pass  # nobody there, or the client has left

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        seen = Seen(feed := feed_of(listener.getsockname()[1]))
        seen.until(lambda: bool(seen.outages))
        seen.until(lambda: feed.reconnects >= 2)
        check(seen, feed)
        stop.set()
        thread.join()
    assert seen.pictures == []


def test_reader_is_replaced_when_it_is_stuck(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's own deadlines are not all: a name server or a driver can hold a thread for minutes."""
    from stream.video import connection

    patiences = iter([Patience(0.2, 0.2), PATIENT])
    source = f"rtsp://127.0.0.1:{proxy.port}/road"
    seen = Seen(feed := LiveFeed(source, 25.0, PATIENT, lambda: connection.Connection(source, next(patiences), KEEP)))
    real, held = connection.open_live, threading.Event()

    def stuck_once(*arguments: object) -> object:
        monkeypatch.setattr(connection, "open_live", real)
        held.wait(100)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(connection, "open_live", stuck_once)
    seen.pictures_more(5)
    held.set()
    assert "no picture for" in seen.outages[0].reason
    assert feed.reconnects == 1
    check(seen, feed)


def test_newest_pictures_are_kept_when_nobody_takes_them(road: Camera) -> None:
    seen = Seen(feed := feed_of(road.port))
    seen.pictures_more(5)
    while feed.decoded < 45:
        time.sleep(0.05)
    newest = feed.decoded - KEEP
    seen.pictures_more(5)
    assert seen.pictures[5].seq >= newest, "it gave what had waited for 1.5 s"
    check(seen, feed)
    assert feed.skipped["worker busy"] > 20


def test_leaving_is_quick_when_the_camera_is_silent(proxy: Proxy) -> None:
    seen = Seen(feed := feed_of(proxy.port))
    seen.pictures_more(5)
    proxy.frozen = True
    started_s = time.monotonic()
    check(seen, feed)
    assert time.monotonic() - started_s < SOON_S
