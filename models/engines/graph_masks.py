"""The mask network as two OpenVINO graphs, built from its tensors: models/masks.py in OpenVINO's operations.

The trunk runs once a picture; the branch runs on what RoIAlign cuts from its map, as many boxes at a time as there are.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.engines.graph_nanodet import pyramid
from models.engines.layers import Layers, Node, channels_last, convolve, f32, pictures_input
from models.files.mask_weights import MaskWeights

POOLED, STRIDE, SAMPLES = 14, 8, 2  # as in models/masks.py, which needs torch


def build_trunk(weights: MaskWeights) -> ov.Model:
    """u8 (1, H, W, 3) BGR -> f32 (1, width, H/8, W/8). H and W stay open; reshape the model before compiling it."""
    pictures, x = pictures_input()
    tensors = {name.removeprefix("features."): value for name, value in weights.tensors.items()}
    finest = pyramid(weights.arch.trunk, tensors, x)[0]  # what else the pyramid makes is not computed
    reduced = convolve(finest, tensors["branch.reduce.weight"], 1)
    return ov.Model([ops.result(reduced)], [pictures], "mask trunk")


def build_branch(weights: MaskWeights) -> ov.Model:
    """f32 (1, width, h, w) and boxes xyxy f32 (N, 4) in pixels of the picture -> probabilities f32 (N, 1, 28, 28)."""
    width, net = weights.arch.width, Layers(weights.tensors, "hswish")
    finest = ops.parameter(ov.PartialShape([1, width, -1, -1]), ov.Type.f32, name="finest")
    xyxy = ops.parameter(ov.PartialShape([-1, 4]), ov.Type.f32, name="xyxy")
    count = ops.gather(ops.shape_of(xyxy), np.array([0]), np.array(0))
    of_picture = ops.broadcast(ops.constant(np.zeros(1, np.int32)), count)
    how = {"mode": "avg", "aligned_mode": "asymmetric"}
    level = channels_last(finest)
    pooled = ops.roi_align(level, xyxy, of_picture, POOLED, POOLED, SAMPLES, 1 / STRIDE, **how).output(0)
    x = net.activated(net.biased("branch.reduce", pooled))
    for k in range(weights.arch.convolutions):
        x = net.active(f"branch.convs.{k}", x)
    x = net.activated(net.biased("branch.doubled", _doubled(x, weights.tensors["branch.doubled.weight"])))
    probabilities = ops.sigmoid(net.linear("branch.logits", x))
    return ov.Model([ops.result(probabilities)], [finest, xyxy], "mask branch")


def _doubled(x: Node, weight: np.ndarray) -> Node:
    """A transposed convolution of size and stride 2: weight (inside, out, 2, 2)."""
    none = [0, 0]
    return ops.convolution_backprop_data(
        x, f32(weight), strides=[2, 2], pads_begin=none, pads_end=none, dilations=[1, 1]
    ).output(0)
