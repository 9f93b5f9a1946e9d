"""Any detector on a folder of pictures, against true boxes: average precision by class, by pycocotools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from models.scoring.average_precision import Scores, score
from models.scoring.pictures import read_picture
from models.scoring.stills import StillDetector
from models.scoring.truth import read_pictures_truth
from stream.messages import LABELS, Detections

LEAST_SCORE = 0.01  # average precision wants the weak ones too


class PictureResult(msgspec.Struct, frozen=True):
    """scores: one a class that the truth knows, NaN where it has no box; rows: COCO results of every picture."""

    scores: list[Scores]
    rows: list[dict[str, Any]]
    pictures: int


class PictureTruth(msgspec.Struct, frozen=True):
    """Pictures and their true boxes: see models.scoring.truth. split: of a COCO file; None: all pictures."""

    pictures: Path
    truth: Path
    split: str | None = None


def evaluate_detector(
    data: PictureTruth, model: str, long_side: int, tell: Callable[[int, int], None]
) -> PictureResult:
    """Score what open_detector opens under `model`, with each picture letterboxed so that its long side is `long_side`.

    tell(done, of) is called after each picture. Raises TruthError, ModelError, ConfigError (an unreadable picture, or
    pycocotools is not installed).
    """
    dataset = read_pictures_truth(data.pictures, data.truth, data.split)
    images = dataset["images"]
    detector = StillDetector(model, LEAST_SCORE)
    found: dict[int, Detections] = {}
    try:
        for image in images:
            found[image["id"]] = detector.detect(read_picture(data.pictures / image["file_name"]), long_side)
            tell(len(found), len(images))
    finally:
        detector.close()
    numbers = {category["name"]: category["id"] for category in dataset["categories"]}
    scores = [one for one in score(dataset, images, found) if one.label in numbers]
    return PictureResult(scores, coco_rows(found, numbers), len(images))


def coco_rows(found: dict[int, Detections], numbers: dict[str, int]) -> list[dict[str, Any]]:
    """Detections by picture id as rows of a COCO result file. numbers: class name -> category id; other classes are
    left out."""
    rows = []
    for image_id, seen in found.items():
        for xyxy, value, label in zip(seen.xyxy.tolist(), seen.score.tolist(), seen.label.tolist(), strict=True):
            if LABELS[label] in numbers:
                x1, y1, x2, y2 = xyxy
                box = [round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)]
                category = numbers[LABELS[label]]
                rows.append({"image_id": image_id, "category_id": category, "bbox": box, "score": round(value, 4)})
    return rows
