"""The first convolution on the bytes of a picture is the one of the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from openvino import opset13 as ops

from models.engines.layers import f32, pictures_input
from models.engines.stem import FOCUS_PAD, focus_as_one, on_pairs, without_focus

PUBLISHED = Path(__file__).resolve().parents[4] / "../shared/weights/yolox_nano.onnx"
EXACT = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (1, 32, 64, 3), np.uint8)
PLANES = PICTURE.transpose(0, 3, 1, 2).astype(np.float32)
CORNERS = [(0, 0), (1, 0), (0, 1), (1, 1)]  # row, column of the four pictures that Focus makes


def answer(model: ov.Model, picture: np.ndarray) -> np.ndarray:
    found: np.ndarray = ov.Core().compile_model(model, "CPU", EXACT)([picture])[0]
    return found


def with_focus(corners: list[tuple[int, int]], weight: np.ndarray) -> ov.Model:
    """A network as published ones begin: f32 (1, 3, 32, 64), four slices of every second pixel, a 3x3 convolution."""
    planes = ops.parameter([1, 3, 32, 64], ov.Type.f32)
    parts = [ops.slice(planes, [row, column], [32, 64], [2, 2], [2, 3]) for row, column in corners]
    x = ops.convolution(ops.concat(parts, 1), f32(weight), [1, 1], [1, 1], [1, 1], [1, 1])
    return ov.Model([ops.result(x)], [planes], "focused")


@pytest.mark.parametrize(("size", "pad"), [(2, 0), (3, 1), (5, 2), (6, 2), (7, 3)])
def test_convolution_is_the_usual_one_when_it_steps_over_pairs(size: int, pad: int) -> None:
    weight = RNG.standard_normal((4, 3, size, size)).astype(np.float32)
    pictures, _ = pictures_input()
    model = ov.Model([ops.result(on_pairs(pictures.output(0), weight, pad))], [pictures])
    model.reshape([1, 32, 64, 3])
    wanted = torch.conv2d(torch.from_numpy(PLANES), torch.from_numpy(weight), stride=2, padding=pad).numpy()
    np.testing.assert_allclose(answer(model, PICTURE), wanted, rtol=1e-4, atol=0.01)


def test_focus_is_left_out_when_a_network_begins_with_it() -> None:
    weight = RNG.standard_normal((4, 12, 3, 3)).astype(np.float32)
    wanted = answer(with_focus(CORNERS, weight), PLANES)
    direct = without_focus(with_focus(CORNERS, weight))
    assert direct is not None
    assert not {op.get_type_name() for op in direct.get_ops()} & {"Slice", "Concat"}
    np.testing.assert_allclose(answer(direct, PICTURE), wanted, rtol=1e-4, atol=0.01)
    assert focus_as_one(weight).shape == (4, 3, 6, 6) and FOCUS_PAD == 2


def test_network_stays_as_it_is_when_it_begins_otherwise() -> None:
    weight = RNG.standard_normal((4, 12, 3, 3)).astype(np.float32)
    assert without_focus(with_focus([CORNERS[k] for k in (0, 2, 1, 3)], weight)) is None
    planes = ops.parameter([1, 3, 32, 64], ov.Type.f32)
    plain = ops.convolution(planes, f32(weight[:, :3]), [1, 1], [1, 1], [1, 1], [1, 1])
    assert without_focus(ov.Model([ops.result(plain)], [planes], "plain")) is None


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published checkpoint is not here")
def test_published_network_gives_the_same_when_focus_is_left_out() -> None:
    picture = RNG.integers(0, 256, (1, 416, 416, 3), np.uint8)
    wanted = answer(ov.Core().read_model(PUBLISHED), picture.transpose(0, 3, 1, 2).astype(np.float32))
    direct = without_focus(ov.Core().read_model(PUBLISHED))
    assert direct is not None
    direct.reshape([1, 416, 416, 3])
    np.testing.assert_allclose(answer(direct, picture), wanted, rtol=1e-3, atol=1e-3)
