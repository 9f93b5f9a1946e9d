"""The mask network: both engines give the same silhouettes, on whatever boxes; its weights are checked."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.arch import FasterRcnnArch, MaskArch, NanoDetArch
from models.contract import Segmenter, SegmenterSpec
from models.faster_rcnn import FasterRcnn
from models.files.mask_weights import read_mask_weights, write_mask_weights
from models.masks import MaskNetwork, give_masks
from models.registry import MASKS, open_segmenter
from stream.errors import ModelError

ARCH = MaskArch(NanoDetArch(stem=8, stages=(16, 32, 64), pyramid=16), width=8, convolutions=1)
HW = (64, 96)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of random weights, large enough for its masks to differ."""
    torch.manual_seed(0)
    network = MaskNetwork(ARCH)
    for tensor in network.parameters():
        torch.nn.init.normal_(tensor, std=0.5 if tensor.ndim > 1 else 0.1)
    path = tmp_path_factory.mktemp("weights") / "mask.safetensors"
    write_mask_weights(network, path, {"licence": "none"})
    return path


@pytest.fixture(scope="module", params=["openvino", "torch"])
def segmenter(request: pytest.FixtureRequest, weights: Path) -> Segmenter:
    return open_segmenter(SegmenterSpec(str(weights), (HW,), request.param, "f32", 1))


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (*HW, 3), dtype=np.uint8)


def boxes(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 40, (count, 2))
    return np.concatenate((corner, corner + rng.uniform(4, 24, (count, 2))), 1).astype(np.float32)


def test_engines_agree_when_they_see_the_same_boxes(weights: Path) -> None:
    found = [
        open_segmenter(SegmenterSpec(str(weights), (HW,), engine, "f32", 1)).masks(picture(), boxes(5))
        for engine in ("openvino", "torch")
    ]
    assert found[0].std() > 1  # masks that say something
    assert np.abs(found[0].astype(int) - found[1]).max() <= 1


def test_masks_are_nearly_the_same_when_torch_computes_in_fewer_bits(weights: Path) -> None:
    """RoIAlign was asked to pool in bf16, which it does not know on a CPU, and boxes in bf16 are off by a pixel."""
    exact, rough = (
        open_segmenter(SegmenterSpec(str(weights), (HW,), "torch", precision, 1)).masks(picture(), boxes(5))
        for precision in ("f32", "bf16")
    )
    assert np.abs(exact.astype(int) - rough).mean() < 10


def test_each_box_has_its_own_mask_when_there_are_thousands(segmenter: Segmenter) -> None:
    many = boxes(2000)
    found = segmenter.masks(picture(), many)
    assert found.shape == (2000, 28, 28) and found.dtype == np.uint8
    for k in (0, 33, 1999):
        assert np.abs(found[k].astype(int) - segmenter.masks(picture(), many[k : k + 1])[0]).max() <= 1


def test_nothing_is_found_when_there_is_no_box(segmenter: Segmenter) -> None:
    assert segmenter.masks(picture(), np.zeros((0, 4), np.float32)).shape == (0, 28, 28)


@pytest.mark.parametrize(
    "box",
    [(200, 10, 240, 30), (-50, 5, -3, 20), (30, 30, 30, 40), (40, 40, 20, 60), (np.nan, 0, 10, 10), (0, 0, np.inf, 9)],
    ids=["right of it", "left of it", "no width", "inverted", "not a number", "endless"],
)
def test_a_mask_is_empty_when_its_box_is_no_part_of_the_picture(segmenter: Segmenter, box: tuple[float, ...]) -> None:
    sound = boxes(1)
    found = segmenter.masks(picture(), np.concatenate((np.array([box], np.float32), sound)))
    assert not found[0].any()
    assert np.array_equal(found[1:], segmenter.masks(picture(), sound))


@pytest.mark.parametrize(
    "wrong", [np.zeros((32, 96, 3), np.uint8), np.zeros((*HW, 3), np.float32), np.zeros((*HW, 1), np.uint8)]
)
def test_a_picture_is_refused_when_it_is_not_as_opened(segmenter: Segmenter, wrong: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"expected a u8 picture of \(64, 96, 3\)"):
        segmenter.masks(wrong, boxes(1))


def test_torchvisions_mask_rcnn_gives_the_same_masks_when_it_has_the_branch(weights: Path) -> None:
    network = read_mask_weights(weights).network()
    detector = FasterRcnn(FasterRcnnArch(stem=8, stages=(16, 32, 64), pyramid=16, hidden=8)).eval()
    detector.rcnn.backbone = network.features
    detector.rcnn.roi_heads.score_thresh = 0.0
    for tensor in detector.rcnn.roi_heads.box_predictor.parameters():  # every proposal is a box of every class
        torch.nn.init.zeros_(tensor)
    give_masks(detector.rcnn, network.branch, 7)
    x = torch.from_numpy(picture()).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        (found,), _ = detector.rcnn.roi_heads(network.features(x), [torch.from_numpy(boxes(6))], [HW])
        expected = network(x, found["boxes"])
    assert len(found["masks"]) > 0 and torch.allclose(found["masks"][:, 0], expected, atol=1e-5)


def test_weights_are_refused_when_they_are_truncated(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        read_mask_weights(tmp_path / "cut.safetensors")


def test_weights_are_refused_when_a_byte_changed(weights: Path, tmp_path: Path) -> None:
    content = bytearray(weights.read_bytes())
    content[-10] ^= 255
    (tmp_path / "odd.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="do not match their sha256"):
        read_mask_weights(tmp_path / "odd.safetensors")


@pytest.mark.parametrize("name", ["roadtally-nano", "roadtally-small"])
def test_weights_are_refused_when_they_are_of_a_detector(name: str) -> None:
    from models.registry import weights_path

    with pytest.raises(ModelError, match="expected weights of format roadtally-mask-1, got roadtally-"):
        open_segmenter(SegmenterSpec(str(weights_path(name)), (HW,)))


def test_weights_are_refused_when_they_are_of_another_shape(weights: Path) -> None:
    stored = read_mask_weights(weights)
    smaller = {name: value for name, value in stored.tensors.items() if "convs" not in name}
    other = type(stored)(stored.path, stored.arch, smaller)
    with pytest.raises(ModelError, match="do not fit the architecture"):
        other.network()


def test_weights_are_missed_when_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such weights file"):
        open_segmenter(SegmenterSpec(str(tmp_path / "none.safetensors"), (HW,)))


def test_a_vehicle_is_told_from_the_road_when_the_shipped_weights_see_it() -> None:
    """A drawn car, rounded, on a grained road: its corners are road."""
    rng = np.random.default_rng(0)
    road = rng.normal(110, 4, (128, 192, 1)).repeat(3, 2)
    cv2.ellipse(road, (96, 70), (44, 24), 0, 0, 360, (40, 40, 170), -1)
    cv2.ellipse(road, (96, 58), (24, 16), 0, 0, 360, (60, 50, 40), -1)
    box = np.array([[52, 42, 140, 94]], np.float32)
    segmenter = open_segmenter(SegmenterSpec(MASKS, ((128, 192),), "openvino", "f32", 1))
    (mask,) = segmenter.masks(road.clip(0, 255).astype(np.uint8), box)
    ends = (slice(0, 3), slice(-3, None))
    corners = [mask[rows, columns].mean() for rows in ends for columns in ends]
    assert mask[10:18, 8:20].mean() > 200 and max(corners) < 128
