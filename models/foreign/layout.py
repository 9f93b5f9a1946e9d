"""What the layouts of foreign outputs have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Outputs = Mapping[str, np.ndarray]
"""Of one picture, by name; the batch of one stays in front where the network has one."""
Shapes = Mapping[str, tuple[int, ...]]
"""Of the outputs, by name; -1: known only after a pass."""
Hw = tuple[int, int]


class Raw(NamedTuple):
    """Candidates of a picture, not suppressed: xyxy f32 (N, 4) px of the network's input, score f32 (N,), kind (N,) the
    class as the network numbers it."""

    xyxy: np.ndarray
    score: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True, slots=True)
class Layout:
    """How outputs are read. decode: outputs, the network's input (height, width), the smallest score -> candidates.
    fits: whether they can be read so; by_shape: and whether shapes alone tell that they are; classes: how many the
    network knows, where the shapes tell.

    The input that is usual for networks of this layout, unless the description says otherwise: colour, and what is
    subtracted from its channels (0..255) and what they are divided by, in the order of the colour. keeps_aspect:
    pictures of another shape than its input are padded, as it was trained, not stretched.
    """

    fits: Callable[[Shapes, Hw], bool]
    decode: Callable[[Outputs, Hw, float], Raw]
    colour: str = "rgb"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: tuple[float, ...] = (255.0, 255.0, 255.0)
    by_shape: Callable[[Shapes, Hw], bool] | None = None  # None: as `fits`
    keeps_aspect: bool = False
    classes: Callable[[Shapes], int] | None = None

    def is_told_by(self, shapes: Shapes, seen_hw: Hw) -> bool:
        return (self.by_shape or self.fits)(shapes, seen_hw)

    def shown_hw(self, input_hw: Hw, seen_hw: Hw) -> Hw:
        """How large our picture lies in what the network sees, at its top left."""
        if not self.keeps_aspect:
            return seen_hw
        scale = min(seen / own for seen, own in zip(seen_hw, input_hw, strict=True))
        return round(input_hw[0] * scale), round(input_hw[1] * scale)


def only(values: Outputs) -> np.ndarray:
    """The one output, without its batch of one."""
    (value,) = values.values()
    return value.reshape(value.shape[-2:])


def only_shape(shapes: Shapes) -> tuple[int, ...]:
    """The shape of the one output without its batch of one; empty where there are several."""
    if len(shapes) != 1:
        return ()
    (shape,) = shapes.values()
    return shape[1:] if len(shape) == 3 and shape[0] in (1, -1) else ()


def best(probabilities: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of (N, classes): the rows with a score of at least `least`, that score, and its class."""
    kind = probabilities.argmax(1)
    score = probabilities[np.arange(len(kind)), kind]
    rows = np.flatnonzero(score >= least)
    return rows, score[rows].astype(np.float32), kind[rows]


def from_centres(cxcywh: np.ndarray) -> np.ndarray:
    """Centre and size (N, 4) -> xyxy (N, 4)."""
    half = cxcywh[:, 2:] / 2
    return np.concatenate((cxcywh[:, :2] - half, cxcywh[:, :2] + half), 1).astype(np.float32)
