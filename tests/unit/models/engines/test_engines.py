"""Engines: each equals torch, a batch equals its pictures alone, and a wrong choice is told."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch

from models.arch import AnyArch, Arch, FasterRcnnArch, NanoDetArch, RetinaNetArch, SsdArch
from models.bench import bench
from models.contract import Detector, DetectorSpec
from models.families import family_name, family_of, new_network
from models.files.weights import write_weights
from models.network import Deployed, Network
from models.postprocess import PostProcess, suppress
from models.registry import open_detector
from stream.errors import ModelError
from stream.messages import Detections

PUBLISHED = Path(__file__).resolve().parents[4] / "../shared/weights"
HW = (64, 96)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


SMALL_NANODET = NanoDetArch(stem=8, stages=(16, 32, 64), pyramid=16)
SMALL_RETINANET = RetinaNetArch(stem=8, stages=(16, 32, 64), pyramid=16)
SMALL_SSD = SsdArch(stem=8, stages=(16, 32, 64), pyramid=16)
SMALL_FASTER_RCNN = FasterRcnnArch(stem=8, stages=(16, 32, 64), pyramid=16, hidden=16, proposals=300)


@pytest.fixture(
    scope="module",
    params=[Arch(width=0.125), SMALL_NANODET, SMALL_RETINANET, SMALL_SSD, SMALL_FASTER_RCNN],
    ids=family_name,
)
def network(request: pytest.FixtureRequest) -> Network:
    """Random weights of which some cells fire."""
    torch.manual_seed(3)
    network = lively(new_network(request.param))
    for weight in network.parameters():
        weight.data = weight.data.half().float()  # as they are stored
    return network


def lively(network: Network) -> Network:
    """Weights by which each layer gives activations of about one (Mishkin and Matas, 2016), as in a trained network:
    with larger ones all boxes end at the rim of the picture, with smaller ones no cell fires."""

    def settle(layer: torch.nn.Conv2d | torch.nn.Linear, given: object, out: torch.Tensor) -> torch.Tensor:
        spread = out.std()
        layer.weight.data /= spread
        return out / spread

    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)]
    for layer in layers:
        torch.nn.init.normal_(layer.weight)
        if layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)
    hooks = [layer.register_forward_hook(settle) for layer in layers]
    noise = np.random.default_rng(0).integers(0, 256, (16, *HW, 3), np.uint8)
    with torch.no_grad():
        Deployed(network.eval())(torch.from_numpy(noise))
    for hook in hooks:
        hook.remove()
    return network


@pytest.fixture(scope="module")
def weights(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_weights(network, path, {"licence": "none"})
    return path


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, *HW, 3), np.uint8)


Open = Callable[..., Detector]


@pytest.fixture
def opened(weights: Path) -> Open:
    def open_one(**changes: object) -> Detector:
        settings = {"model": str(weights), "input_hw": (HW,), "threads": 1, "max_batch": 3, "precision": "f32"}
        return open_detector(DetectorSpec(**(settings | changes)))  # type: ignore[arg-type]

    return open_one


def expected(network: Network, pictures: np.ndarray, score: float) -> list[Detections]:
    with torch.no_grad():
        raw = Deployed(network)(torch.from_numpy(pictures)).numpy()
    return [PostProcess(score, 0.6, tuple(range(6)), family_name(network.arch))(one, HW) for one in raw]


def assert_same(got: list[Detections], wanted: list[Detections], pixels: float, score: float) -> None:
    for a, b in zip(got, wanted, strict=True):
        assert len(a) == len(b) > 0
        a, b = (one.take(np.lexsort((one.label, *one.xyxy.round().T))) for one in (a, b))  # scores may tie
        np.testing.assert_allclose(a.score, b.score, atol=score)
        np.testing.assert_allclose(a.xyxy, b.xyxy, atol=pixels)
        assert (a.label == b.label).all()


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_detections_equal_torch_when_precision_is_f32(
    engine: str, opened: Open, network: Network, pictures: np.ndarray
) -> None:
    detector = opened(engine=engine, score=0.2)
    got = detector.start(pictures).result()
    assert_same(got, expected(network, pictures, 0.2), pixels=0.05, score=1e-3)
    detector.close()


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_batch_equals_single_pictures_when_started_together(engine: str, opened: Open, pictures: np.ndarray) -> None:
    detector = opened(engine=engine)
    together = detector.start(pictures).result()
    alone = [detector.start(pictures[k : k + 1]).result()[0] for k in range(3)]
    assert_same(together, alone, pixels=0.01, score=1e-4)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_results_belong_to_their_pictures_when_taken_late(engine: str, opened: Open, pictures: np.ndarray) -> None:
    """Also with more passes than in_flight, and asked twice: an answer was once read from a request in its next use."""
    threads = 2 if engine == "openvino" else 1  # torch has one pass at a time; two threads of it wait for each other
    detector = opened(engine=engine, threads=threads)
    alone = [detector.start(pictures[k : k + 1]).result()[0] for k in range(3)]
    for _ in range(5):
        pending = [detector.start(pictures[k : k + 1]) for k in range(3)]
        for k, one in reversed(list(enumerate(pending))):
            assert_same(one.result(), [alone[k]], pixels=0.01, score=1e-4)
            assert one.done() and one.result() is one.result()


@pytest.mark.parametrize(
    "arch",
    [
        Arch(width=0.125),
        Arch(width=0.125, activation="hswish"),
        Arch(width=0.125, stem="strided"),
        Arch(width=0.125, depthwise=False),
        Arch(width=0.125, stem="strided", depthwise=False, activation="hswish"),
        SMALL_NANODET,  # its shuffle of channels once came out wrong in OpenVINO
        SMALL_RETINANET,
        SMALL_SSD,
    ],
)
def test_graph_equals_module_when_built_from_its_tensors(arch: AnyArch, pictures: np.ndarray) -> None:
    torch.manual_seed(5)
    network = lively(new_network(arch))
    model = family_of(arch).part("graph")(arch, {name: value.numpy() for name, value in network.state_dict().items()})
    model.reshape([1, *HW, 3])
    run = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    with torch.no_grad():
        wanted = Deployed(network)(torch.from_numpy(pictures[:1])).numpy()
    assert wanted.std(1).min() > 1e-3
    np.testing.assert_allclose(run([pictures[:1]])[0], wanted, rtol=1e-3, atol=1e-3)


def test_torch_is_left_alone_when_own_weights_run_on_openvino(weights: Path) -> None:
    """The first start of a model took half a minute on busy cores while it was traced by torch."""
    program = (
        "import sys\nfrom models.contract import DetectorSpec\nfrom models.registry import open_detector\n"
        f"open_detector(DetectorSpec(model={str(weights)!r}, input_hw=((64, 96),), engine='openvino', threads=1))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=250)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "tpu"}, "no such engine"),
        ({"engine": "openvino", "precision": "fp16"}, "OpenVINO runs"),
        ({"engine": "torch", "precision": "int8"}, "does not run int8"),
        ({"engine": "openvino", "input_hw": ((60, 90),)}, "multiples of 32"),
    ],
)
def test_model_error_when_choice_does_not_exist(opened: Open, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        opened(**changes)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (4, *HW, 3), (64, 96, 3)])
def test_model_error_when_batch_has_another_shape(engine: str, opened: Open, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="expected u8 up to"):
        opened(engine=engine).start(np.zeros(shape, np.uint8))


def test_bench_gives_a_row_per_size_and_batch(weights: Path) -> None:
    spec = DetectorSpec(model=str(weights), input_hw=(HW, (32, 32)), engine="openvino", threads=1)
    rows = list(bench(spec, batches=(1, 2), seconds=0.05))
    assert [(row.input_hw, row.batch) for row in rows] == [(HW, 1), (HW, 2), ((32, 32), 1), ((32, 32), 2)]
    assert all(row.pictures_per_s > 0 and row.latency_ms > 0 for row in rows)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published checkpoints are not here")
def test_published_yolox_opens_without_conversion_when_given_by_path() -> None:
    spec = DetectorSpec(str(PUBLISHED / "yolox_nano.onnx"), input_hw=((64, 96),), threads=1, engine="openvino")
    found = open_detector(spec).start(np.full((1, 64, 96, 3), 114, np.uint8)).result()[0]
    assert isinstance(found, Detections)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published checkpoints are not here")
def test_published_nanodet_finds_the_same_on_both_engines_when_given_by_path() -> None:
    """OpenVINO reads the file itself, and has to be told how its pixels are normalised."""
    pytest.importorskip("onnx")
    pictures, found = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3), np.uint8), []
    for engine in ("openvino", "torch"):
        model = str(PUBLISHED / "nanodet_plus_m_1.5x_416.onnx")
        spec = DetectorSpec(model, ((64, 96),), engine, "f32", score=0.001, threads=1)
        found.append(open_detector(spec).start(pictures).result())
    assert_same(found[0], found[1], pixels=0.05, score=1e-3)


def raw_cell(
    hw: tuple[int, int], cell: int, box: tuple[float, ...], objectness: float, classes: list[float]
) -> np.ndarray:
    raw = np.zeros((sum((hw[0] // s) * (hw[1] // s) for s in (8, 16, 32)), 5 + len(classes)), np.float32)
    raw[cell] = [*box, objectness, *classes]
    return raw


@pytest.mark.parametrize(
    ("objectness", "classes", "labels", "found"),
    [
        (0.9, [0.1, 0.8], (0, 1), [(1, 0.72)]),  # the better class wins
        (0.9, [0.8, 0.7], (-1, 1), []),  # best claimed by a class that is no road user
        (0.2, [0.9, 0.0], (0, 1), []),  # product below the threshold
    ],
)
def test_class_and_score_when_one_cell_fires(
    objectness: float, classes: list[float], labels: tuple[int, ...], found: list[tuple[int, float]]
) -> None:
    raw = raw_cell((32, 32), 5, (0.5, 0.5, 0.0, 0.0), objectness, classes)
    seen = PostProcess(0.25, 0.6, labels)(raw, (32, 32))
    assert [(int(k), round(float(s), 2)) for k, s in zip(seen.label, seen.score, strict=True)] == found
    if found:  # cell 5 of a 4x4 grid: column 1, row 1, one stride wide
        assert seen.xyxy[0].tolist() == [8, 8, 16, 16]


def test_only_same_class_is_suppressed_when_boxes_coincide() -> None:
    xyxy = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
    assert suppress(xyxy, np.array([2, 2, 0, 2]), 0.6).tolist() == [0, 2, 3]
    assert suppress(xyxy[:0], np.zeros(0), 0.6).tolist() == []
