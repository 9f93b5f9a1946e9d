"""The first convolution of a network, straight on the bytes of a picture.

OpenVINO brings u8 (1, H, W, 3) to planes for it, makes numbers of them, and turns them round again. A convolution of
stride 2 steps from one pair of columns to the next, and a pair taken as one place of six channels costs nothing: it
lies so in memory. At 416x256 that saves 0.3 ms of a pass of 5. The Focus of a published YOLOX, eight slices and a
concatenation before a convolution, is the same as one convolution of twice the size; that saves 1.5 ms more.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.engines.layers import Node, f32, pictures_input

FOCUS_PAD = 2  # of the convolution that stands for Focus and its 3x3 convolution


def on_pairs(pictures: Node, weight: np.ndarray, pad: int) -> Node:
    """A convolution of stride 2: u8 (1, H, W, 3), W even -> f32 (1, out, H/2, W/2). weight (out, 3, k, k)."""
    out, colours, size, _ = weight.shape
    early = pad % 2  # a pair begins so many columns before the convolution does
    width = -(-(size + early) // 2)
    whole = np.zeros((out, colours, size, 2 * width), np.float32)
    whole[..., early : early + size] = weight
    pairs = whole.reshape(out, colours, size, width, 2).transpose(0, 4, 1, 2, 3).reshape(out, 2 * colours, size, width)
    left = (pad + early) // 2
    x = ops.reshape(ops.convert(pictures, "f32"), np.array([0, 0, -1, 2 * colours]), True)
    x = ops.transpose(x, np.array([0, 3, 1, 2]))
    return ops.convolution(x, f32(pairs), [2, 1], [pad, left], [pad, width - 1 - left], [1, 1]).output(0)


def focus_as_one(weight: np.ndarray) -> np.ndarray:
    """The 3x3 convolution (out, 12, 3, 3) behind Focus as a 6x6 one (out, 3, 6, 6) of stride 2, which sees the same."""
    out = len(weight)
    blocks = weight.reshape(out, 2, 2, 3, 3, 3)  # out, column parity, row parity, colour, y, x
    return blocks.transpose(0, 3, 4, 2, 5, 1).reshape(out, 3, 6, 6)


def without_focus(model: ov.Model) -> ov.Model | None:
    """A published network f32 (1, 3, H, W) that begins with Focus, with the pictures u8 (1, H, W, 3) as its input.
    None where it begins otherwise."""
    first = next(op for op in model.get_ordered_ops() if op.get_type_name() == "Convolution")
    weight = first.input_value(1).get_node()
    if weight.get_type_name() != "Constant" or weight.shape[1:] != [12, 3, 3] or not _is_focus(model, first):
        return None
    pictures, _ = pictures_input()
    first.output(0).replace(on_pairs(pictures.output(0), focus_as_one(weight.get_data()), FOCUS_PAD))
    return ov.Model(model.get_results(), [pictures], model.get_friendly_name())


def _is_focus(model: ov.Model, first: ov.Node) -> bool:
    """Whether a picture reaches the convolution as Focus would bring it: tried out."""
    attributes = first.get_attributes()
    if attributes["strides"] != [1, 1] or attributes["pads_begin"] != [1, 1] or attributes["pads_end"] != [1, 1]:
        return False
    shape = list(model.input(0).shape)
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    rows = [(column, row) for column in (0, 1) for row in (0, 1)]
    expected = np.concatenate([picture[:, :, row::2, column::2] for column, row in rows], 1)
    brought = ov.Tensor(ov.Type.f32, first.input_value(0).get_shape())
    ahead = ov.Model([ops.result(first.input_value(0))], model.get_parameters(), "ahead")
    if list(brought.shape) != list(expected.shape) or not ahead.evaluate([brought], [ov.Tensor(picture)]):
        return False
    return np.array_equal(brought.data, expected)
