"""A configuration is read whole or refused with every problem, each with its place, what was expected and what came."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from stream.config.file import load, override, parse
from stream.config.schema import CameraConfig, Config, DetectorConfig, HealthConfig, OutputConfig, PlacementConfig
from stream.errors import ConfigError
from stream.plan.cameras import plan_camera
from stream.settings import CountingSettings, TrackerSettings
from stream.sources import is_live
from stream.video import VideoInfo

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "configs").glob("*.yaml"))
SECTIONS = (
    Config,
    CameraConfig,
    DetectorConfig,
    OutputConfig,
    PlacementConfig,
    HealthConfig,
    TrackerSettings,
    CountingSettings,
)
WORKERS = [["decode"], ["detect"], ["track", "record"]]


def road(**changes: Any) -> dict[str, Any]:
    """The smallest configuration, with changes at the top."""
    return {"cameras": [{"source": "road.mp4"}], **changes}


def camera(**keys: Any) -> dict[str, Any]:
    """A configuration of one camera with these keys."""
    return {"cameras": [{"source": "road.mp4", **keys}]}


def problems_of(raw: dict[str, Any]) -> list[str]:
    """The lines of the message, one a problem."""
    with pytest.raises(ConfigError) as caught:
        parse(raw, "road.yaml")
    first, *problems = caught.value.what.splitlines()
    assert caught.value.where == "road.yaml" and caught.value.exit_code == 2 and caught.value.fix
    assert first == f"{len(problems)} problem(s)"
    return [problem.strip() for problem in problems]


ONE_PROBLEM = [
    # unknown keys, with the nearest that is known
    (road(detecter={}), "detecter: unknown key, did you mean `detector`?, got {}"),
    (road(detector={"inptu": 640}), "detector.inptu: unknown key, did you mean `input`?, got 640"),
    (camera(line={}), "cameras.0.line: unknown key, did you mean `lines`?, got {}"),
    (road(tracker={"xyz": 1}), "tracker.xyz: unknown key, got 1"),
    # cameras
    ({}, "file: `cameras` is missing"),
    ({"cameras": []}, "cameras: expected one camera or more, got none"),
    ({"cameras": "road.mp4"}, "cameras: expected a list, got 'road.mp4'"),
    ({"cameras": ["road.mp4"]}, "cameras.0: expected keys with values (key: value), got 'road.mp4'"),
    ({"cameras": [{"name": "north"}]}, "cameras.0: `source` is missing"),
    (camera(source=5), "cameras.0.source: expected text; put it in quotes, got 5"),
    (
        camera(name="a/b"),
        "cameras.0.name: expected at most 64 letters, digits, '-', '_' or '.', the first no sign, got 'a/b'",
    ),
    (
        {"cameras": [{"source": "a/road.mp4"}, {"source": "b/road.mp4"}]},
        "cameras: two cameras have the same name: road; give each a name",
    ),
    # lines
    (camera(lines={"A": [1, 2, 3]}), "cameras.0.lines.A: expected 4 values or more, got [1, 2, 3]"),
    (camera(lines={"A": [1, 2, 3, 4, 5]}), "cameras.0.lines.A: expected at most 4 values, got [1, 2, 3, 4, 5]"),
    (camera(lines={"A": [1, 2, 3, "x"]}), "cameras.0.lines.A.3: expected a number, got 'x'"),
    (camera(lines={"A": [1, 2, 3, float("nan")]}), "cameras.0.lines.A.3: expected a finite number, got nan"),
    (camera(lines={"A": "1,2,3,4"}), "cameras.0.lines.A: expected a list, got '1,2,3,4'"),
    (camera(lines=[1, 2, 3, 4]), "cameras.0.lines: expected keys with values (key: value), got [1, 2, 3, 4]"),
    (camera(lines={1: [1, 2, 3, 4]}), "cameras.0.lines.1: expected text as key; put it in quotes, got [1, 2, 3, 4]"),
    (camera(zones={"Z": [0, 0, 1, 1]}), "cameras.0: zone Z: expected x, y of 3 corners or more, got 4 values"),
    (camera(zones={"Z": [0, 0, 1, 0, 1, 1, 0]}), "cameras.0: zone Z: expected x, y of 3 corners or more, got 7 values"),
    (camera(movements={"left": ["A", "B"]}), "cameras.0: movement left: there is no line 'A'"),
    (
        camera(movements="all"),
        "cameras.0.movements: expected 'auto' or 'none', or expected keys with values (key: value), got 'all'",
    ),
    (camera(roi="half"), "cameras.0.roi: expected 'auto' or 'full', or expected a list, got 'half'"),
    # numbers and choices
    (road(detector={"score": 2}), "detector.score: expected 1.0 or less, got 2"),
    (road(detector={"max_wait_ms": -1}), "detector.max_wait_ms: expected 0.0 or more, got -1"),
    (road(detector={"max_wait_ms": float("inf")}), "detector.max_wait_ms: expected a finite number, got inf"),
    (road(detector={"batch": 1.5}), "detector.batch: expected a whole number, got 1.5"),
    (road(detector={"every": 0}), "detector.every: expected more than 0, got 0"),
    (road(detector={"input": -3}), "detector.input: expected more than 0, or expected a list, got -3"),
    (road(detector={"engine": "tpu"}), "detector.engine: expected 'auto', 'openvino' or 'torch', got 'tpu'"),
    (road(detector=None), "detector: expected keys with values (key: value), got None"),
    (
        road(output={"record": "maybe"}),
        "output.record: expected 'annotated', 'original', 'events' or 'none', got 'maybe'",
    ),
    (road(when_full="wait"), "when_full: expected 'auto', 'block' or 'skip', got 'wait'"),
    # placement
    (
        road(placement={"workers": [["detect"], ["decode"], ["track", "record"]]}),
        "placement: workers: expected decode, detect, track, record once each in this order, "
        "got (('detect',), ('decode',), ('track', 'record'))",
    ),
    (
        road(placement={"workers": [["decode"], [], ["detect", "track", "record"]]}),
        "placement: workers: expected decode, detect, track, record once each in this order, "
        "got (('decode',), (), ('detect', 'track', 'record'))",
    ),
    (
        road(placement={"remote": {1: "10.0.0.2"}}),
        "placement: remote: workers on another host need mode: tcp, got mode: processes",
    ),
    (
        road(placement={"mode": "tcp", "remote": {0: "10.0.0.2"}}),
        "placement: remote: expected groups 1 to 2, got [0]",
    ),
    (
        road(placement={"mode": "tcp", "remote": {2: "10.0.0.2"}, "bind": "10.0.0.1", "port": 7700}),
        "placement: remote: the group of `record` runs on this host, where the results are kept",
    ),
    (
        road(placement={"mode": "tcp", "remote": {1: "10.0.0.2"}, "port": 7700}),
        "placement: remote: expected a port and a bind address that the other host reaches, got 127.0.0.1:7700",
    ),
    (
        road(placement={"mode": "tcp", "remote": {1: "10.0.0.2"}, "bind": "0.0.0.0", "port": 7700}),
        "placement: remote: expected a port and a bind address that the other host reaches, got 0.0.0.0:7700",
    ),
    (
        road(placement={"mode": "tcp", "remote": {1: "gpu-box"}, "bind": "10.0.0.1", "port": 7700}),
        "placement: remote: expected an IP address, got 'gpu-box'",
    ),
    (road(placement={"bind": "localhost"}), "placement: bind: expected an IP address, got 'localhost'"),
    (road(placement={"slots": 1}), "placement.slots: expected 2 or more, got 1"),
]


@pytest.mark.parametrize(("raw", "problem"), ONE_PROBLEM, ids=[problem for _, problem in ONE_PROBLEM])
def test_the_message_names_place_expected_and_got_when_a_key_is_wrong(raw: dict[str, Any], problem: str) -> None:
    assert problems_of(raw) == [problem]


def test_all_problems_are_told_when_there_are_several() -> None:
    raw = {
        "cameras": [{"source": "a.mp4", "lines": {"A": [1]}}, {"sauce": "b.mp4"}],
        "detector": {"score": -1, "threads": "all"},
        "placement": {"mode": "cloud"},
    }
    assert [problem.split(":")[0] for problem in problems_of(raw)] == [
        "cameras.0.lines.A",
        "cameras.1",
        "cameras.1.sauce",
        "detector.score",
        "detector.threads",
        "placement.mode",
    ]


def test_the_password_is_hidden_when_an_address_stands_in_the_wrong_place() -> None:
    [problem] = problems_of({"cameras": "rtsp://user:secret@10.0.0.1/stream"})
    assert "secret" not in problem and "//***@10.0.0.1/stream" in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a mapping with `cameras`, got nothing"),
        ("- a\n- b\n", "expected a mapping with `cameras`, got ['a', 'b']"),
        ("cameras: [", "is not YAML"),
        ("cameras:\n\t- source: a.mp4\n", "is not YAML"),
        ("cameras: !!python/object/apply:os.system ['true']\n", "is not YAML"),
        (
            "cameras:\n  - source: a.mp4\n    lines:\n      A: [0, 1, 2, 3]\n      A: [4, 5, 6, 7]\n",
            "key 'A' is repeated",
        ),
    ],
)
def test_a_file_is_refused_when_it_is_not_a_yaml_mapping(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "road.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        load(path)
    assert caught.value.where == str(path) and caught.value.fix


def test_a_file_is_refused_when_it_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path)
    (tmp_path / "film.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="is not YAML"):
        load(tmp_path / "film.yaml")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("road.mp4", "FOLDER/road.mp4"),
        ("clips/road.mp4", "FOLDER/clips/road.mp4"),
        ("/data/road.mp4", "/data/road.mp4"),
        ("rtsp://cam/stream", "rtsp://cam/stream"),
        ("file:///data/road.mp4", "/data/road.mp4"),
        ("file://clips/road.mp4", "FOLDER/clips/road.mp4"),
    ],
)
def test_sources_are_beside_the_file_when_relative(source: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "road.yaml"
    path.write_text(f"cameras: [{{source: '{source}'}}]\noutput: {{dir: results}}\n")
    config = load(path)
    assert config.cameras[0].source == expected.replace("FOLDER", str(tmp_path))
    assert config.output.dir == Path("results")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("clips/north road (1).mp4", "north-road-1"),
        ("_road.mp4", "road"),
        ("道路.mp4", "camera"),
        ("x" * 80 + ".mp4", "x" * 64),
        ("rtsp://user:secret@10.0.0.1:554", "10.0.0.1"),
        ("rtsp://user:secret@10.0.0.1/channels/101?profile=2", "101"),
    ],
)
def test_a_camera_is_named_after_its_source_when_it_has_no_name(source: str, name: str) -> None:
    assert parse({"cameras": [{"source": source}]}, "here").cameras[0].name == name


@pytest.mark.parametrize(
    ("source", "live"),
    [("rtsp://cam/s", True), ("http://cam/s", True), ("/dev/video0", True), ("a.mp4", False), ("file:///a.mp4", False)],
)
def test_only_addresses_of_cameras_are_live_when_asked(source: str, live: bool) -> None:
    assert is_live(source) is live


# --- single keys over a file ---


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"detector.input": 640}, lambda config: config.detector.input == 640),
        ({"detector.input": [640, 384]}, lambda config: config.detector.input == (640, 384)),
        ({"output.dir": "there", "output.record": "none"}, lambda config: config.output.record == "none"),
        ({"when_full": "skip"}, lambda config: config.when_full == "skip"),
        ({"cameras.0.name": "south"}, lambda config: config.cameras[0].name == "south"),
        ({"cameras.0.lines.B": [0, 0.5, 1, 0.5]}, lambda config: list(config.cameras[0].lines) == ["A", "B"]),
    ],
)  # fmt: skip
def test_a_single_key_changes_when_overridden(changes: dict[str, Any], read: Any) -> None:
    raw = camera(lines={"A": [1, 2, 3, 4]})
    before = parse(raw, "here")
    assert not read(before)
    assert read(parse(raw, "here", changes))
    assert parse(raw, "here") == before


def test_the_settings_of_a_tracker_follow_when_its_variant_is_overridden() -> None:
    """A regression: defaults that were spelt out before the change kept their values."""
    expected = TrackerSettings(variant="bytetrack")
    assert parse(road(), "here", {"tracker.variant": "bytetrack"}).tracker == expected
    assert parse(road(tracker={"variant": "sort"}), "here", {"tracker.variant": "bytetrack"}).tracker == expected
    kept = parse(road(tracker={"gate": 0.42}), "here", {"tracker.variant": "bytetrack"}).tracker
    assert kept == expected.model_copy(update={"gate": 0.42})


@pytest.mark.parametrize(
    ("dotted", "message"),
    [
        ("detector.inptu", "detector.inptu: unknown key, did you mean `input`?"),
        ("detektor.input", "detektor: unknown key, did you mean `detector`?"),
        ("when_full.now", "unknown key 'when_full.now'"),
        ("cameras.1.name", "unknown key 'cameras.1.name'"),
        ("cameras.first.name", "unknown key 'cameras.first.name'"),
    ],
)
def test_a_change_is_refused_when_there_is_no_such_key(dotted: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse(road(when_full="block"), "here", {dotted: 1})


def test_the_values_given_stay_as_they_are_when_overridden() -> None:
    raw = road(detector={"input": 416})
    assert override(raw, {"detector.input": 640}, "here")["detector"] == {"input": 640}
    assert raw == road(detector={"input": 416})


# --- coordinates ---


INFO = VideoInfo(640, 360, 25.0, 10.0, 250, "h264", "yuv420p")


@pytest.mark.parametrize(
    ("ends", "pixels"),
    [
        ((0.25, 0.5, 0.75, 0.5), (160, 180, 480, 180)),  # fractions
        ((0, 0.5, 1, 0.5), (0, 180, 640, 180)),  # 1 is still a fraction
        ((160, 180, 480, 180), (160, 180, 480, 180)),  # pixels
        ((1, 1, 480, 180), (1, 1, 480, 180)),  # one number above 1 makes all of them pixels
    ],
)
def test_ends_become_pixels_when_planned(ends: tuple[float, ...], pixels: tuple[float, ...]) -> None:
    config = parse(camera(lines={"A": list(ends)}), "here")
    line = plan_camera(config, config.cameras[0], INFO).scene.lines[0]
    assert (line.x1, line.y1, line.x2, line.y2) == pixels


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        ({"A": [10, 10, 900, 10]}, ["line A: its end (900, 10) lies outside the picture of 640x360"]),
        ({"A": [-0.1, 0.5, 0.9, 0.5]}, ["line A: its end (-64, 180) lies outside the picture of 640x360"]),
        ({"A": [0.5, 0.5, 0.5, 0.5]}, ["line A: it is 0.0 pixels long"]),
        (
            {"A": [0.1, 0.999, 0.9, 0.999], "B": [0, 0, 0, 1]},
            ["line A: it lies within 7 pixels of the bottom border", "line B: it lies within 13 pixels of the left"],
        ),
    ],
)
def test_a_line_is_refused_with_the_reason_when_it_cannot_be_crossed(lines: dict, messages: list[str]) -> None:
    config = parse(camera(lines=lines, name="north"), "here")
    with pytest.raises(ConfigError) as caught:
        plan_camera(config, config.cameras[0], INFO)
    assert caught.value.where == "camera north" and caught.value.fix
    assert all(message in caught.value.what for message in messages)


@pytest.mark.parametrize(
    "corners", [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.1], [0.1, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9, 0.9]]
)
def test_a_zone_is_a_triangle_when_a_corner_is_given_twice(corners: list[float]) -> None:
    """A polygon that ended with its first corner, as many programs write it, was a traceback: a side without length."""
    config = parse(camera(zones={"Z": corners}), "here")
    (zone,) = plan_camera(config, config.cameras[0], INFO).scene.zones
    assert set(zone.corners_xy) == {(64, 36), (576, 36), (576, 324)} and len(zone.corners_xy) == 3


@pytest.mark.parametrize(
    ("roi", "crop"),
    [
        ("full", None),
        ([[0, 0], [1, 0], [1, 1], [0, 1]], (0, 0, 640, 360)),
        ([[0.25, 0.25], [0.75, 0.25], [0.5, 0.75]], (160, 90, 480, 270)),
        ([[101, 51], [301, 51], [301, 251]], (100, 50, 300, 250)),  # even pixels
        ([[-50, -50], [700, 100], [700, 400]], (0, 0, 640, 360)),  # clipped to the picture
    ],
)
def test_the_network_sees_the_rectangle_around_a_polygon_when_one_is_drawn(roi: Any, crop: Any) -> None:
    config = parse(camera(roi=roi), "here")
    plan = plan_camera(config, config.cameras[0], INFO)
    assert plan.scene.crop_xyxy == crop
    assert plan.letterbox.crop_xyxy == (crop or (0, 0, 640, 360))


@pytest.mark.parametrize(
    ("roi", "message"),
    [
        ([[0.1, 0.1], [0.9, 0.9]], "roi: expected 3 corners or more, got 2"),
        ([[0.1, 0.1], [0.12, 0.1], [0.12, 0.9]], "expected 32x32 pixels or more in the picture, got 12x288"),
        ([[700, 400], [900, 400], [900, 600]], "expected 32x32 pixels or more in the picture, got 0x0"),
    ],
)
def test_a_polygon_is_refused_when_it_holds_too_little(roi: Any, message: str) -> None:
    config = parse(camera(roi=roi), "here")
    with pytest.raises(ConfigError, match=message):
        plan_camera(config, config.cameras[0], INFO)


def test_a_picture_is_refused_when_it_has_no_whole_chroma_sample() -> None:
    """A regression: a picture of one pixel ended in a division by zero."""
    config = parse(road(), "here")
    with pytest.raises(ConfigError, match="expected a picture of 2x2 pixels or more, got 1x1"):
        plan_camera(config, config.cameras[0], VideoInfo(1, 1, 25.0, None, None, "mjpeg", "gray"))


# --- examples and reference ---


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_read_when_copied(path: Path) -> None:
    config = load(path)
    for each in config.cameras:
        assert plan_camera(config, each, INFO).scene.lines


def test_the_examples_show_every_key_when_read_together() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in EXAMPLES)
    shown = (Config, CameraConfig, DetectorConfig, OutputConfig, PlacementConfig, HealthConfig)
    missing = [key for section in shown for key in section.model_fields if not re.search(rf"\b{key}:", text)]
    assert not missing


def test_the_reference_is_up_to_date_when_the_schema_changes() -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    maker = runpy.run_path(str(ROOT / "docs/make_configuration.py"))
    _, _, written = page.partition(maker["MARKER"])
    assert written.strip() == maker["tables"]().strip(), "run: python docs/make_configuration.py"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_is_explained_when_the_reference_is_read(section: type[BaseModel]) -> None:
    nested = {"detector", "masks", "tracker", "counting", "output", "placement", "health"}  # explained by their section
    assert section.__doc__
    missing = [key for key, field in section.model_fields.items() if not field.description and key not in nested]
    assert not missing


def test_a_bare_word_is_understood_when_yaml_takes_it_for_a_truth_value(tmp_path: Path) -> None:
    path = tmp_path / "road.yaml"
    path.write_text("cameras: [{source: a.mp4}]\ndetector: {gate: off}\nhealth: {port: off}\n")
    config = load(path)
    assert (config.detector.gate, config.health.port) == ("off", "off")


def test_points_are_refused_when_they_are_larger_than_the_input() -> None:
    raw = {"cameras": [{"source": "a.mp4"}], "detector": {"points": [{"input": 640, "ms": 9, "error": 0}]}}
    with pytest.raises(ConfigError, match="at most 416"):
        parse(raw, "test")


def test_a_budget_is_refused_when_the_pictures_wait() -> None:
    raw = {"cameras": [{"source": "a.mp4", "budget": {"latency_p95_ms": 100}}]}
    config = parse(raw, "test")
    with pytest.raises(ConfigError, match="newest picture wins"):
        plan_camera(config, config.cameras[0], INFO)
    config = parse(raw, "test", {"when_full": "skip", "detector.points": [{"input": 320, "ms": 5, "error": 0.1}]})
    plan = plan_camera(config, config.cameras[0], INFO)
    assert plan.budget is not None and set(plan.letterboxes) == {"320"}
