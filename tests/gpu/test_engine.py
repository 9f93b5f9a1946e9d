"""The detectors of the house on a card: as in f32 on the CPU, alone or in batches, one or two at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest
import torch

from models.contract import Detector, DetectorSpec
from models.families import family_name
from models.network import Deployed
from models.postprocess import PostProcess
from models.registry import MODELS, find_weights, open_detector
from stream.errors import ModelError
from stream.messages import Detections
from tests.gpu.agree import assert_agree
from tests.gpu.conftest import HW

MOST = 6
OTHER_HW = (192, 320)


def exact(model: str, pictures: np.ndarray) -> list[Detections]:
    """In f32 on the CPU, without an engine."""
    weights = find_weights(model)
    network = weights.network()
    with torch.inference_mode():
        rows = Deployed(network)(torch.from_numpy(pictures)).numpy()
    return [PostProcess(0.1, 0.6, weights.labels, family_name(network.arch))(one, HW) for one in rows]


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def detector(model: str) -> Iterator[Detector]:
    with closing(open_detector(DetectorSpec(model, (HW, OTHER_HW), "torch", max_batch=MOST))) as opened:
        yield opened


@pytest.fixture(scope="module")
def alone(detector: Detector, pictures: np.ndarray) -> list[Detections]:
    """What is found in each picture by itself."""
    return [detector.start(pictures[k : k + 1]).result()[0] for k in range(len(pictures))]


def test_detections_are_those_of_f32_when_pictures_are_looked_at(
    model: str, alone: list[Detections], pictures: np.ndarray
) -> None:
    assert_agree(alone, exact(model, pictures))


@pytest.mark.parametrize("count", range(1, MOST + 1))
def test_batch_equals_single_pictures_when_it_follows_a_larger_one(
    detector: Detector, alone: list[Detections], pictures: np.ndarray, count: int
) -> None:
    detector.start(pictures[-MOST:]).result()
    assert_agree(detector.start(pictures[:count]).result(), alone[:count])


def test_results_belong_to_their_pictures_when_several_passes_are_under_way(
    detector: Detector, alone: list[Detections], pictures: np.ndarray
) -> None:
    for _ in range(5):
        pending = [detector.start(pictures[k : k + 2]) for k in range(6)]
        for k, one in reversed(list(enumerate(pending))):
            assert_agree(one.result(), alone[k : k + 2])
            assert one.done() and one.result() is one.result()


def test_inputs_do_not_disturb_each_other_when_several_are_opened(
    detector: Detector, alone: list[Detections], pictures: np.ndarray
) -> None:
    small = np.ascontiguousarray(pictures[:3, : OTHER_HW[0], : OTHER_HW[1]])
    wanted = detector.start(small).result()
    pending = [detector.start(pictures[:3]), detector.start(small), detector.start(pictures[3:4])]
    assert_agree(pending[0].result(), alone[:3])
    assert_agree(pending[1].result(), wanted)
    assert_agree(pending[2].result(), alone[3:4])


def test_pictures_are_read_where_they_are_when_that_is_pinned_memory(
    detector: Detector, alone: list[Detections], pictures: np.ndarray
) -> None:
    held = torch.from_numpy(pictures[:4])
    held = held.pin_memory() if torch.cuda.is_available() else held
    assert_agree(detector.start(held.numpy()).result(), alone[:4])


def test_description_names_where_the_network_runs(detector: Detector, model: str) -> None:
    where = f"fp16, {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "f32, the CPU"
    assert detector.describe.startswith(f"{model} on torch, {where}")


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_detections_are_those_of_f32_when_another_precision_is_asked_for(precision: str, pictures: np.ndarray) -> None:
    spec = DetectorSpec("roadtally-small", (HW,), "torch", precision, max_batch=2)
    with closing(open_detector(spec)) as opened:
        found = opened.start(pictures[:2]).result()
    if precision == "f32":
        assert_agree(found, exact("roadtally-small", pictures[:2]))
    assert sum(len(one) for one in found)


@pytest.fixture
def little_memory() -> Iterator[Callable[[float], None]]:
    """Leaves torch so many MiB of the card, beyond what it holds."""

    def leave(mebibytes: float) -> None:
        torch.cuda.empty_cache()
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + mebibytes * 2**20) / whole)

    yield leave
    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the memory of the CPU has no limit that can be set")
@pytest.mark.parametrize("model", ["roadtally-small", "roadtally-faster"])
def test_batch_is_halved_and_told_when_the_memory_does_not_suffice(
    model: str, little_memory: Callable[[float], None], pictures: np.ndarray
) -> None:
    spec = DetectorSpec(model, (HW,), "torch", max_batch=256)
    with closing(open_detector(DetectorSpec(model, (HW,), "torch", max_batch=8))) as roomy:
        wanted = roomy.start(pictures).result()
    little_memory(600)
    with closing(open_detector(spec)) as opened:
        assert "pictures a pass, since 256 did not fit" in opened.describe
        assert_agree(opened.start(np.tile(pictures, (32, 1, 1, 1))).result()[:16], wanted * 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the memory of the CPU has no limit that can be set")
def test_model_error_when_not_one_picture_fits_into_the_memory(little_memory: Callable[[float], None]) -> None:
    little_memory(2)
    with pytest.raises(ModelError, match="torch cannot run a pass of one picture here"):
        open_detector(DetectorSpec("roadtally-small", ((1024, 1024),), "torch", max_batch=4))
