"""Addresses: what is a camera, and that no password is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream.config.file import load, parse
from stream.errors import ConfigError
from stream.plan.topology import Plan, make_plan
from stream.sources import checked, comes_in_bursts, endpoint_of, masked, with_credentials
from stream.video import VideoInfo

SECRET = "gehe%2Fim@1:2"
SOURCE = f"rtsp://viewer:{SECRET}@10.0.0.5:8554/stream?profile=1&token=abc123"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://u:p@cam/s", "rtsp://***@cam/s"),
        ("rtsp://u:p@ss/w@rd@cam/s", "rtsp://***@cam/s"),
        ("rtsp://cam/s?user=u&password=p#x", "rtsp://cam/s?user=u&password=***"),
        ("cannot open 'rtsp://u:p@cam/s': 401", "cannot open 'rtsp://***@cam/s': 401"),
        ("rtsp://cam:554/s", "rtsp://cam:554/s"),
        ("rtsp:/u:p@cam/s", "rtsp:/***@cam/s"),  # one slash is missing
        ("12:30-a@b.mp4", "12:30-a@b.mp4"),
        ("clips/a@b.mp4", "clips/a@b.mp4"),
    ],
)
def test_password_is_masked_when_an_address_is_shown(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "rtsp://u:p@cam:99/s"),
        ({"ROADTALLY_NORTH_1_PASSWORD": "a/b@c"}, "rtsp://u:a%2Fb%40c@cam:99/s"),
        ({"ROADTALLY_NORTH_1_PASSWORD": "x", "ROADTALLY_NORTH_1_USER": "me@"}, "rtsp://me%40:x@cam:99/s"),
        ({"ROADTALLY_SOUTH_PASSWORD": "x"}, "rtsp://u:p@cam:99/s"),
    ],
)
def test_environment_goes_over_the_address_when_it_has_a_password(environ: dict[str, str], expected: str) -> None:
    assert with_credentials("rtsp://u:p@cam:99/s", "north-1", environ) == expected


def test_file_stays_as_it_is_when_the_environment_has_a_password() -> None:
    assert with_credentials("a.mp4", "a", {"ROADTALLY_A_PASSWORD": "x"}) == "a.mp4"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("rtsp://cam/s", ("cam", 554)),
        ("rtsp://u:p@[fe80::1]:8554/s", ("fe80::1", 8554)),
        ("http://cam/s", None),
        ("a.mp4", None),
    ],
)
def test_endpoint_is_known_when_the_protocol_is_one_connection(source: str, expected: tuple[str, int] | None) -> None:
    assert endpoint_of(source) == expected


@pytest.mark.parametrize(
    ("source", "bursts"), [("https://a/live.m3u8?x=1", True), ("rtsp://a/live", False), ("live.m3u8", False)]
)
def test_hls_waits_for_its_turn_when_it_is_an_address(source: str, bursts: bool) -> None:
    assert comes_in_bursts(source) is bursts


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("RTSP://cam/Stream?Channel=1", "rtsp://cam/Stream?Channel=1"),  # FFmpeg knew no such protocol
        ("Https://cam/live.m3u8", "https://cam/live.m3u8"),
        (" rtsp://cam/s\n", "rtsp://cam/s"),
        ("rtsp://u:p%2Fw@[fe80::1]:8554/s", "rtsp://u:p%2Fw@[fe80::1]:8554/s"),
        ("rtsp://***@cam/s", "rtsp://***@cam/s"),  # as a run stores it
        ("rtp://@239.0.0.1:5004", "rtp://@239.0.0.1:5004"),
        ("udp://:1234", "udp://:1234"),  # nobody is asked: it listens
        ("srt://:4200?mode=listener", "srt://:4200?mode=listener"),
        ("gopher://cam/s", "gopher://cam/s"),  # FFmpeg knows more protocols than are named here
        ("./rtsp:/host/path.mp4", "./rtsp:/host/path.mp4"),
        ("rtsp.mp4", "rtsp.mp4"),
        ("http/road.mp4", "http/road.mp4"),
        ("12:30 north.mp4", "12:30 north.mp4"),
        ("file:///data/road.mp4", "/data/road.mp4"),  # with `follow`, it was not found
        ("FILE://clips/road.mp4", "clips/road.mp4"),
        (" road.mp4", " road.mp4"),
    ],
)
def test_source_is_taken_as_meant_when_nothing_is_wrong_with_it(source: str, meant: str) -> None:
    assert checked(source) == meant


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        # "there is no such file"
        ("rtsp:/cam/s", "expected an address that begins with rtsp://, got 'rtsp:/' before the host"),
        ("rtsp:cam/s", "begins with rtsp://, got 'rtsp:' before the host"),
        ("rtsp//cam/s", "begins with rtsp://, got 'rtsp//' before the host"),
        ("RTSP:/u:geheim@cam/s", "begins with rtsp://, got 'RTSP:/' before the host"),
        ("http:/cam/live.m3u8", "begins with http://, got 'http:/' before the host"),
        ("rtp:/239.0.0.1:5004", "begins with rtp://, got 'rtp:/' before the host"),
        # "Connection refused", after 10 s: the machine itself was asked
        ("rtsp:///s", "expected a host after rtsp://, got none"),
        ("rtsp://", "expected a host after rtsp://, got none"),
        ("http://:8080/s", "expected a host after http://, got none"),
        ("rtsp://u:geheim@/s", "expected a host after rtsp://, got none"),
        # "Protocol not found", after 10 s
        ("rstp://cam/s", "expected .*rtsp://.*, got rstp://"),
        ("htp://cam/s", "expected http://"),
        # "Port could not be cast to integer value as 'geheim'"
        ("rtsp://cam:stream/s", "expected host:port after ://, the port up to 65535"),
        ("rtsp://cam:99999/s", "expected host:port after ://, the port up to 65535"),
        ("rtsp://[fe80::1/s", r"an IPv6 address in \[ \]"),
        ("rtsp://u:geheim/x@cam/s", r"special signs in the password as %XX \(/ as %2F, # as %23\)"),
        ("rtsp://u:geheim#x@cam/s", "or the password in ROADTALLY_<CAMERA>_PASSWORD"),
    ],
)
def test_it_is_told_what_is_wrong_when_an_address_has_a_mistake(source: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"cameras.0.source: .*{problem}") as caught:
        parse({"cameras": [{"source": source}]}, "here")
    assert "geheim" not in str(caught.value)
    path = tmp_path / "road.yaml"
    path.write_text(json.dumps({"cameras": [{"source": source}]}))
    with pytest.raises(ConfigError, match=problem):  # not a file beside it
        load(path)


def plan() -> Plan:
    config = parse({"cameras": [{"source": SOURCE, "name": "gate"}]}, "here")
    info = VideoInfo(640, 360, 25.0, None, None, "h264", "yuv420p")
    return make_plan(config, {"gate": info}, lambda name, host: name, "run")


def test_only_the_decoder_knows_the_password_when_a_run_is_planned() -> None:
    decoder, *others = plan().workers
    assert decoder.sources == {"gate": SOURCE}
    for worker in others:
        assert SECRET not in repr(worker) and "abc123" not in repr(worker)
    assert SECRET not in repr(plan().cameras)


def test_password_is_not_written_when_a_configuration_is_stored(tmp_path: Path) -> None:
    config = parse({"cameras": [{"source": SOURCE, "name": "gate"}]}, "here")
    for text in (config.model_dump_json(), json.dumps(config.model_dump(mode="json"))):
        assert SECRET not in text and "abc123" not in text and "10.0.0.5:8554/stream" in text
