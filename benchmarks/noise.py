"""A simulated detector: the truth of synthetic traffic with misses, jitter, false boxes and changes of class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream.messages import Detections
from stream.synth.truth import TrueFrame


@dataclass(frozen=True, slots=True)
class Noise:
    """A simulated detector. Shares of boxes; jitter in box sizes; false boxes a frame."""

    name: str
    missed: float
    jitter: float
    false_boxes: float
    wrong_class: float


NOISES = (
    Noise("low", 0.02, 0.02, 0.1, 0.02),
    Noise("medium", 0.10, 0.04, 0.5, 0.10),
    Noise("high", 0.25, 0.07, 1.5, 0.2),
)


def detect(frame: TrueFrame, noise: Noise, random: np.random.Generator) -> Detections:
    """What the simulated detector sees of a true frame: the visible part, if it is more than a third."""
    seen = (frame.visibility > 0.35) & (random.random(len(frame)) > noise.missed)
    box, label = frame.visible_xyxy[seen].astype(np.float64), frame.label[seen].copy()
    size = np.concatenate([box[:, 2:] - box[:, :2]] * 2, axis=1)
    box += random.normal(0, noise.jitter, box.shape) * size
    score = np.clip(random.normal(0.75 - 1.2 * noise.missed, 0.15, len(box)), 0.05, 0.98)
    vehicles = np.isin(label, (2, 4, 5)) & (random.random(len(label)) < noise.wrong_class)
    label[vehicles] = random.choice((2, 4, 5), vehicles.sum())
    false = random.poisson(noise.false_boxes)
    corner, side = random.uniform(0, (600, 320), (false, 2)), random.uniform(12, 60, (false, 2))
    box = np.concatenate([box, np.concatenate([corner, corner + side], axis=1)])
    score = np.concatenate([score, random.beta(2, 4, false)])
    label = np.concatenate([label, random.integers(0, 6, false)])
    good = (box[:, 2:] - box[:, :2] > 2).all(axis=1) & (score >= 0.1)
    return Detections(box[good].astype(np.float32), score[good].astype(np.float32), label[good].astype(np.int16))
