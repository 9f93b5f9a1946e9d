"""What is known about a training picture, and what is not.

Labels are partial: a class that a source does not annotate is unknown there, not absent. Everything that must be
neither right nor wrong becomes an IGNORE box: the loss leaves the cells inside it alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.scoring import yolo
from models.scoring.truth import by_picture
from stream.errors import ConfigError
from stream.geometry import area, intersection, iou
from stream.messages import LABELS

IGNORE = -1
PERSON, BICYCLE, TWO_WHEELERS, HEAVY = 0, 1, (1, 3), {4, 5}

LABEL_SCORE = 0.30  # a machine label of a class that the source does not annotate is believed from here
MISSED_SCORE = 0.20  # a machine label of an annotated class from here may be a human's miss
FULL_WEIGHT_SCORE = 0.60  # machine labels below this weigh less in the loss


@dataclass(frozen=True, slots=True)
class Boxes:
    """xyxy f32 (N, 4) in pixels, label i16 (N,) (index into LABELS, or IGNORE), weight f32 (N,) in the loss."""

    xyxy: np.ndarray
    label: np.ndarray
    weight: np.ndarray

    @staticmethod
    def of(rows: list[tuple[np.ndarray, int, float]]) -> Boxes:
        """From (xyxy, label, weight) rows."""
        xyxy = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
        label = np.array([row[1] for row in rows], np.int16)
        return Boxes(xyxy, label, np.array([row[2] for row in rows], np.float32))

    @staticmethod
    def join(parts: list[Boxes]) -> Boxes:
        return Boxes(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("xyxy", "label", "weight")))


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture of a data set. annotated: the labels that its source marks; draw: how often it is drawn, 1 = once."""

    path: Path
    boxes: Boxes
    annotated: tuple[int, ...]
    draw: float
    source: str = ""
    view: str = ""


def read_data(folder: Path, split: str) -> list[Labelled]:
    """The pictures of one split: COCO form (annotations.json, optionally machine.jsonl) or YOLO form (images/, labels/,
    data.yaml). Raises ConfigError where there is neither, or no picture."""
    if (folder / "annotations.json").exists():
        found = _read_coco(folder, split)
    elif (folder / "data.yaml").exists():
        found = _read_yolo(folder, split)
    else:
        raise ConfigError(
            str(folder), "no annotations.json (COCO) and no data.yaml (YOLO) here", "name a data set folder"
        )
    if not found:
        raise ConfigError(str(folder), f"no picture in the split {split!r}", "check the split names of the data set")
    return found


def read_sets(folders: Sequence[Path], shares: Sequence[float], split: str) -> list[list[Labelled]]:
    """The pictures of several data sets, see read_data. shares: which part of all draws each set after the first gets,
    0..1; without any, a set is drawn from as its size says. Raises ConfigError."""
    sets = [read_data(folder, split) for folder in folders]
    if not shares:
        return sets
    if len(shares) != len(sets) - 1 or min(shares) <= 0 or sum(shares) >= 1:
        got = ", ".join(f"{share:g}" for share in shares)
        what = f"expected a share for each of the {len(sets) - 1} sets after the first, together below 1, got {got}"
        raise ConfigError("share", what)
    return [_weighed(data, share) for data, share in zip(sets, (1 - sum(shares), *shares), strict=True)]


def _weighed(data: list[Labelled], share: float) -> list[Labelled]:
    factor = share / sum(item.draw for item in data)
    return [replace(item, draw=item.draw * factor) for item in data]


def _read_coco(folder: Path, split: str) -> list[Labelled]:
    try:
        stored = json.loads((folder / "annotations.json").read_text())
        pictures = [p for p in stored["images"] if p.get("split", split) == split]
        names = {c["id"]: c["name"] for c in stored["categories"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(str(folder / "annotations.json"), f"not COCO annotations ({error!r})") from error
    human = by_picture(stored["annotations"])
    machine = _read_machine(folder / "machine.jsonl")
    labels = {number: LABELS.index(name) if name in LABELS else IGNORE for number, name in names.items()}
    everything = [number for number, label in labels.items() if label != IGNORE]
    found = []
    for picture in pictures:
        known = tuple(labels[number] for number in picture.get("annotated", everything))
        rows = [(_xyxy(b["bbox"]), IGNORE if b.get("iscrowd") else labels[b["category_id"]], 1.0)
                for b in human.get(picture["id"], [])]  # fmt: skip
        seen = [(_xyxy(b[1:5]), labels[int(b[0])], float(b[5])) for b in machine.get(picture["id"], [])]
        boxes = merge(Boxes.of(rows), Boxes.of(seen), known)
        view, source = picture.get("view", ""), picture.get("source", "")
        found.append(Labelled(folder / picture["file_name"], boxes, known, _draw(boxes, view, source), source, view))
    return found


def _read_machine(path: Path) -> dict[int, list[list[float]]]:
    if not path.exists():
        return {}
    lines = (json.loads(line) for line in path.read_text().splitlines() if line)
    return {line["image_id"]: line["boxes"] for line in lines}


def _read_yolo(folder: Path, split: str) -> list[Labelled]:
    """images/SPLIT/*.jpg with labels/SPLIT/*.txt, see models.scoring.yolo."""
    import cv2

    labels = [LABELS.index(name) if name in LABELS else IGNORE for name in yolo.read_names(folder / yolo.DATA)]
    found = []
    for path in sorted((folder / "images" / split).iterdir()):
        picture = cv2.imread(str(path))
        if picture is None:
            raise ConfigError(str(path), "not a readable picture", "remove it or repair it")
        text = folder / "labels" / split / f"{path.stem}.txt"
        size = (picture.shape[1], picture.shape[0])
        rows = [(xyxy, labels[kind], 1.0) for kind, xyxy in yolo.read_boxes(text, size, len(labels))]
        boxes = Boxes.of(rows)
        found.append(Labelled(path, boxes, tuple(k for k in labels if k != IGNORE), _draw(boxes, "", "")))
    return found


def merge(human: Boxes, machine: Boxes, annotated: tuple[int, ...]) -> Boxes:
    """Human truth where the source annotates a class, machine labels (weight = score) elsewhere, IGNORE in doubt.

    Riders are part of their machine here. Machine labels box them apart, as COCO does; such a person is no label and no
    doubt, but background, so that one motorcycle is not also one person. Where a human boxed riders apart, that stays.
    """
    wheels = [
        boxes.xyxy[np.isin(boxes.label, TWO_WHEELERS) & (boxes.weight >= LABEL_SCORE)] for boxes in (human, machine)
    ]
    told_apart = riders(human, wheels[0]).any()
    fresh = ~(overlap_of(machine.xyxy, human) > 0.5)
    if not told_apart:
        fresh &= ~riders(machine, np.concatenate(wheels))
    xyxy, label, score = machine.xyxy[fresh], machine.label[fresh], machine.weight[fresh]
    known = np.isin(label, annotated)
    believed = ~known & (score >= LABEL_SCORE)
    doubtful = np.where(known, score >= MISSED_SCORE, ~believed)
    label = np.where(believed, label, IGNORE).astype(np.int16)
    weight = np.minimum(1.0, score / FULL_WEIGHT_SCORE).astype(np.float32)
    used = believed | doubtful
    return Boxes.join([human, Boxes(xyxy[used], label[used], weight[used])])


def overlap_of(xyxy: np.ndarray, human: Boxes) -> np.ndarray:
    """How far a human has spoken about each box, (N,): best IoU with a label, or the part in an ignored region."""
    if not len(human.xyxy) or not len(xyxy):
        return np.zeros(len(xyxy), np.float32)
    inside = intersection(xyxy, human.xyxy) / np.maximum(area(xyxy), 1e-6)[:, None]
    return np.where(human.label == IGNORE, inside, iou(xyxy, human.xyxy)).max(1)


def riders(boxes: Boxes, wheels_xyxy: np.ndarray) -> np.ndarray:
    """True for each person at least half of whose box lies in a bicycle or motorcycle, bool (N,)."""
    if not len(wheels_xyxy) or not len(boxes.xyxy):
        return np.zeros(len(boxes.xyxy), bool)
    inside = intersection(boxes.xyxy, wheels_xyxy) / np.maximum(area(boxes.xyxy), 1e-6)[:, None]
    return (boxes.label == PERSON) & (inside.max(1) >= 0.5)


def _xyxy(xywh: list[float]) -> np.ndarray:
    return np.array([xywh[0], xywh[1], xywh[0] + xywh[2], xywh[1] + xywh[3]], np.float32)


def _draw(boxes: Boxes, view: str, source: str) -> float:
    """Fixed cameras are what the product sees; some classes are rare; plain photographs teach little."""
    strong = set(boxes.label[boxes.weight >= 1].tolist())
    draw = 2.0 if view == "fixed" else 1.0
    draw *= 2.0 if PERSON in strong else 1.0
    draw *= 1.5 if BICYCLE in strong else 1.0
    draw *= 1.5 if strong & HEAVY else 1.0
    return draw * (0.4 if source == "openimages_vehicles" else 1.0)
