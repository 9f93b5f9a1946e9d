"""Auto-labelling: labels better than one pass of the detector, by looking at a picture many times.

A picture is seen at two sizes, mirrored, and in overlapping tiles (test-time augmentation); the boxes are fused. In a
clip the fused boxes are tracked forward and backward, so that gaps are filled and a wrong class is outvoted. The result
is a data set that `roadtally train` reads: annotations.json without human labels, and machine.jsonl with scores.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from models.stills import StillDetector
from models.training.evaluate import IGNORE_NAME
from models.training.fusion import View, fuse
from models.training.pictures import read_picture
from models.training.tracklets import smooth
from stream.errors import SourceError
from stream.messages import LABELS, Detections
from stream.video.reader import VideoReader

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
LEAST_SCORE = 0.12
TILE = 0.6  # part of the longer side
EDGE = 3  # px: a box this near to an inner edge of a tile is cut by it, and left to the other views


class Labeller:
    """A detector that looks at every picture several times. Compiles each network size once, when first needed."""

    def __init__(self, model: str, long_sides: tuple[int, ...] = (416, 640), threads: int = 0) -> None:
        self._detector, self._long_sides = StillDetector(model, 0.05, threads), long_sides

    def label(self, picture: np.ndarray) -> tuple[Detections, np.ndarray]:
        """Fused detections of a u8 (H, W, 3) BGR picture, in its pixels, and how many views agree on each."""
        height, width = picture.shape[:2]
        whole = (0, 0, width, height)
        views = []
        for side in self._long_sides:
            views.append(View(whole, self._detector.detect(picture, side)))
            views.append(
                View(whole, mirror(self._detector.detect(np.ascontiguousarray(picture[:, ::-1]), side), width))
            )
        views += [self._tile(picture, part) for part in tiles(width, height)]
        return fuse(views, least_score=LEAST_SCORE)

    def close(self) -> None:
        self._detector.close()

    def _tile(self, picture: np.ndarray, part: tuple[int, int, int, int]) -> View:
        x1, y1, x2, y2 = part
        found = self._detector.detect(np.ascontiguousarray(picture[y1:y2, x1:x2]), self._long_sides[0])
        xyxy = found.xyxy + np.array([x1, y1, x1, y1], np.float32)
        height, width = picture.shape[:2]
        near = np.abs(xyxy - np.array(part, np.float32)) < EDGE
        inner = np.array([x1 > 0, y1 > 0, x2 < width, y2 < height])
        whole = ~(near & inner).any(1)
        return View(part, Detections(xyxy[whole], found.score[whole], found.label[whole]))


def tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Overlapping parts of a picture: two along the longer side, each 0.6 of it."""
    if width >= height:
        size = round(TILE * width)
        return [(0, 0, size, height), (width - size, 0, width, height)]
    size = round(TILE * height)
    return [(0, 0, width, size), (0, height - size, width, height)]


def mirror(found: Detections, width: int) -> Detections:
    """Detections of a mirrored picture, in the picture as it was."""
    xyxy = found.xyxy[:, [2, 1, 0, 3]]
    xyxy[:, [0, 2]] = width - xyxy[:, [0, 2]]
    return Detections(xyxy, found.score, found.label)


def label_folder(folder: Path, out: Path, labeller: Labeller) -> Iterator[tuple[Path, Detections]]:
    """Label every picture of a folder; yields as it goes. The data set in `out` names the pictures where they are.

    Raises SourceError if there is no picture, ConfigError at one that cannot be read.
    """
    paths = sorted(p.resolve() for p in folder.rglob("*") if p.suffix.lower() in PICTURES)
    if not paths:
        raise SourceError(str(folder), "no pictures here", f"give a folder with {', '.join(sorted(PICTURES))} files")
    rows = []
    for path in paths:
        picture = read_picture(path)
        found, agree = labeller.label(picture)
        rows.append((path, picture.shape[:2], found, agree))
        yield path, found
    write_labels(out, rows)


def label_clip(clip: Path, out: Path, labeller: Labeller, every_s: float = 0.2) -> Iterator[tuple[float, Detections]]:
    """Label a clip: a picture each `every_s` goes into `out`; yields (pts_s, detections) of the first look as it goes.

    What is stored was smoothed along forward and backward tracks. Raises SourceError if the clip cannot be read.
    """
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    times: list[float] = []
    looks: list[Detections] = []
    files: list[tuple[Path, tuple[int, ...]]] = []
    for pts_s, picture in _sampled(clip, every_s):
        path = (out / "pictures" / f"{clip.stem}-{len(times):05d}.jpg").resolve()
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
        found, _ = labeller.label(picture)
        times.append(pts_s)
        looks.append(found)
        files.append((path, picture.shape[:2]))
        yield pts_s, found
    smoothed = smooth(times, looks)
    write_labels(
        out, [(*file, found, np.zeros(len(found), np.int64)) for file, found in zip(files, smoothed, strict=True)]
    )


def write_labels(out: Path, rows: Iterable[tuple[Path, tuple[int, ...], Detections, np.ndarray]]) -> None:
    """annotations.json and machine.jsonl of (file, (height, width), detections, agreeing views). No class is called
    annotated, so that training believes the labels by their score and ignores the weak ones."""
    out.mkdir(parents=True, exist_ok=True)
    categories = [{"id": k, "name": name} for k, name in enumerate((*LABELS, IGNORE_NAME), 1)]
    images, lines = [], []
    for number, (path, shape, found, agree) in enumerate(rows, 1):
        size = {"width": shape[1], "height": shape[0]}
        images.append({"id": number, "file_name": str(path), **size, "split": "train", "annotated": []})
        xywh = np.concatenate((found.xyxy[:, :2], found.xyxy[:, 2:] - found.xyxy[:, :2]), 1)
        boxes = [
            [int(label) + 1, *(round(float(v), 1) for v in box), round(float(score), 3), int(views)]
            for label, box, score, views in zip(found.label, xywh, found.score, agree, strict=True)
        ]
        lines.append(json.dumps({"image_id": number, "boxes": boxes}))
    stored = {"images": images, "annotations": [], "categories": categories}
    (out / "annotations.json").write_text(json.dumps(stored))
    (out / "machine.jsonl").write_text("\n".join(lines) + "\n")


def _sampled(clip: Path, every_s: float) -> Iterator[tuple[float, np.ndarray]]:
    """(pts_s, u8 BGR picture) at least `every_s` apart."""
    last = -np.inf
    with VideoReader(str(clip)) as reader:
        for frame, pts_s in reader:
            if pts_s - last >= every_s - 1e-6:
                last = pts_s
                yield pts_s, frame.to_ndarray(format="bgr24")
