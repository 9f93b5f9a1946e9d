"""YOLOX as an OpenVINO graph, built from its tensors: the network of models/yolox.py in OpenVINO's operations.

Tracing the torch module gives the same graph but costs an import of torch and a trace, 5 to 30 s at the first start on
two busy cores; this takes a fraction of a second. A test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.arch import Arch
from models.engines.layers import Layers, Node, double, join, pictures_input, rows
from models.engines.stem import FOCUS_PAD, focus_as_one, on_pairs


def build(arch: Arch, tensors: Mapping[str, np.ndarray]) -> ov.Model:
    """u8 (1, H, W, 3) BGR -> f32 (1, A, 5 + classes), boxes undecoded, objectness and classes as probabilities.

    H and W stay open; reshape the model before compiling it. tensors: the state dict of models.yolox.YOLOX.
    """
    pictures, _ = pictures_input()
    net = _Net(arch, tensors)
    output = net.head(net.pyramid(*net.backbone(pictures.output(0))))
    return ov.Model([ops.result(output)], [pictures], "yolox")


class _Net:
    """The blocks of the network; each takes the prefix of its tensors' names. See models/yolox.py for what they are."""

    def __init__(self, arch: Arch, tensors: Mapping[str, np.ndarray]) -> None:
        self._arch, self._tensors = arch, tensors
        self._layers = Layers(tensors, arch.activation)
        self._act, self._repeats = self._layers.active, max(round(arch.depth * 3), 1)

    def backbone(self, pictures: Node) -> tuple[Node, Node, Node]:
        name = "backbone.backbone"
        x = self._stem(f"{name}.stem", pictures)
        c2 = self._stage(f"{name}.dark2.1", self._conv(f"{name}.dark2.0", x, 2), self._repeats, True)
        c3 = self._stage(f"{name}.dark3.1", self._conv(f"{name}.dark3.0", c2, 2), 3 * self._repeats, True)
        c4 = self._stage(f"{name}.dark4.1", self._conv(f"{name}.dark4.0", c3, 2), 3 * self._repeats, True)
        pooled = self._pool(f"{name}.dark5.1", self._conv(f"{name}.dark5.0", c4, 2))
        return c3, c4, self._stage(f"{name}.dark5.2", pooled, self._repeats, False)

    def pyramid(self, c3: Node, c4: Node, c5: Node) -> tuple[Node, Node, Node]:
        side5 = self._act("backbone.lateral_conv0", c5)
        up4 = self._stage("backbone.C3_p4", join(_double(side5), c4), self._repeats, False)
        side4 = self._act("backbone.reduce_conv1", up4)
        p3 = self._stage("backbone.C3_p3", join(_double(side4), c3), self._repeats, False)
        down3 = self._conv("backbone.bu_conv2", p3, 2)
        p4 = self._stage("backbone.C3_n3", join(down3, side4), self._repeats, False)
        down4 = self._conv("backbone.bu_conv1", p4, 2)
        return p3, p4, self._stage("backbone.C3_n4", join(down4, side5), self._repeats, False)

    def head(self, levels: tuple[Node, Node, Node]) -> Node:
        outputs = []
        for k, level in enumerate(levels):
            x = self._act(f"head.stems.{k}", level)
            kind, box = x, x
            for step in range(2):
                kind = self._conv(f"head.cls_convs.{k}.{step}", kind)
                box = self._conv(f"head.reg_convs.{k}.{step}", box)
            parts = (
                self._layers.linear(f"head.reg_preds.{k}", box),
                ops.sigmoid(self._layers.linear(f"head.obj_preds.{k}", box)).output(0),
                ops.sigmoid(self._layers.linear(f"head.cls_preds.{k}", kind)).output(0),
            )
            outputs.append(join(*parts))
        return rows(outputs, 5 + self._arch.classes)

    def _stage(self, name: str, x: Node, repeats: int, residual: bool) -> Node:
        through, around = self._act(f"{name}.conv1", x), self._act(f"{name}.conv2", x)
        for k in range(repeats):
            y = self._conv(f"{name}.m.{k}.conv2", self._act(f"{name}.m.{k}.conv1", through))
            through = ops.add(y, through).output(0) if residual else y
        return self._act(f"{name}.conv3", join(through, around))

    def _pool(self, name: str, x: Node) -> Node:
        x = self._act(f"{name}.conv1", x)
        pools = [ops.max_pool(x, [1, 1], [1, 1], [k // 2] * 2, [k // 2] * 2, [k, k]).output(0) for k in (5, 9, 13)]
        return self._act(f"{name}.conv2", join(x, *pools))

    def _stem(self, name: str, pictures: Node) -> Node:
        name += ".conv.conv" if self._arch.stem == "focus" else ".conv"
        weight = self._tensors[f"{name}.weight"]
        if self._arch.stem == "focus":
            x = on_pairs(pictures, focus_as_one(weight), FOCUS_PAD)
        else:
            x = on_pairs(pictures, weight, weight.shape[2] // 2)
        return self._layers.activated(self._layers.biased(name, x))

    def _conv(self, name: str, x: Node, stride: int = 1) -> Node:
        return (self._layers.separable if self._arch.depthwise else self._act)(name, x, stride)


def _double(x: Node) -> Node:
    return double(x, "nearest", "asymmetric")
