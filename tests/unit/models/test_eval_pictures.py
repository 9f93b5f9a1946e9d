"""Any detector against COCO or YOLO truth: here one that calls every dark blob a car."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.scoring.evaluation import PictureResult, PictureTruth, evaluate_detector
from models.scoring.truth import read_pictures_truth
from stream.errors import TruthError

BOX = (40, 60, 36, 24)  # left, top, width, height
SECOND = (200, 100, 36, 24)
DETECTOR = "tests.blobs:BlobDetector"
CATEGORIES = [{"id": 3, "name": "car"}, {"id": 5, "name": "bus"}, {"id": 7, "name": "ignore"}]


def picture(path: Path, *boxes: tuple[int, int, int, int]) -> None:
    pixels = np.full((192, 320, 3), 150, np.uint8)
    for x, y, w, h in boxes:
        pixels[y : y + h, x : x + w] = 20
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def box(image_id: int, category_id: int, bbox: tuple[int, ...], **more: Any) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": category_id, "bbox": bbox, **more}


def coco(folder: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> PictureTruth:
    path = folder / "annotations.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": CATEGORIES}))
    return PictureTruth(folder, path)


def evaluate(data: PictureTruth) -> PictureResult:
    return evaluate_detector(data, DETECTOR, 320, lambda done, of: None)


def ap(result: PictureResult) -> dict[str, float]:
    return {one.label: one.ap for one in result.scores if one.boxes}


def test_average_precision_is_1_when_every_box_is_found(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", BOX, SECOND)
    result = evaluate(coco(tmp_path, [{"id": 9, "file_name": "a.png"}], [box(9, 3, BOX), box(9, 3, SECOND)]))
    assert ap(result) == {"car": pytest.approx(1.0)}
    assert [(row["image_id"], row["category_id"], row["bbox"]) for row in result.rows] == [
        (9, 3, list(map(float, BOX))),
        (9, 3, list(map(float, SECOND))),
    ]


PARTIAL = {
    # name: (what is said of the picture, of the second blob, AP of cars)
    "a false box": ({}, [], 0.5),
    "in an ignored region": ({}, [box(1, 7, (190, 90, 60, 40), iscrowd=1)], 1.0),
    "in a crowd of cars": ({}, [box(1, 3, (190, 90, 60, 40), iscrowd=1)], 1.0),
    "cars are not annotated in it": ({"annotated": [5]}, [], 1.0),
    "nothing is annotated in it": ({"annotated": []}, [], 1.0),
    "cars are annotated, buses not": ({"annotated": [3]}, [], 0.5),
}


@pytest.mark.parametrize(("about", "more", "expected"), PARTIAL.values(), ids=PARTIAL)
def test_partial_truth_is_honoured_when_a_blob_has_no_box(
    about: dict[str, Any], more: list[dict[str, Any]], expected: float, tmp_path: Path
) -> None:
    picture(tmp_path / "0.png", BOX)
    picture(tmp_path / "1.png", SECOND)
    images = [{"id": 1, "file_name": "1.png", **about}, {"id": 2, "file_name": "0.png"}]
    result = evaluate(coco(tmp_path, images, [box(2, 3, BOX), *more]))
    assert ap(result)["car"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("pictures", "truth"), [("set", "set"), ("set/images/val", "set/labels/val"), ("set/images", "set")]
)
def test_yolo_truth_is_found_when_folders_follow_the_custom(pictures: str, truth: str, tmp_path: Path) -> None:
    picture(tmp_path / "set/images/val/a.png", BOX)
    picture(tmp_path / "set/images/val/empty.png")
    (tmp_path / "set/labels/val").mkdir(parents=True)
    x, y, w, h = BOX
    row = f"1 {(x + w / 2) / 320} {(y + h / 2) / 192} {w / 320} {h / 192}\n"
    (tmp_path / "set/labels/val/a.txt").write_text(row)
    (tmp_path / "set/data.yaml").write_text("names: {0: tram, 1: car}\n")
    result = evaluate(PictureTruth(tmp_path / pictures, tmp_path / truth))
    assert ap(result) == {"car": pytest.approx(1.0)}
    assert result.pictures == 2


def test_only_the_split_is_scored_when_it_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", BOX)
    images = [{"id": 1, "file_name": "a.png", "split": "val"}, {"id": 2, "file_name": "gone.png", "split": "train"}]
    data = coco(tmp_path, images, [box(1, 3, BOX)])
    assert [p["id"] for p in read_pictures_truth(data.pictures, data.truth, "val")["images"]] == [1]
    with pytest.raises(TruthError, match="names no picture in the split 'test'"):
        read_pictures_truth(data.pictures, data.truth, "test")


A = [{"id": 1, "file_name": "a.png"}]
BAD = {
    "no json": ("{", "cannot be read as COCO annotations"),
    "no categories": ({"images": A, "annotations": []}, "missing required field `categories`"),
    "a name for an id": ({"images": [{"id": "x", "file_name": "a"}], "annotations": [], "categories": []},
                         r"Expected `int`, got `str` - at `\$.images"),
    "another's classes": ({"images": A, "annotations": [], "categories": [{"id": 1, "name": "cat"}]},
                          "expected one of the classes person"),
    "an unknown picture": ({"images": A, "annotations": [box(4, 3, BOX)], "categories": CATEGORIES},
                           "annotation 0: expected a known image and category, got 4 and 3"),
    "an inverted box": ({"images": A, "annotations": [box(1, 3, (5, 5, -2, 4))], "categories": CATEGORIES},
                        "expected a box of left, top, width, height"),
    "a picture that is elsewhere": ({"images": A, "annotations": [], "categories": CATEGORIES},
                                    "names a.png, which .* does not hold"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_coco_truth_is_refused_when_its_form_is_wrong(content: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(TruthError, match=words):
        read_pictures_truth(tmp_path, path)


YOLO_BAD = {
    "words": ("car 0.5 0.5 0.1 0.1", "line 1: expected numbers"),
    "a number short": ("0 0.5 0.5 0.1", "expected class, centre x"),
    "nan": ("0 nan 0.5 0.1 0.1", "expected class, centre x"),
    "an unknown class": ("4 0.5 0.5 0.1 0.1", "class 4 is not among the 1"),
}


@pytest.mark.parametrize(("row", "words"), YOLO_BAD.values(), ids=YOLO_BAD)
def test_yolo_truth_is_refused_when_a_row_is_wrong(row: str, words: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png", BOX)
    (tmp_path / "a.txt").write_text(row + "\n")
    (tmp_path / "data.yaml").write_text("names: [car]\n")
    with pytest.raises(TruthError, match=words):
        read_pictures_truth(tmp_path, tmp_path)


def test_yolo_truth_is_refused_when_no_picture_has_any(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", BOX)
    (tmp_path / "data.yaml").write_text("names: [car]\n")
    with pytest.raises(TruthError, match="expected a text file for pictures"):
        read_pictures_truth(tmp_path, tmp_path)
