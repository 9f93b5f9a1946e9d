"""DETR (Carion et al., 2020) and its children, as the network gives it.

    logits (1, Q, C), boxes (1, Q, 4)   centre x, y, width, height as fractions of the input

The children (RT-DETR, D-FINE, DEIM) have a probability of its own for each class, as here. DETR itself shares one among
the classes and `no object`, its last: there the layout is `detr-softmax`.
"""

from __future__ import annotations

import numpy as np

from models.foreign.layout import Hw, Layout, Outputs, Raw, Shapes, best, from_centres


def fits(shapes: Shapes, seen_hw: Hw) -> bool:
    del seen_hw
    found = [(name, shape) for name, shape in shapes.items() if len(shape) == 3]
    if len(shapes) != 2 or len(found) != 2:
        return False
    logits, boxes = sorted(found, key=lambda one: _is_boxes(*one))
    return logits[1][1] == boxes[1][1] and boxes[1][2] == 4 and not _is_boxes(*logits)


def classes(shapes: Shapes) -> int:
    """Logits of a box; with a softmax the last of them is of nothing."""
    return min(shapes.items(), key=lambda one: _is_boxes(*one))[1][2]


def decode(outputs: Outputs, seen_hw: Hw, least: float) -> Raw:
    boxes, logits = _split(outputs)
    return _raw(boxes, 1 / (1 + np.exp(-np.clip(logits, -50, 50))), seen_hw, least)


def decode_softmax(outputs: Outputs, seen_hw: Hw, least: float) -> Raw:
    boxes, logits = _split(outputs)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return _raw(boxes, (shares / shares.sum(1, keepdims=True))[:, :-1], seen_hw, least)


def _split(outputs: Outputs) -> tuple[np.ndarray, np.ndarray]:
    logits, boxes = sorted(outputs, key=lambda name: _is_boxes(name, outputs[name].shape))
    return outputs[boxes][0], outputs[logits][0]


def _is_boxes(name: str, shape: tuple[int, ...]) -> bool:
    """Four classes look like boxes: then the name must tell."""
    return shape[-1] == 4 and ("box" in name or "logit" not in name)


def _raw(boxes: np.ndarray, probabilities: np.ndarray, seen_hw: Hw, least: float) -> Raw:
    kept, score, kind = best(probabilities, least)
    return Raw(from_centres(boxes[kept]) * np.array([seen_hw[1], seen_hw[0]] * 2, np.float32), score, kind)


LAYOUT = Layout(fits, decode, classes=classes)
SOFTMAX = Layout(
    fits, decode_softmax, by_shape=lambda shapes, seen_hw: False, classes=lambda shapes: classes(shapes) - 1
)
