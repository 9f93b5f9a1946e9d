"""SSD's `DetectionOutput`, as OpenVINO's model zoo has it.

(1, 1, N, 7)   picture, class, score, left, top, right, bottom as fractions of the input; a picture < 0: no more
"""

from __future__ import annotations

import numpy as np

from models.foreign.layout import Hw, Layout, Outputs, Raw, Shapes


def fits(shapes: Shapes, seen_hw: Hw) -> bool:
    del seen_hw
    return len(shapes) == 1 and all(len(shape) == 4 and shape[-1] == 7 for shape in shapes.values())


def decode(outputs: Outputs, seen_hw: Hw, least: float) -> Raw:
    (value,) = outputs.values()
    rows = value.reshape(-1, 7)
    ended = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ended[0]] if len(ended) else rows
    rows = rows[rows[:, 2] >= least]
    xyxy = rows[:, 3:7] * np.array([seen_hw[1], seen_hw[0]] * 2, np.float32)
    return Raw(xyxy.astype(np.float32), rows[:, 2].astype(np.float32), rows[:, 1].astype(np.int64))


LAYOUT = Layout(fits, decode, colour="bgr", scale=(1.0, 1.0, 1.0))
