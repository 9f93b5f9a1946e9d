"""NanoDet-Plus: its shapes, its boxes, its loss, and its equality with the published ONNX."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.arch import NanoDetArch
from models.files.checkpoints import COCO_ROAD_USERS, read_onnx, take_classes
from models.nanodet import BINS, STRIDES, NanoDet, decode
from models.network import Deployed, cell_grid
from models.postprocess import READINGS
from models.training.assignment import assign_softly
from models.training.depthwise import hasten
from models.training.labels import IGNORE, Boxes
from models.training.loss_nanodet import distribution_focal, nanodet_loss, paired_giou, quality_focal

PUBLISHED = Path(__file__).resolve().parents[3] / "../shared/weights/nanodet_plus_m_1.5x_416.onnx"
SMALL = NanoDetArch(stem=8, stages=(16, 32, 64), pyramid=16)


def boxes(*rows: tuple[list[float], int, float]) -> Boxes:
    return Boxes.of([(np.array(xyxy, np.float32), label, weight) for xyxy, label, weight in rows])


@pytest.mark.parametrize("hw", [(32, 64), (96, 32), (64, 160)])
def test_output_has_a_row_per_cell_when_input_is_a_multiple_of_32(hw: tuple[int, int]) -> None:
    """The grid of stride 64 is rounded up: 32 pixels have one of its cells, 96 have two."""
    with torch.no_grad():
        raw = NanoDet(SMALL).eval()(torch.zeros(2, 3, *hw))
    cells, strides = cell_grid(*hw, STRIDES)
    assert raw.shape == (2, len(cells), 6 + 4 * BINS)
    assert len(strides) == sum(-(-hw[0] // s) * -(-hw[1] // s) for s in STRIDES)


def test_engines_read_boxes_as_training_does() -> None:
    torch.manual_seed(0)
    grid = cell_grid(96, 64, STRIDES)
    raw = torch.randn(len(grid[0]), 6 + 4 * BINS)
    read = READINGS["nanodet"].boxes(raw.numpy(), np.arange(len(raw)), (96, 64))
    np.testing.assert_allclose(read, decode(raw, *grid).numpy(), atol=1e-3)


def test_box_lies_round_its_cell_when_the_sides_are_sure() -> None:
    grid = cell_grid(64, 64, STRIDES)
    raw = torch.zeros(len(grid[0]), 6 + 4 * BINS)
    for side, strides in enumerate((0, 1, 2, 7)):  # left, top, right, bottom
        raw[9, 6 + side * BINS + strides] = 50
    assert decode(raw, *grid)[9].tolist() == pytest.approx([8, 0, 24, 64])  # row 1, column 1 of the finest grid


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published checkpoint is not here")
def test_outputs_equal_onnx_when_published_nanodet_is_imported() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pictures = np.random.default_rng(0).integers(0, 256, (1, 96, 160, 3), np.uint8)
    normalised = (pictures - np.array([103.53, 116.28, 123.675])) / np.array([57.375, 57.12, 58.395])
    session = onnxruntime.InferenceSession(str(PUBLISHED), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"data": normalised.transpose(0, 3, 1, 2).astype(np.float32)})[0]
    network = read_onnx(PUBLISHED).eval()
    with torch.no_grad():
        got = Deployed(network)(torch.from_numpy(pictures)).numpy()
        ours = Deployed(take_classes(network, COCO_ROAD_USERS))(torch.from_numpy(pictures)).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-3)
    np.testing.assert_allclose(ours, got[..., [*COCO_ROAD_USERS, *range(80, 112)]], atol=1e-5)


def test_small_box_between_the_corners_gets_a_cell_when_assigned() -> None:
    """A box of 6 pixels may hold the corner of no cell; it then belongs to the nearest, and learns."""
    grid = cell_grid(64, 64, STRIDES)
    raw = torch.randn(len(grid[0]), 6 + 4 * BINS, generator=torch.Generator().manual_seed(0))
    xyxy = torch.tensor([[9.0, 9, 15, 15], [20, 20, 60, 60]])
    found = assign_softly(decode(raw, *grid), raw[:, :6], grid, xyxy, torch.tensor([0, 2]))
    assert set(found.box.tolist()) == {0, 1}
    assert len(set(found.cell.tolist())) == len(found.cell)


def test_ignored_region_gives_no_gradient_and_background_does() -> None:
    raw = torch.zeros(1, 64 + 16 + 4 + 1, 6 + 4 * BINS).requires_grad_()
    nanodet_loss(raw, [boxes(([0, 0, 31, 64], IGNORE, 1.0))], (64, 64)).total.backward()
    assert raw.grad is not None
    pull = raw.grad[0, :64, 0].reshape(8, 8)
    assert (pull[1:, 1:4] == 0).all()
    assert (pull[:, 5:] > 0).all()


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_soft_label_weighs_less_than_a_sure_one(weight: float) -> None:
    raw = torch.zeros(1, 85, 6 + 4 * BINS)
    raw[..., :6] = -4
    raw.requires_grad_()
    sure, soft = ([7.0, 7, 25, 25], 2, 1.0), ([39.0, 39, 57, 57], 2, weight)  # alike in their grids
    nanodet_loss(raw, [boxes(sure, soft)], (64, 64)).total.backward()
    assert raw.grad is not None
    pull = raw.grad[0, :64, 2].reshape(8, 8)
    assert float(pull[4:, 4:].min() / pull[:4, :4].min()) == pytest.approx(weight, rel=1e-3)


def test_losses_are_least_when_the_prediction_is_right() -> None:
    quality = torch.tensor([0.7])
    assert quality_focal(quality.logit(), quality) == pytest.approx(0, abs=1e-6)
    assert quality_focal(quality.logit(), torch.tensor([0.2])) > 0.1
    sides = torch.full((1, 4, BINS), -50.0)
    sides[0, :, 2:4] = 0.0  # half two, half three strides
    right, wrong = (distribution_focal(sides.flatten(1), torch.full((1, 4), reach)) for reach in (2.5, 3.5))
    assert right == pytest.approx(float(np.log(2)), abs=1e-4) and wrong > right
    box = torch.tensor([[0.0, 0, 10, 10]])
    table = (([0.0, 0, 10, 10], 1.0), ([0.0, 0, 10, 5], 0.5), ([10.0, 0, 20, 10], 0.0), ([30.0, 0, 40, 10], -0.5))
    for other, giou in table:
        assert paired_giou(box, torch.tensor([other])) == pytest.approx(giou, abs=1e-4)


@pytest.mark.parametrize(("size", "stride"), [(5, 1), (3, 2), (5, 2), (3, 1)])
def test_quick_gradients_equal_those_of_autograd(size: int, stride: int) -> None:
    torch.manual_seed(0)
    plain = torch.nn.Conv2d(8, 8, size, stride, size // 2, groups=8)
    quick = torch.nn.Conv2d(8, 8, size, stride, size // 2, groups=8)
    quick.load_state_dict(plain.state_dict())
    hasten(quick)
    x = torch.randn(2, 8, 13, 10)
    inputs, gradients = [x.clone().requires_grad_() for _ in range(2)], []
    for network, one in zip((plain, quick), inputs, strict=True):
        with torch.autocast("cpu", torch.bfloat16):
            made = network(one)
        made.float().square().sum().backward()
        gradients.append([made.detach(), one.grad, *(p.grad for p in network.parameters())])
    for expected, got in zip(*gradients, strict=True):
        assert float((got.float() - expected.float()).norm() / expected.float().norm()) < 0.01
