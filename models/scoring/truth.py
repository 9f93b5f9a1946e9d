"""True boxes of a folder of pictures, read from COCO or YOLO files into one form: a COCO data set as a dict.

Truth may be partial: a picture's `annotated` lists the category ids that were labelled in it (a class that is not in it
is unknown there, not absent), and boxes of the category `ignore` or with `iscrowd` are regions that are neither right
nor wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import msgspec

from models.scoring import yolo
from models.scoring.pictures import PICTURES
from stream.errors import TruthError
from stream.messages import LABELS

IGNORE_NAME = "ignore"


class _Picture(msgspec.Struct):
    id: int
    file_name: str
    annotated: list[int] | None = None
    split: str | None = None


class _Box(msgspec.Struct):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]  # left, top, width, height in pixels
    iscrowd: int = 0
    area: float | None = None


class _Category(msgspec.Struct):
    id: int
    name: str


class _Coco(msgspec.Struct):
    images: list[_Picture]
    annotations: list[_Box]
    categories: list[_Category]


def read_pictures_truth(pictures: Path, truth: Path, split: str | None = None) -> dict[str, Any]:
    """The data set of a COCO file, or of a folder of YOLO text files. split: only these pictures of a COCO file.

    File names in a COCO file begin at `pictures`. The YOLO boxes of a picture pictures/a/b.jpg are in truth/a/b.txt or
    truth/labels/a/b.txt, with `images` in the path read as `labels`; data.yaml is in `truth` or one or two
    folders above.
    Raises TruthError: another form, no class of roadtally, a picture that is not there.
    """
    found = _read_yolo(pictures, truth) if truth.is_dir() else _read_coco(truth, split)
    names = [category.name for category in found.categories]
    if not set(names) & set(LABELS):
        what = f"expected one of the classes {', '.join(LABELS)}, got {', '.join(names) or 'none'}"
        raise TruthError(str(truth), what, "rename the classes")
    if not found.images:
        raise TruthError(str(truth), f"names no picture in the split {split!r}" if split else "names no picture")
    for picture in found.images:
        if not (pictures / picture.file_name).is_file():
            what = f"names {picture.file_name}, which {pictures} does not hold"
            raise TruthError(str(truth), what, "give the folder at which the file names begin: --pictures")
    boxes = [
        msgspec.structs.asdict(b) | {"id": number, "bbox": list(b.bbox), "area": b.area or b.bbox[2] * b.bbox[3]}
        for number, b in enumerate(found.annotations, 1)
    ]
    images = [{key: v for key, v in msgspec.structs.asdict(p).items() if v is not None} for p in found.images]
    return {"images": images, "annotations": boxes, "categories": msgspec.to_builtins(found.categories)}


def _read_coco(path: Path, split: str | None) -> _Coco:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Coco)
    except OSError as error:
        raise TruthError.refused(path, "read", error, "check the path") from error
    except msgspec.MsgspecError as error:
        raise TruthError(
            str(path), f"cannot be read as COCO annotations: {error}", "give a COCO file, or a YOLO folder"
        ) from error
    known, categories = {p.id for p in found.images}, {c.id for c in found.categories}
    for number, box in enumerate(found.annotations):
        where = f"{path}, annotation {number}"
        if box.image_id not in known or box.category_id not in categories:
            raise TruthError(where, f"expected a known image and category, got {box.image_id} and {box.category_id}")
        if min(box.bbox[2:]) < 0:
            raise TruthError(where, f"expected a box of left, top, width, height; got {box.bbox}")
    found.images = [p for p in found.images if split in (None, p.split)]
    return found


def _read_yolo(pictures: Path, truth: Path) -> _Coco:
    data = next((p / yolo.DATA for p in (truth, *truth.parents[:2]) if (p / yolo.DATA).exists()), truth / yolo.DATA)
    names = yolo.read_names(data)
    found = _Coco([], [], [_Category(k, name) for k, name in enumerate(names)])
    labelled = 0
    for number, path in enumerate(sorted(p for p in pictures.rglob("*") if p.suffix.lower() in PICTURES)):
        name = path.relative_to(pictures)
        text = _text_of(name, truth)
        labelled += text.exists()
        found.images.append(_Picture(number, str(name)))
        if text.exists():
            found.annotations += _yolo_boxes(number, path, text, len(names))
    if found.images and not labelled:
        raise TruthError(str(truth), f"expected a text file for pictures of {pictures}, got none", "check the folders")
    return found


def _text_of(name: Path, truth: Path) -> Path:
    plain = Path(*("labels" if part == "images" else part for part in name.parts)).with_suffix(".txt")
    return truth / plain if (truth / plain).exists() else truth / "labels" / plain


def _yolo_boxes(number: int, picture: Path, text: Path, classes: int) -> list[_Box]:
    pixels = cv2.imread(str(picture))
    if pixels is None:
        raise TruthError(str(picture), "not a readable picture", "remove it or repair it")
    rows = yolo.read_boxes(text, (pixels.shape[1], pixels.shape[0]), classes)
    return [_Box(number, kind, (x1, y1, x2 - x1, y2 - y1)) for kind, (x1, y1, x2, y2) in rows]


def by_picture(boxes: Iterable[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """COCO annotations by the id of their picture, in order."""
    found: dict[int, list[dict[str, Any]]] = {}
    for box in boxes:
        found.setdefault(box["image_id"], []).append(box)
    return found
