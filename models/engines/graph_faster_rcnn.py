"""Faster R-CNN (models/faster_rcnn.py) as two OpenVINO graphs: once a picture, and once a proposal.

They are two because OpenVINO computes in bf16 all that stands in front of a convolution or matrix, and bf16 knows a
place beyond 256 px only to 2 px. The boxes stand behind the last convolution of the first graph and go into the second
from outside, so they stay f32.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.anchors import LARGEST, STRIDES
from models.arch import FasterRcnnArch
from models.engines.graph_nanodet import BINS, pyramid, towers
from models.engines.layers import Node, below, f32, pictures_input, split
from models.proposals import BEST, LEAST, LEVELS, OVERLAP, SIDE

APART = 1e4  # px between the levels in the suppression, which is done within each
WEIGHTS = np.array([10, 10, 5, 5], np.float32)  # of the second stage's deltas, as in torchvision


def build(arch: FasterRcnnArch, tensors: Mapping[str, np.ndarray]) -> ov.Model:
    """u8 (1, H, W, 3) BGR -> proposals xyxy f32 (N, 4), best first; their probabilities f32 (N, classes); and the
    levels that they may be looked up in.

    H and W stay open; reshape the model before compiling it. tensors: the state dict of models.faster_rcnn.FasterRcnn.
    """
    pictures, x = pictures_input()
    levels = pyramid(arch, below("rcnn.backbone.", tensors), x)
    size = ops.convert(ops.gather(ops.shape_of(x), np.array([3, 2, 3, 2]), np.array(0)), "f32").output(0)  # W, H, W, H
    found = []
    for k, cells in enumerate(towers(arch, tensors, levels, "rcnn.rpn.head.towers")):
        kinds, sides = split(cells, 1, arch.classes, 4 * BINS)
        kinds = ops.transpose(ops.reshape(kinds, np.array([arch.classes, -1]), False), np.array([1, 0])).output(0)
        best = _best(kinds, _boxes(sides, STRIDES[k], size), max(BEST, arch.proposals))
        found.append((*best, ops.add(best[2], f32(np.full(1, k * APART))).output(0)))
    score, sure, xyxy, apart = (ops.concat(list(parts), 0).output(0) for parts in zip(*found, strict=True))
    limits = (np.array(arch.proposals, np.int64), np.array(OVERLAP, np.float32), np.array(LEAST, np.float32))
    one = np.array([0])
    kept = ops.non_max_suppression(ops.unsqueeze(apart, one), ops.unsqueeze(score, np.array([0, 1])), *limits).output(0)
    rows = ops.gather(kept, np.array(2), np.array(1))
    outputs = [ops.gather(xyxy, rows, np.array(0)), ops.gather(sure, rows, np.array(0)), *levels[:LEVELS]]
    return ov.Model([ops.result(output) for output in outputs], [pictures], "proposals")


def build_second(arch: FasterRcnnArch, tensors: Mapping[str, np.ndarray]) -> ov.Model:
    """The levels f32 (1, C, h, w), where each is read f32 (1, N x 7, 7, 2), see models.proposals.points, and all
    proposals xyxy f32 (N, 4), level by level -> f32 (N, classes + 4): probabilities without the background, and the box
    xyxy of the best class.

    RoIAlign with one sample a cell is a GridSample: with it a picture of 100 proposals took 19 ms instead of 31.
    """
    levels = [ops.parameter(ov.PartialShape([1, arch.pyramid, -1, -1]), ov.Type.f32) for _ in range(LEVELS)]
    points = [ops.parameter(ov.PartialShape([1, -1, SIDE, 2]), ov.Type.f32) for _ in range(LEVELS)]
    xyxy = ops.parameter(ov.PartialShape([-1, 4]), ov.Type.f32)
    how = {"align_corners": True, "mode": "bilinear", "padding_mode": "border"}
    pooled = [ops.grid_sample(level, grid, how) for level, grid in zip(levels, points, strict=True)]
    x = ops.reshape(ops.concat(pooled, 2), np.array([arch.pyramid, -1, SIDE * SIDE]), False)
    x = ops.reshape(ops.transpose(x, np.array([1, 0, 2])), np.array([-1, arch.pyramid * SIDE * SIDE]), False).output(0)
    heads = "rcnn.roi_heads"
    for name in ("box_head.fc6", "box_head.fc7"):
        x = ops.relu(_dense(f"{heads}.{name}", x, tensors)).output(0)
    kinds = ops.softmax(_dense(f"{heads}.box_predictor.cls_score", x, tensors), 1).output(0)
    _, kinds = split(kinds, 1, 1, arch.classes)
    deltas = ops.reshape(
        _dense(f"{heads}.box_predictor.bbox_pred", x, tensors), np.array([-1, arch.classes + 1, 4]), False
    )
    best = ops.add(ops.topk(kinds, np.array(1), 1, "max", "none").output(1), np.array(1, np.int32))  # (N, 1)
    deltas = ops.squeeze(ops.gather(deltas, best, np.array(1), 1), np.array([1])).output(0)
    moved = _moved(xyxy.output(0), ops.divide(deltas, f32(WEIGHTS)).output(0))
    return ov.Model([ops.result(ops.concat([kinds, moved], 1))], [*levels, *points, xyxy], "judgement")


def _best(kinds: Node, xyxy: Node, count: int) -> tuple[Node, Node, Node]:
    """The `count` best cells of a level: scores (N,), probabilities (N, classes), boxes (N, 4)."""
    score = ops.reduce_max(kinds, np.array([1]))
    length = ops.gather(ops.shape_of(score), np.array(0), np.array(0))
    best = ops.topk(score, ops.minimum(length, np.array(count, np.int64)), 0, "max", "value")
    rows = best.output(1)
    return best.output(0), *(ops.gather(part, rows, np.array(0)).output(0) for part in (kinds, xyxy))


def _boxes(sides: Node, stride: int, size: Node) -> Node:
    """Sides as distributions (1, 32, h, w) -> xyxy (h x w, 4) inside the picture."""
    parts = ops.softmax(ops.reshape(sides, np.array([4, BINS, -1]), False), 1)
    reach = ops.reduce_sum(ops.multiply(parts, f32(np.arange(BINS).reshape(1, -1, 1))), np.array([1]))  # (4, h x w)
    outward = ops.multiply(ops.transpose(reach, np.array([1, 0])), f32(np.array([[-1, -1, 1, 1]]) * stride))
    across, down = (_places(sides, axis, stride) for axis in (3, 2))
    across = ops.multiply(ops.reshape(across, np.array([1, -1, 1]), False), f32(np.array([1, 0, 1, 0])))
    down = ops.multiply(ops.reshape(down, np.array([-1, 1, 1]), False), f32(np.array([0, 1, 0, 1])))
    corner = ops.reshape(ops.add(across, down), np.array([-1, 4]), False)
    return ops.minimum(ops.maximum(ops.add(corner, outward), f32(np.zeros(1))), size).output(0)


def _places(level: Node, axis: int, stride: int) -> Node:
    """Where the cells of a level stand along an axis, px."""
    count = ops.gather(ops.shape_of(level), np.array(axis), np.array(0))
    cells = ops.range(np.array(0, np.int64), count, np.array(1, np.int64), "i64")
    return ops.convert(ops.multiply(cells, np.array(stride, np.int64)), "f32").output(0)


def _moved(xyxy: Node, deltas: Node) -> Node:
    """models.anchors.corrected: boxes (..., 4), deltas (..., 4) -> xyxy (..., 4)."""
    axis = len(xyxy.partial_shape) - 1
    (low, high), (shift, growth) = split(xyxy, axis, 2, 2), split(deltas, axis, 2, 2)
    size = ops.subtract(high, low)
    centre = ops.add(ops.multiply(ops.add(low, high), f32(np.full(1, 0.5))), ops.multiply(shift, size))
    growth = ops.exp(ops.minimum(growth, f32(np.full(1, LARGEST)))).output(0)
    half = ops.multiply(ops.multiply(size, growth), f32(np.full(1, 0.5)))
    return ops.concat([ops.subtract(centre, half), ops.add(centre, half)], axis).output(0)


def _dense(name: str, x: Node, tensors: Mapping[str, np.ndarray]) -> Node:
    product = ops.matmul(x, f32(tensors[f"{name}.weight"]), False, True)
    return ops.add(product, f32(tensors[f"{name}.bias"])).output(0)
