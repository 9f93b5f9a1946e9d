"""Average precision against partial truth, by pycocotools.

A class is scored only on the pictures whose source annotates it, and a detection inside an ignored region is neither
right nor wrong.
"""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.scoring.pictures import read_picture
from models.scoring.stills import Detect, detect_picture
from models.scoring.truth import IGNORE_NAME, by_picture
from stream.errors import ConfigError
from stream.messages import LABELS, Detections


@dataclass(frozen=True, slots=True)
class Scores:
    """AP (IoU 0.50:0.95) and AP50 of one class over `pictures`, with `boxes` true boxes; NaN without any. by_size: AP50
    of small, medium and large boxes as COCO divides them (32² and 96² px of the picture); NaN without any."""

    label: str
    ap: float
    ap50: float
    boxes: int
    pictures: int
    by_size: tuple[float, float, float] = (float("nan"),) * 3


def mean(scores: list[Scores]) -> Scores:
    """Mean over the classes that have truth."""
    known = [s for s in scores if s.boxes]
    ap, ap50 = (float(np.mean([getattr(s, name) for s in known])) for name in ("ap", "ap50"))
    sizes = np.array([s.by_size for s in known])
    told = [sizes[~np.isnan(sizes[:, k]), k] for k in range(3)]
    small, medium, large = (float(one.mean()) if len(one) else float("nan") for one in told)
    boxes, pictures = sum(s.boxes for s in known), max(s.pictures for s in known)
    return Scores("all", ap, ap50, boxes, pictures, (small, medium, large))


def evaluate(annotations: Path, split: str, detect: Detect, long_side: int, view: str = "") -> list[Scores]:
    """Scores of `detect` on a split, by class, with pictures letterboxed to the input that fits their aspect; only the
    pictures of one view where `view` is named."""
    dataset = json.loads(annotations.read_text())
    images = [p for p in dataset["images"] if p.get("split", split) == split and view in ("", p.get("view"))]
    found = {
        p["id"]: detect_picture(detect, read_picture(annotations.parent / p["file_name"]), long_side) for p in images
    }
    return score(dataset, images, found)


def score(dataset: dict[str, Any], images: list[dict[str, Any]], found: dict[int, Detections]) -> list[Scores]:
    """Scores by class from COCO annotations and the detections of each picture, by picture id."""
    numbers = {c["name"]: c["id"] for c in dataset["categories"]}
    truth = by_picture(dataset["annotations"])
    scores = []
    for index, label in enumerate(LABELS):
        known = [p for p in images if label in numbers and numbers[label] in p.get("annotated", [numbers[label]])]
        boxes = [box for p in known for box in _truth_of(truth.get(p["id"], []), numbers, label)]
        scores.append(_score_class(label, index, known, boxes, found))
    return scores


def _truth_of(boxes: list[dict[str, Any]], numbers: dict[str, int], label: str) -> list[dict[str, Any]]:
    """Boxes of the class, and ignored regions as crowds of that class."""
    own = [box for box in boxes if box["category_id"] == numbers[label]]
    ignored = [box for box in boxes if box["category_id"] == numbers.get(IGNORE_NAME)]
    return own + [box | {"category_id": numbers[label], "iscrowd": 1} for box in ignored]


def _score_class(
    label: str, index: int, pictures: list[dict[str, Any]], boxes: list[dict[str, Any]], found: dict[int, Detections]
) -> Scores:
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise ConfigError("evaluation", "it needs the pycocotools package", "pip install 'roadtally[train]'") from error
    count = sum(not box["iscrowd"] for box in boxes)
    if not count:
        return Scores(label, float("nan"), float("nan"), 0, len(pictures))
    rows = []
    for picture in pictures:
        seen = found[picture["id"]]
        for xyxy, value in zip(seen.xyxy[seen.label == index], seen.score[seen.label == index], strict=True):
            xywh = [float(v) for v in (*xyxy[:2], *(xyxy[2:] - xyxy[:2]))]
            rows.append({"image_id": picture["id"], "category_id": 1, "bbox": xywh, "score": float(value)})
    if not rows:
        return Scores(label, 0.0, 0.0, count, len(pictures))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        numbered = [box | {"id": k, "category_id": 1} for k, box in enumerate(boxes, 1)]
        truth.dataset = {"info": {}, "images": pictures, "categories": [{"id": 1}], "annotations": numbered}
        truth.createIndex()
        run = COCOeval(truth, truth.loadRes(rows), "bbox")
        run.evaluate()
        run.accumulate()
    precision = run.eval["precision"][:, :, 0, :, -1]  # (IoU, recall, area), 100 detections; -1: no truth
    small, medium, large = (float(one) if one >= 0 else float("nan") for one in precision[0, :, 1:].mean(0))
    ap, ap50 = float(precision[..., 0].mean()), float(precision[0, :, 0].mean())
    return Scores(label, ap, ap50, count, len(pictures), (small, medium, large))
