"""From a configuration to workers and edges: every frame finds its way, every slot finds its way back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from stream.config.file import parse
from stream.config.placement import SEGMENT, STAGES
from stream.errors import ConfigError
from stream.plan.topology import Plan, WorkerPlan, make_plan
from stream.transport.addresses import TcpAddresses
from stream.video import VideoInfo

GROUPINGS = (
    (("decode",), ("detect",), ("track", "record")),
    (("decode",), ("detect",), ("track",), ("record",)),
    (("decode", "detect"), ("track", "record")),
    (("decode",), ("detect", "track", "record")),
    (("decode", "detect", "track", "record"),),
)
WITH_MASKS = (("decode",), ("detect",), ("segment",), ("track", "record"))


def info(width: int = 640, height: int = 360) -> VideoInfo:
    return VideoInfo(width, height, 25.0, 10.0, 250, "h264", "yuv420p")


def plan_of(cameras: Sequence[str] = ("north",), sizes: Sequence[tuple[int, int]] = (), **sections: Any) -> Plan:
    """A plan with addresses that say their host and name."""
    config = parse({"cameras": [{"source": f"{name}.mp4"} for name in cameras], **sections}, "here")
    infos = {name: info(*size) for name, size in zip(cameras, sizes or [(640, 360)] * len(cameras), strict=True)}
    return make_plan(config, infos, lambda name, host: f"{host or 'here'}/{name}", "run")


def way_of(camera: str, plan: Plan) -> list[WorkerPlan]:
    """The workers that a camera's frames pass, followed along the edges."""
    by_inlet = {worker.inlet: worker for worker in plan.workers if worker.inlet}
    way = [w for w in plan.workers if w.inlet is None and camera in {c.name for c in w.cameras}]
    assert len(way) == 1
    while way[-1].outlets:
        way.append(by_inlet[way[-1].outlets[camera]])
    return way


ALL = [
    (mode, grouping, video, detectors, 0)
    for mode, grouping, video, detectors in product(("processes", "tcp", "inline"), GROUPINGS, (True, False), (1, 2))
] + [
    (mode, grouping, video, 2, 5)
    for mode, grouping, video in product(("processes", "tcp", "inline"), (*GROUPINGS[:3], WITH_MASKS), (True, False))
]


def name_of(case: tuple) -> str:
    mode, grouping, video, detectors, masks = case
    groups = " | ".join("+".join(group) for group in grouping)
    return f"{mode} {groups} {'video' if video else 'no video'} {detectors} masks {masks}"


@pytest.fixture(params=ALL, ids=name_of)
def case(request: pytest.FixtureRequest) -> tuple[Plan, str, str]:
    """Three cameras in every mode, grouping and number of detectors, with and without masks: the plan, its mode, the
    last stage that reads pixels."""
    mode, grouping, video, detectors, masks = request.param
    placement = {"mode": mode, "workers": grouping, "detectors": detectors}
    output = {"record": "annotated" if video else "none"}
    plan = plan_of(("a", "b", "c"), placement=placement, output=output, masks={"every": masks})
    return plan, mode, "record" if video else "segment" if masks else "detect"


def test_each_camera_passes_each_stage_once_when_its_edges_are_followed(case: tuple[Plan, str, str]) -> None:
    plan, mode, _ = case
    for camera in plan.cameras:
        way = way_of(camera.name, plan)
        expected = [stage for stage in STAGES if stage != SEGMENT or way[0].masks is not None]
        assert [stage for worker in way for stage in worker.stages] == expected
        assert all(camera in worker.cameras for worker in way)
        assert len(way) == 1 or mode != "inline"


def test_addresses_and_names_are_unique_when_planned(case: tuple[Plan, str, str]) -> None:
    plan, _, _ = case
    bound = [address for w in plan.workers for address in (w.inlet, w.credits_in) if address] + [plan.control]
    assert len(set(bound)) == len(bound)
    assert len({worker.name for worker in plan.workers}) == len(plan.workers)


def test_the_last_reader_of_pixels_returns_the_slots_when_planned(case: tuple[Plan, str, str]) -> None:
    plan, _, reader = case
    for camera in plan.cameras:
        way = way_of(camera.name, plan)
        last = next(worker for worker in way if reader in worker.stages)
        returns = {w.name: w.credits_out[camera.name] for w in plan.workers if camera.name in w.credits_out}
        if last is way[0]:  # decoder and last reader share a worker: no socket between them
            assert returns == {} and way[0].credits_in is None
        else:
            assert returns == {last.name: way[0].credits_in}


def test_pixels_travel_as_far_as_they_are_read_when_planned(case: tuple[Plan, str, str]) -> None:
    plan, mode, reader = case
    for camera in plan.cameras:
        way = way_of(camera.name, plan)
        last = next(i for i, worker in enumerate(way) if reader in worker.stages)
        assert [worker.sends_pixels for worker in way] == [mode == "tcp" and i < last for i in range(len(way))]
        ring_names = [len(worker.rings) for worker in way]
        maps = [len(worker.cameras) if mode == "processes" and i <= last else 0 for i, worker in enumerate(way)]
        assert ring_names == maps


def test_there_is_one_ring_a_camera_when_processes_share_memory() -> None:
    plan = plan_of(("a", "b"), sizes=((640, 360), (1920, 1080)), placement={"slots": 8})
    small, large = plan.rings
    yuv, tensor, stamp = 640 * 360 * 3 // 2, 416 * 256 * 3, 64  # 416x256: 16:9 in multiples of 32
    assert small.total_bytes == 8 * (stamp + yuv + tensor)
    assert large.total_bytes == 8 * (stamp + 1920 * 1080 * 3 // 2 + tensor)
    assert plan.shared_bytes == small.total_bytes + large.total_bytes
    assert small.name != large.name and small.name.startswith("roadtally-run-")


def test_a_segmenter_is_refused_when_no_masks_are_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"segment stands in a group, but masks\.every is 0"):
        plan_of(placement={"workers": WITH_MASKS})


@pytest.mark.parametrize("mode", ["tcp", "inline"])
def test_no_shared_memory_is_taken_when_pixels_do_not_pass_processes(mode: str) -> None:
    assert plan_of(placement={"mode": mode}).shared_bytes == 0


def test_a_slot_holds_only_the_network_input_when_no_video_is_written() -> None:
    with_video, without = plan_of(), plan_of(output={"record": "none"})
    assert without.cameras[0].layout.yuv_hw is None
    assert without.shared_bytes == with_video.shared_bytes - 16 * 640 * 360 * 3 // 2


def test_workers_are_named_after_their_stages_when_planned() -> None:
    assert [w.name for w in plan_of().workers] == ["decode", "detect", "track+record"]
    plan = plan_of(("a", "b", "c"), placement={"detectors": 2})
    assert [w.name for w in plan.workers] == [
        "decode-0", "decode-1", "decode-2", "detect-0", "detect-1", "track+record",
    ]  # fmt: skip
    assert [[c.name for c in w.cameras] for w in plan.workers if "detect" in w.stages] == [["a", "c"], ["b"]]
    assert [w.name for w in plan_of(("a", "b"), placement={"mode": "inline"}).workers] == ["inline"]


def test_no_detector_is_without_cameras_when_there_are_more_of_them() -> None:
    plan = plan_of(("a", "b"), placement={"detectors": 5})
    detectors = [worker for worker in plan.workers if "detect" in worker.stages]
    assert [len(worker.cameras) for worker in detectors] == [1, 1]


def test_a_remote_group_is_reached_by_its_address_when_planned() -> None:
    placement = {"mode": "tcp", "remote": {1: "10.0.0.2"}, "bind": "10.0.0.1", "port": 7700}
    decode, detect, last = plan_of(placement=placement).workers
    assert detect.host == "10.0.0.2" and not decode.host and not last.host
    assert decode.outlets["north"] == detect.inlet == "10.0.0.2/detect"
    assert detect.outlets["north"] == last.inlet == "here/track+record"
    assert last.credits_out["north"] == decode.credits_in == "here/credits-0"


def test_control_has_the_port_that_the_user_named_when_ports_are_fixed() -> None:
    """A regression: control came last, so that nobody could know its port without asking."""
    config = parse({"cameras": [{"source": "a.mp4"}], "placement": {"mode": "tcp", "port": 7700}}, "here")
    plan = make_plan(config, {"a": info()}, TcpAddresses("127.0.0.1", 7700), "run")
    assert plan.control == "tcp://127.0.0.1:7700"
    others = {a for w in plan.workers for a in (w.inlet, w.credits_in, *w.outlets.values()) if a}
    assert others == {f"tcp://127.0.0.1:{port}" for port in (7701, 7702, 7703)}


def test_the_detector_knows_every_input_shape_when_cameras_differ() -> None:
    sizes = ((1920, 1080), (640, 480), (640, 360), (360, 640))
    plan = plan_of(("a", "b", "c", "d"), sizes=sizes, detector={"input": 416, "batch": 4, "score": 0.2})
    spec = plan.workers[-1].detector
    assert spec.input_hw == ((256, 416), (320, 416), (416, 256))
    assert (spec.max_batch, spec.score) == (4, 0.2)
    assert plan_of(detector={"input": [640, 384]}).workers[0].detector.input_hw == ((384, 640),)


@pytest.mark.parametrize(
    ("source", "when_full", "blocks"),
    [
        ("a.mp4", "auto", True),
        ("rtsp://cam/a", "auto", False),
        ("a.mp4", "skip", False),
        ("rtsp://cam/a", "block", True),
    ],
)
def test_files_lose_nothing_and_cameras_show_the_newest_when_left_alone(
    source: str, when_full: str, blocks: bool
) -> None:
    config = parse({"cameras": [{"source": source, "name": "a"}], "when_full": when_full}, "here")
    assert make_plan(config, {"a": info()}, lambda name, host: name, "run").cameras[0].blocks is blocks


def test_cameras_have_folders_of_their_own_when_there_are_several() -> None:
    assert [c.folder for c in plan_of(output={"dir": "out"}).cameras] == ["out"]
    assert [c.folder for c in plan_of(("a", "b"), output={"dir": "out"}).cameras] == ["out/a", "out/b"]


def test_the_problems_of_all_cameras_are_told_when_several_have_one() -> None:
    line = {"A": [0.1, 2.0, 0.9, 2.0]}
    cameras = [{"source": f"{name}.mp4", "lines": line if name != "b" else {}} for name in "abc"]
    with pytest.raises(ConfigError) as caught:
        make_plan(parse({"cameras": cameras}, "here"), dict.fromkeys("abc", info()), lambda name, host: name, "run")
    text = str(caught.value)
    assert "camera a: line A" in text and "camera c: line A" in text and "camera b" not in text
