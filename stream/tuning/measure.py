"""How well each operating point counts: what it would have seen is replayed through the tracker and the counter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from stream.budget.front import front
from stream.config.schema import Config
from stream.counting import Counter
from stream.evaluation.counts import score
from stream.messages import LABELS, Crossing, Detections, Duty, Frame
from stream.scene import Scene
from stream.tracking.tracker import Tracker
from stream.truth import TrueCrossing
from stream.tuning.looks import Looks, Network

BOX_STEP = 10  # every so many pictures are compared box by box
DOUBT = 0.05  # added to the error of a point whose boxes are all wrong


class Measured(msgspec.Struct, frozen=True):
    """A point. looks: share of the pictures that the network sees; missed, extra: crossings; error: both as a share of
    the true ones; ap: of its boxes in all pictures against those of the reference, None where that cannot be told."""

    network: Network
    every: int
    gate: bool
    looks: float
    missed: int
    extra: int
    error: float
    ap: float | None

    @property
    def cost_ms(self) -> float:
        """Device time of a picture, mean, beside the other stages."""
        return self.network.running_ms * self.looks

    @property
    def expected_error(self) -> float:
        """The error on a longer clip: where few crossings tell points apart, worse boxes and fewer looks do."""
        return self.error + DOUBT * (1 - (self.looks if self.ap is None else self.ap))


class Replay(msgspec.Struct, frozen=True):
    """crossings, and of every BOX_STEP-th picture the confirmed tracks."""

    crossings: list[Crossing]
    boxes: dict[int, Detections]
    looks: float


def replay(config: Config, scene: Scene, looks: Looks, every: int, *, gate: bool) -> Replay:
    """What would have been counted with every k-th look (of the pictures that the gate lets through)."""
    tracker, counter = Tracker(config.tracker), Counter(scene, config.counting)
    crossings: list[Crossing] = []
    boxes: dict[int, Detections] = {}
    asked = looked = 0
    for seq, (pts_s, seen, moved) in enumerate(zip(looks.pts_s, looks.seen, looks.moved, strict=True)):
        duty: Duty = "quiet" if gate and not moved else "predict"
        if duty == "predict":
            duty = "detect" if asked % every == 0 else "predict"
            asked += 1
        looked += duty == "detect"
        tracks = tracker.update(seen if duty == "detect" else None, pts_s)
        crossings += counter.update(Frame(scene.camera, 0, seq, pts_s, 0, scene.width, scene.height, duty), tracks)
        if seq % BOX_STEP == 0:
            keep = tracks.confirmed
            boxes[seq] = Detections(tracks.xyxy[keep], tracks.score[keep], tracks.label[keep])
    return Replay(crossings + list(counter.finish()), boxes, looked / max(1, len(looks.seen)))


def measure(
    config: Config, scene: Scene, all_looks: Sequence[Looks], every: Sequence[int], true: list[TrueCrossing] | None
) -> list[Measured]:
    """Every network at every k, without and with the gate. The dearest network at every picture is the reference for
    boxes, and for crossings where there is no truth."""
    dearest = max(all_looks, key=lambda looks: (looks.network.input, looks.network.ms))
    reference = replay(config, scene, dearest, 1, gate=False)
    fps = _fps(dearest.pts_s)
    truth = [_taken_for_true(crossing) for crossing in reference.crossings] if true is None else true
    measured = []
    for looks in all_looks:
        for k in every:
            for gate in (False, True):
                one = replay(config, scene, looks, k, gate=gate)
                result = score(one.crossings, truth, fps)
                missed, extra = len(result.missed), len(result.extra)
                error = (missed + extra) / max(1, missed + len(result.matched))
                ap = _average_precision(reference.boxes, one.boxes)
                measured.append(Measured(looks.network, k, gate, one.looks, missed, extra, error, ap))
    return measured


def front_of(measured: Sequence[Measured]) -> list[Measured]:
    """Those that no other beats in both cost and expected error, the most accurate first."""
    return front(measured, lambda one: one.cost_ms, lambda one: one.expected_error)


def _taken_for_true(crossing: Crossing) -> TrueCrossing:
    seq = crossing.seq
    return TrueCrossing(crossing.camera, crossing.line, seq, seq, seq, crossing.label, crossing.direction, "")


def _fps(pts_s: list[float]) -> float:
    return (len(pts_s) - 1) / max(pts_s[-1] - pts_s[0], 1e-3) if len(pts_s) > 1 else 25.0


def _average_precision(true: dict[int, Detections], found: dict[int, Detections]) -> float | None:
    """AP (IoU 0.50:0.95), mean over classes, by pycocotools; None without it, or where nothing is true."""
    from models.scoring.average_precision import mean
    from models.scoring.average_precision import score as score_boxes
    from stream.errors import ConfigError

    annotations: list[dict[str, Any]] = []
    for seq, boxes in true.items():
        for (x1, y1, x2, y2), label in zip(boxes.xyxy.tolist(), boxes.label.tolist(), strict=True):
            box = {"image_id": seq, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0}
            annotations.append(box | {"id": len(annotations) + 1, "area": max(1.0, (x2 - x1) * (y2 - y1))})
    categories = [{"id": index, "name": label} for index, label in enumerate(LABELS)]
    images = [{"id": seq, "width": 1, "height": 1} for seq in true]
    try:
        scores = score_boxes({"categories": categories, "annotations": annotations}, images, found)
    except ConfigError:  # pycocotools is not installed
        return None
    known = [one for one in scores if one.boxes]
    value = mean(known).ap if known else float("nan")
    return None if np.isnan(value) else value
