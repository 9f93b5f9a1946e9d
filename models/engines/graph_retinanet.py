"""RetinaNet as an OpenVINO graph, built from its tensors: models/retinanet.py in OpenVINO's operations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.anchors import SHAPES
from models.arch import RetinaNetArch
from models.engines.graph_nanodet import pyramid
from models.engines.layers import Layers, Node, below, pictures_input, split


def build(arch: RetinaNetArch, tensors: Mapping[str, np.ndarray]) -> ov.Model:
    """u8 (1, H, W, 3) BGR -> f32 (1, A, classes + 4): probabilities, and deltas of every anchor.

    H and W stay open; reshape the model before compiling it. tensors: the state dict of models.retinanet.RetinaNet.
    """
    pictures, x = pictures_input()
    levels = pyramid(arch, below("features.", tensors), x)
    layers = Layers(tensors, arch.activation)
    kinds, deltas = split(anchor_rows(layers, levels, len(SHAPES), arch.classes + 4), 2, arch.classes, 4)
    return ov.Model([ops.result(ops.concat([ops.sigmoid(kinds), deltas], 2))], [pictures], "retinanet")


def anchor_rows(layers: Layers, levels: list[Node], shapes: int, outputs: int) -> Node:
    """The head over levels (1, C, h, w) -> f32 (1, A, outputs), see models.anchor_head.AnchorHead."""
    rows = [_rows(layers, f"head.towers.{k}", level, (shapes, outputs)) for k, level in enumerate(levels)]
    return ops.concat(rows, 1).output(0)


def _rows(layers: Layers, name: str, level: Node, shape: tuple[int, int]) -> Node:
    """A tower over a level (1, C, h, w) -> f32 (1, h x w x shapes, outputs); shape: shapes, outputs."""
    x = level
    for k in range(2):
        x = layers.separable(f"{name}.convs.{k}", x)
    x = layers.linear(f"{name}.pred", x)
    apart = ops.reshape(x, np.array([*shape, -1]), False)
    return ops.reshape(ops.transpose(apart, np.array([2, 0, 1])), np.array([1, -1, shape[1]]), False).output(0)
