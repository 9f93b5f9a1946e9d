"""SSD as an OpenVINO graph, built from its tensors: models/ssd.py in OpenVINO's operations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.anchors import DEFAULT_BOXES
from models.arch import SsdArch
from models.engines.graph_nanodet import pyramid
from models.engines.graph_retinanet import anchor_rows
from models.engines.layers import Layers, below, pictures_input, split


def build(arch: SsdArch, tensors: Mapping[str, np.ndarray]) -> ov.Model:
    """u8 (1, H, W, 3) BGR -> f32 (1, A, classes + 4): probabilities, and deltas of every default box.

    H and W stay open; reshape the model before compiling it. tensors: the state dict of models.ssd.Ssd.
    """
    pictures, x = pictures_input()
    levels = pyramid(arch, below("features.", tensors), x)
    rows = anchor_rows(Layers(tensors, arch.activation), levels, len(DEFAULT_BOXES), 1 + arch.classes + 4)
    kinds, deltas = split(rows, 2, 1 + arch.classes, 4)
    _, sure = split(ops.softmax(kinds, 2).output(0), 2, 1, arch.classes)
    return ov.Model([ops.result(ops.concat([sure, deltas], 2))], [pictures], "ssd")
