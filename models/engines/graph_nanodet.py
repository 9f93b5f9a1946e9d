"""NanoDet-Plus as an OpenVINO graph, built from its tensors: models/nanodet.py in OpenVINO's operations.

A test holds the two equal: a channel shuffle written as Gather gave wrong numbers in OpenVINO 2026.4 without an error.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.arch import NanoDetArch
from models.engines.layers import Layers, Node, double, f32, join, pictures_input, rows, split

MEAN = (103.53, 116.28, 123.675)  # as in models/nanodet.py, which needs torch
BINS, UNITS, LEVELS = 8, (4, 8, 4), 4


def build(arch: NanoDetArch, tensors: Mapping[str, np.ndarray]) -> ov.Model:
    """u8 (1, H, W, 3) BGR -> f32 (1, A, classes + 32), classes as probabilities, sides undecoded.

    H and W stay open; reshape the model before compiling it. tensors: the state dict of models.nanodet.NanoDet.
    """
    pictures, x = pictures_input()
    found = towers(arch, tensors, pyramid(arch, tensors, x), "head")
    return ov.Model([ops.result(rows(found, arch.classes + 4 * BINS))], [pictures], "nanodet")


def pyramid(arch: NanoDetArch, tensors: Mapping[str, np.ndarray], x: Node) -> list[Node]:
    """The maps of strides 8, 16, 32 and 64, of f32 (1, 3, H, W). tensors: as models.features.Features names them."""
    net = _Net(Layers(tensors, arch.activation), arch.classes)
    return net.pyramid(*net.backbone(ops.subtract(x, f32(np.reshape(MEAN, (1, 3, 1, 1)))).output(0)))


def towers(arch: NanoDetArch, tensors: Mapping[str, np.ndarray], levels: list[Node], head: str) -> list[Node]:
    """The head over each level: f32 (1, classes + 32, h, w), classes as probabilities. head: what its tensors' names
    begin with."""
    net = _Net(Layers(tensors, arch.activation), arch.classes)
    return [net.tower(f"{head}.{k}", level) for k, level in enumerate(levels)]


class _Net:
    """The blocks of the network, see models/nanodet.py; each takes the prefix of its tensors' names."""

    def __init__(self, layers: Layers, classes: int) -> None:
        self._layers, self._classes = layers, classes

    def backbone(self, x: Node) -> list[Node]:
        x = self._layers.active("backbone.stem", x, 2)
        x = ops.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
        levels = []
        for stage, units in enumerate(UNITS):
            x = self._shrink(f"backbone.stages.{stage}.0", x)
            for unit in range(1, units):
                x = self._shuffle_unit(f"backbone.stages.{stage}.{unit}", x)
            levels.append(x)
        return levels

    def pyramid(self, c3: Node, c4: Node, c5: Node) -> list[Node]:
        layer, name = self._layers, "pyramid"
        side5 = layer.active(f"{name}.reduce.2", c5)
        side4 = self._ghost_block(f"{name}.down4", join(_double(side5), layer.active(f"{name}.reduce.1", c4)))
        p3 = self._ghost_block(f"{name}.down3", join(_double(side4), layer.active(f"{name}.reduce.0", c3)))
        p4 = self._ghost_block(f"{name}.up4", join(layer.separable(f"{name}.shrink3", p3, 2), side4))
        p5 = self._ghost_block(f"{name}.up5", join(layer.separable(f"{name}.shrink4", p4, 2), side5))
        extra = (layer.separable(f"{name}.extra_in", side5, 2), layer.separable(f"{name}.extra_out", p5, 2))
        return [p3, p4, p5, ops.add(*extra).output(0)]

    def tower(self, name: str, x: Node) -> Node:
        for k in range(2):
            x = self._layers.separable(f"{name}.convs.{k}", x)
        kinds, sides = split(self._layers.linear(f"{name}.pred", x), 1, self._classes, 4 * BINS)
        return join(ops.sigmoid(kinds).output(0), sides)

    def _shrink(self, name: str, x: Node) -> Node:
        layer = self._layers
        side = layer.active(f"{name}.side_last", layer.linear(f"{name}.side_depth", x, 2))
        through = layer.linear(f"{name}.depth", layer.active(f"{name}.first", x), 2)
        return _interleave(side, layer.active(f"{name}.last", through))

    def _shuffle_unit(self, name: str, x: Node) -> Node:
        layer, half = self._layers, x.partial_shape[1].get_length() // 2
        around, through = split(x, 1, half, half)
        through = layer.linear(f"{name}.depth", layer.active(f"{name}.first", through))
        return _interleave(around, layer.active(f"{name}.last", through))

    def _ghost_block(self, name: str, x: Node) -> Node:
        layer = self._layers
        y = layer.active(f"{name}.first.main", x)
        y = join(y, layer.active(f"{name}.first.cheap", y))
        y = layer.linear(f"{name}.last.main", y)
        y = join(y, layer.linear(f"{name}.last.cheap", y))
        side = layer.linear(f"{name}.side_last", layer.linear(f"{name}.side_depth", x))
        return ops.add(y, side).output(0)


def _interleave(a: Node, b: Node) -> Node:
    """A channel of each in turn: side by side on an axis of their own, then flattened. Reshape, transpose, reshape of
    the joined channels says the same and took 11 % more time for the whole network."""
    pairs = ops.concat([ops.unsqueeze(part, np.array([2])) for part in (a, b)], 2)  # (1, c, 2, h, w)
    return ops.reshape(pairs, ops.multiply(ops.shape_of(a), np.array([1, 2, 1, 1])), False).output(0)


def _double(x: Node) -> Node:
    return double(x, "linear_onnx", "half_pixel")
