"""The lanes of a graphics card, with a card that is played on the CPU; and what is chosen where one is of no use.

The played card keeps torch's rules that the lanes live by: a graph writes where it wrote when it was captured, and
whatever a lane wants to wait for has to be recorded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from models.arch import AnyArch, Arch, NanoDetArch, RetinaNetArch, SsdArch
from models.contract import DetectorSpec
from models.engines import device
from models.engines.cuda import CudaLane, sizes_up_to
from models.engines.device import cuda_here, halved_to_fit, place_here
from models.engines.torch import PlainLane, TorchDetector
from models.families import family_name, new_network
from models.network import Deployed
from models.postprocess import PostProcess
from models.registry import open_detector
from stream.errors import ModelError
from stream.messages import Detections
from tests.unit.models.engines.test_engines import HW, assert_same, lively

SMALL: dict[str, AnyArch] = {"yolox": Arch(width=0.125)} | {
    name: family(stem=8, stages=(16, 32, 64), pyramid=16)
    for name, family in (("nanodet", NanoDetArch), ("retinanet", RetinaNetArch), ("ssd", SsdArch))
}


class Recorder(TorchDispatchMode):
    """Keeps what torch computes while it is entered, and where it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func is not torch.ops.aten.lift_fresh.default, "a number of this machine: a capture forbids to fetch it"
        out = func(*args, **(kwargs or {}))
        self.steps.append((func, args, kwargs or {}, out))
        return out


class Graph:
    """A captured graph: `replay` computes the same again, into the same memory."""

    def __init__(self) -> None:
        self.recorder = Recorder()

    def replay(self) -> None:
        for func, args, kwargs, out in self.recorder.steps:
            anew = func(*args, **kwargs)
            pairs = zip(out, anew, strict=True) if isinstance(out, list | tuple) else [(out, anew)]
            for old, new in pairs:
                if old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class Event:
    def __init__(self) -> None:
        self.recorded = 0

    def record(self) -> None:
        self.recorded += 1

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        assert self.recorded


class Stream:
    def wait_stream(self, other: Stream) -> None:
        assert isinstance(other, Stream)


@contextlib.contextmanager
def capture(graph: Graph, **how: Any) -> Iterator[None]:
    with graph.recorder:
        yield


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card of this machine's memory."""
    played = {"Stream": Stream, "current_stream": Stream, "Event": Event, "CUDAGraph": Graph, "graph": capture}
    for name, part in played.items():
        monkeypatch.setattr(torch.cuda, name, part)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)


def deployed(name: str) -> Deployed:
    torch.manual_seed(3)
    return Deployed(lively(new_network(SMALL[name])).requires_grad_(False))


def pictures(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *HW, 3), np.uint8)


def post(name: str) -> PostProcess:
    return PostProcess(0.05, 0.6, tuple(range(6)), name)


def expected(network: Deployed, given: np.ndarray) -> list[Detections]:
    with torch.inference_mode():
        rows = network(torch.from_numpy(given)).numpy()
    return [post(family_name(network.network.arch))(one, HW) for one in rows]


def assert_found(lane: CudaLane | PlainLane, network: Deployed, given: np.ndarray) -> None:
    assert_same(lane.found(), expected(network, given), pixels=0.02, score=1e-3)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("largest_graph", [1, 4, 8])
def test_a_lane_finds_what_the_network_finds_when_batches_of_all_sizes_follow_each_other(
    card: None, name: str, largest_graph: int
) -> None:
    """A lane could never begin a pass: it wrote into a tensor of torch's inference mode outside of that."""
    network = deployed(name)
    lane = CudaLane(network, post(name), torch.device("cpu"), (HW,), (largest_graph, 8))
    for k, count in enumerate((8, 3, 1, 5, 8, 2)):
        given = pictures(count, seed=k)
        lane.start(given)
        assert lane.done()
        assert_found(lane, network, given)


def test_two_lanes_do_not_disturb_each_other_when_both_are_under_way(card: None) -> None:
    network = deployed("yolox")
    lanes = [CudaLane(network, post("yolox"), torch.device("cpu"), (HW, (64, 64)), (4, 4)) for _ in range(2)]
    given = [pictures(3, seed=7), pictures(4, seed=8)]
    for lane, batch in zip(lanes, given, strict=True):
        lane.start(batch)
    for lane, batch in zip(lanes, given, strict=True):
        assert_found(lane, network, batch)


@pytest.mark.parametrize("given", [pictures(2)[:, ::-1], np.frombuffer(pictures(2).tobytes(), np.uint8)])
def test_pictures_may_lie_in_memory_that_torch_does_not_take(card: None, given: np.ndarray) -> None:
    """Turned over, or of another host: those may not be written."""
    network, given = deployed("yolox"), given.reshape(2, *HW, 3)
    lane = CudaLane(network, post("yolox"), torch.device("cpu"), (HW,), (2, 2))
    lane.start(given)
    assert_found(lane, network, given.copy())


@pytest.mark.parametrize(("most", "sizes"), [(1, [1]), (2, [2, 1]), (4, [4, 2, 1]), (6, [6, 4, 2, 1])])
def test_graphs_are_captured_from_the_largest_down(most: int, sizes: list[int]) -> None:
    assert sizes_up_to(most) == sizes


def test_batch_is_halved_and_told_when_the_memory_does_not_suffice() -> None:
    def attempt(batch: int) -> int:
        if batch > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has little left.")
        return batch

    assert halved_to_fit(attempt, 16) == (2, ", 2 pictures a pass, since 16 did not fit (CUDA out of memory)")
    assert halved_to_fit(attempt, 3) == (3, "")


def test_model_error_when_not_one_picture_fits() -> None:
    def attempt(batch: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with pytest.raises(ModelError, match=r"one picture here \(CUDA out of memory\)\n.*smaller input"):
        halved_to_fit(attempt, 4)


def weights_path(folder: Any) -> str:
    from models.files.weights import write_weights

    write_weights(deployed("yolox").network, folder / "w.safetensors", {})
    return str(folder / "w.safetensors")


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: device-side assert"), torch.OutOfMemoryError("no memory")])
def test_model_error_when_the_device_fails_in_a_pass(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """An error of torch at the beginning of a pass came to the user as a traceback."""

    def fails(*args: object) -> None:
        raise error

    detector = open_detector(DetectorSpec(weights_path(tmp_path), (HW,), "torch", threads=1))
    monkeypatch.setattr(Deployed, "forward", fails)
    with pytest.raises(ModelError, match=str(error)):
        detector.start(pictures(1))


class FailingLane:
    def start(self, pictures: np.ndarray) -> None: ...

    def done(self) -> bool:
        raise RuntimeError("CUDA error: unspecified launch failure")

    def found(self) -> list[Detections]:
        raise RuntimeError("CUDA error: unspecified launch failure")


def test_model_error_when_the_device_fails_while_it_is_asked(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.engines.torch.PlainLane", lambda *args: FailingLane())
    detector = open_detector(DetectorSpec(weights_path(tmp_path), (HW,), "torch", threads=1))
    pending = detector.start(pictures(1))
    assert pending.done()
    with pytest.raises(ModelError, match="launch failure"):
        pending.result()
    detector.close()


def test_large_batch_is_passed_in_parts_when_only_small_ones_fit(tmp_path: Any) -> None:
    network, given = deployed("nanodet"), pictures(5)
    lane = PlainLane(network, post("nanodet"), torch.device("cpu"), 2)
    lane.start(given)
    assert_found(lane, network, given)


def test_cpu_is_taken_when_torch_sees_a_card_that_it_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card older than this build of torch is seen, and fails at the first kernel."""

    def no_kernel(*args: object, **kwargs: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", no_kernel)
    assert not cuda_here()
    assert place_here("auto", 1).device.type == "cpu"


def test_precision_is_refused_when_the_card_does_not_compute_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cuda_here", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    for precision in ("int8", "bf16"):
        with pytest.raises(ModelError, match=f"torch on CUDA does not run {precision}"):
            place_here(precision, 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    assert place_here("auto", 0) == (torch.device("cuda"), torch.float16, "torch, fp16, a card")


def test_whole_detector_finds_the_same_when_its_lanes_are_those_of_a_card(
    card: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = DetectorSpec(weights_path(tmp_path), (HW,), "torch", "f32", max_batch=5, score=0.01, threads=1)
    plain = open_detector(spec)
    wanted = [plain.start(pictures(3, seed=k)).result() for k in range(4)]

    def on_card(network: Any, post: Any, place: Any, wants: Any) -> Any:
        lanes = [CudaLane(Deployed(network), post, place.device, wants.input_hw, (2, 5)) for _ in range(2)]
        return lanes, ""

    monkeypatch.setattr("models.engines.torch._lanes", on_card)
    detector = open_detector(spec)
    assert isinstance(detector, TorchDetector) and detector.in_flight == 2
    pending = [detector.start(pictures(3, seed=k)) for k in range(4)]
    for one, same in reversed(list(zip(pending, wanted, strict=True))):
        assert_same(one.result(), same, pixels=0.01, score=1e-4)
    detector.close()
