"""Layers of the networks in OpenVINO's operations, by the names of their tensors; see models/layers.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import openvino as ov
from openvino import opset13 as ops

Node: TypeAlias = ov.Output

ACTIVATIONS: dict[str, Callable[[Node], ov.Node]] = {
    "silu": ops.swish,
    "hswish": ops.hswish,
    "leaky": lambda x: ops.prelu(x, np.array([0.1], np.float32)),
}
"""By the name in Arch.activation."""


class Layers:
    """The convolutions of one network. tensors: the state dict of the torch module, f32."""

    def __init__(self, tensors: Mapping[str, np.ndarray], activation: str) -> None:
        self._tensors, self._activate = tensors, ACTIVATIONS[activation]

    def active(self, name: str, x: Node, stride: int = 1) -> Node:
        """A ConvAct."""
        return self.activated(self.linear(f"{name}.conv", x, stride))

    def separable(self, name: str, x: Node, stride: int = 1) -> Node:
        """A DepthwiseConvAct."""
        return self.active(f"{name}.pconv", self.active(f"{name}.dconv", x, stride))

    def linear(self, name: str, x: Node, stride: int = 1) -> Node:
        """A convolution without activation; of each channel alone where the weights say so."""
        return self.biased(name, convolve(x, self._tensors[f"{name}.weight"], stride))

    def activated(self, x: Node) -> Node:
        return self._activate(x).output(0)

    def biased(self, name: str, x: Node) -> Node:
        return ops.add(x, f32(self._tensors[f"{name}.bias"].reshape(1, -1, 1, 1))).output(0)


def convolve(x: Node, weight: np.ndarray, stride: int) -> Node:
    """weight (out, inside, k, k), padded by k // 2 on all sides, or (channels, 1, k, k): each channel alone."""
    pad, strides = [weight.shape[2] // 2] * 2, [stride, stride]
    if weight.shape[1] == 1:
        return ops.group_convolution(x, f32(weight[:, None]), strides, pad, pad, [1, 1]).output(0)
    return ops.convolution(x, f32(weight), strides, pad, pad, [1, 1]).output(0)


def pictures_input() -> tuple[ov.Node, Node]:
    """The input u8 (1, H, W, 3) of any size, and its f32 (1, 3, H, W)."""
    pictures = ops.parameter(ov.PartialShape([1, -1, -1, 3]), ov.Type.u8, name="pictures")
    return pictures, ops.transpose(ops.convert(pictures, "f32"), np.array([0, 3, 1, 2])).output(0)


def rows(levels: list[Node], outputs: int) -> Node:
    """Levels (1, outputs, h, w), finest first -> (1, A, outputs)."""
    flat = [ops.reshape(level, np.array([1, outputs, -1]), False).output(0) for level in levels]
    return ops.transpose(ops.concat(flat, 2), np.array([0, 2, 1])).output(0)


def channels_last(level: ov.Node | Node) -> ov.Node:
    """A convolution of each channel with 1, after which the plugin holds the level channels last: RoIAlign then takes
    a vector of channels at once, which measured 40 times faster than the plane by plane that it chooses itself."""
    channels = ops.result(level).get_input_partial_shape(0)[1].get_length()
    return ops.group_convolution(level, np.ones((channels, 1, 1, 1, 1), np.float32), [1, 1], [0, 0], [0, 0], [1, 1])


def f32(values: np.ndarray) -> ov.Node:
    return ops.constant(np.ascontiguousarray(values, np.float32))


def join(*parts: Node) -> Node:
    return ops.concat(list(parts), 1).output(0)


def double(x: Node, mode: str, coordinates: str) -> Node:
    """Twice the height and width. mode, coordinates: see OpenVINO's Interpolate."""
    how = {"coordinate_transformation_mode": coordinates, "nearest_mode": "floor", "axes": np.array([2, 3])}
    return ops.interpolate(x, np.full(2, 2.0, np.float32), mode, "scales", **how).output(0)


def split(x: Node, axis: int, *lengths: int) -> list[Node]:
    """Parts of these lengths, one behind the other."""
    parts = ops.variadic_split(x, axis, np.array(lengths))
    return [parts.output(k) for k in range(len(lengths))]


def below(prefix: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of a part of a network, by their names inside it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
