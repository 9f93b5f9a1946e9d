"""RetinaNet as an OpenVINO graph, and the head over anchors that it shares with Faster R-CNN.

See models/retinanet.py and models/anchor_head.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.anchors import SHAPES
from models.arch import RetinaNetArch
from models.engines.graph_nanodet import pyramid
from models.engines.layers import Layers, Node, pictures_input


def build(arch: RetinaNetArch, tensors: Mapping[str, np.ndarray]) -> ov.Model:
    """u8 (1, H, W, 3) BGR -> f32 (1, A, classes + 4): probabilities, and deltas of every anchor.

    H and W stay open; reshape the model before compiling it. tensors: the state dict of models.retinanet.RetinaNet.
    """
    pictures, x = pictures_input()
    levels = pyramid(arch, below("features.", tensors), x)
    layers = Layers(tensors, arch.activation)
    rows = [anchor_rows(layers, f"head.towers.{k}", level, arch.classes) for k, level in enumerate(levels)]
    kinds, deltas = split(ops.concat(rows, 1).output(0), 2, arch.classes, 4)
    return ov.Model([ops.result(ops.concat([ops.sigmoid(kinds), deltas], 2))], [pictures], "retinanet")


def anchor_rows(layers: Layers, name: str, level: Node, kinds: int) -> Node:
    """A tower of models.anchor_head: level (1, C, h, w) -> f32 (1, h x w x shapes, kinds + 4)."""
    x = level
    for k in range(2):
        x = layers.separable(f"{name}.convs.{k}", x)
    x = layers.linear(f"{name}.pred", x)
    apart = ops.reshape(x, np.array([len(SHAPES), kinds + 4, -1]), False)
    return ops.reshape(ops.transpose(apart, np.array([2, 0, 1])), np.array([1, -1, kinds + 4]), False).output(0)


def split(x: Node, axis: int, *lengths: int) -> list[Node]:
    parts = ops.variadic_split(x, axis, np.array(lengths))
    return [parts.output(k) for k in range(len(lengths))]


def below(prefix: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of a part, by their names inside it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
