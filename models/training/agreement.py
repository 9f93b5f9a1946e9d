"""Precision and recall of machine labels where humans have labelled the same pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.scoring.truth import IGNORE_NAME, by_picture
from stream.geometry import area, intersection, iou
from stream.messages import LABELS, Detections


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one class: how many labels are right (precision), how many true boxes were found (recall); NaN without any."""

    label: str
    precision: float
    recall: float
    labels: int
    boxes: int


def agreement(
    dataset: dict[str, Any], found: dict[int, Detections], least_score: float = 0.3, overlap: float = 0.5
) -> list[Agreement]:
    """Labels by picture id against COCO annotations, by class, on the pictures in `found` whose source annotates it. A
    label of at least `least_score` is right if it is the best on a true box of its class with this IoU; one that lies
    mostly in an ignored region is not judged."""
    numbers = {c["name"]: c["id"] for c in dataset["categories"]}
    truth = by_picture(dataset["annotations"])
    rows = []
    for index, label in enumerate(LABELS):
        right = judged = boxes = 0
        for picture in dataset["images"]:
            if picture["id"] not in found or numbers[label] not in picture.get("annotated", numbers.values()):
                continue
            own = truth.get(picture["id"], [])
            seen = found[picture["id"]]
            xyxy = seen.xyxy[(seen.label == index) & (seen.score >= least_score)]
            true_xyxy = _boxes(own, numbers[label])
            hit = _matched(xyxy, true_xyxy, overlap)
            right, boxes = right + int(hit.sum()), boxes + len(true_xyxy)
            judged += int((hit | ~_ignored(xyxy, _boxes(own, numbers.get(IGNORE_NAME, -1)))).sum())
        ratio = right / judged if judged else float("nan"), right / boxes if boxes else float("nan")
        rows.append(Agreement(label, *ratio, judged, boxes))
    return rows


def _matched(xyxy: np.ndarray, true_xyxy: np.ndarray, overlap: float) -> np.ndarray:
    """Which boxes, best first, are the first on a true box: bool (N,)."""
    hit, pairs = np.zeros(len(xyxy), bool), iou(xyxy, true_xyxy)
    for row in range(len(xyxy)):
        if len(true_xyxy) and pairs[row].max() >= overlap:
            hit[row] = True
            pairs[:, pairs[row].argmax()] = 0
    return hit


def _ignored(xyxy: np.ndarray, ignored_xyxy: np.ndarray) -> np.ndarray:
    inside = intersection(xyxy, ignored_xyxy) / np.maximum(area(xyxy), 1e-6)[:, None]
    return inside.max(1, initial=0) > 0.5


def _boxes(rows: list[dict[str, Any]], number: int) -> np.ndarray:
    xywh = np.array([row["bbox"] for row in rows if row["category_id"] == number], np.float32).reshape(-1, 4)
    return np.concatenate((xywh[:, :2], xywh[:, :2] + xywh[:, 2:]), 1)
