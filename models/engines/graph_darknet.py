"""A Darknet network as an OpenVINO graph; see models/darknet.py for its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.darknet import Numbers, Section, anchors_of, read_cfg
from models.engines.layers import Node, double, f32, join
from stream.errors import ModelError

ACTIVATIONS: dict[str, Callable[[Node], ov.Node]] = {
    "leaky": lambda x: ops.prelu(x, np.array([0.1], np.float32)),
    "mish": ops.mish,
    "swish": ops.swish,
    "relu": ops.relu,
    "logistic": ops.sigmoid,
}


def build(cfg: Path, input_hw: tuple[int, int]) -> ov.Model:
    """f32 (1, 3, H, W) RGB 0..1 -> f32 (1, N, 4 + classes): centre, width and height in pixels, probabilities.

    The numbers come from the .weights of the same name beside the .cfg. H and W are multiples of 32.
    Raises ModelError where the files are damaged or do not belong together.
    """
    sections, numbers = read_cfg(cfg), Numbers(cfg.with_suffix(".weights"))
    picture = ops.parameter([1, 3, *input_hw], ov.Type.f32, name="picture")
    net = _Net(numbers, picture.output(0), input_hw)
    for k, section in enumerate(sections):
        try:
            net.add(section)
        except (IndexError, KeyError, ValueError, RuntimeError) as error:
            raise ModelError(str(cfg), f"layer {k}, [{section.kind}]: {error}", "is the file whole?") from error
    numbers.end()
    output = ops.result(ops.concat(net.found, 1))
    return ov.Model([output], [picture], cfg.stem)


class _Net:
    """Layers so far, and what the [yolo] layers found."""

    def __init__(self, numbers: Numbers, picture: Node, input_hw: tuple[int, int]) -> None:
        self._numbers, self._input_hw = numbers, input_hw
        self._layers: list[Node] = []
        self._last = picture
        self.found: list[Node] = []

    def add(self, section: Section) -> None:
        made: Node = getattr(self, f"_{section.kind}")(section)
        self._layers.append(made)
        self._last = made

    def _convolutional(self, section: Section) -> Node:
        x, stride, size = self._last, section.whole("stride", 1), section.whole("size", 1)
        if section.whole("groups", 1) != 1:
            raise ValueError("groups: expected 1")
        kernel, bias = self._numbers.convolution(section, x.shape[1])
        pad = [size // 2 if section.whole("pad") else section.whole("padding")] * 2
        x = ops.convolution(x, f32(kernel), [stride, stride], pad, pad, [1, 1]).output(0)
        x = ops.add(x, f32(bias.reshape(1, -1, 1, 1))).output(0)
        activation = section.values.get("activation", "logistic")
        return x if activation == "linear" else ACTIVATIONS[activation](x).output(0)

    def _maxpool(self, section: Section) -> Node:
        stride = section.whole("stride", 1)
        size = section.whole("size", stride)
        before = section.whole("padding", size - 1) // 2
        after = section.whole("padding", size - 1) - before
        pooled = ops.max_pool(self._last, [stride] * 2, [1, 1], [before] * 2, [after] * 2, [size] * 2)
        return pooled.output(0)

    def _route(self, section: Section) -> Node:
        parts = [self._layer(int(number)) for number in section.numbers("layers")]
        x = parts[0] if len(parts) == 1 else join(*parts)
        groups = section.whole("groups", 1)
        return x if groups == 1 else ops.split(x, 1, groups).output(section.whole("group_id"))

    def _upsample(self, section: Section) -> Node:
        if section.whole("stride", 2) != 2:
            raise ValueError("stride: expected 2")
        return double(self._last, "nearest", "asymmetric")

    def _shortcut(self, section: Section) -> Node:
        x = ops.add(self._last, self._layer(section.whole("from"))).output(0)
        activation = section.values.get("activation", "linear")
        return x if activation == "linear" else ACTIVATIONS[activation](x).output(0)

    def _layer(self, number: int) -> Node:
        """By its number, or from here back where it is negative."""
        at = number if number >= 0 else len(self._layers) + number
        if not 0 <= at < len(self._layers):
            raise IndexError(f"there is no layer {number} before it")
        return self._layers[at]

    def _yolo(self, section: Section) -> Node:
        """(1, anchors · (5 + C), h, w) -> (1, anchors · h · w, 4 + C); passes its input on."""
        x, anchors, classes = self._last, anchors_of(section), section.whole("classes", 20)
        _, channels, rows, columns = x.shape
        if channels != len(anchors) * (5 + classes):
            raise ValueError(f"expected {len(anchors) * (5 + classes)} channels before it, got {channels}")
        x = ops.reshape(x, np.array([1, len(anchors), 5 + classes, rows * columns]), False).output(0)
        offset, size, rest = (
            part.output(0) for part in (_part(x, 0, 2), _part(x, 2, 4), ops.sigmoid(_part(x, 4, 5 + classes)))
        )
        steps = np.array([self._input_hw[1] / columns, self._input_hw[0] / rows], np.float32).reshape(1, 1, 2, 1)
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), 0).reshape(1, 1, 2, -1)
        reach = float(section.values.get("scale_x_y", 1.0))
        place = ops.multiply(ops.sigmoid(offset), f32(np.array(reach))).output(0)
        centre = ops.multiply(ops.add(place, f32(grid - (reach - 1) / 2)), f32(steps)).output(0)
        extent = ops.multiply(ops.exp(size), f32(np.array(anchors).reshape(1, -1, 2, 1))).output(0)
        share = ops.multiply(_part(rest, 0, 1), _part(rest, 1, 1 + classes)).output(0)
        found = ops.transpose(ops.concat([centre, extent, share], 2), np.array([0, 1, 3, 2]))
        self.found.append(ops.reshape(found, np.array([1, -1, 4 + classes]), False).output(0))
        return self._last


def _part(x: Node, first: int, end: int) -> ov.Node:
    """Channels of (1, anchors, channels, cells)."""
    return ops.slice(x, np.array([first]), np.array([end]), np.array([1]), np.array([2]))
