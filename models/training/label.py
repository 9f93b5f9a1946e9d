"""Auto-labelling: labels better than one pass of the detector, by looking at a picture many times.

See labeller.py for the looks at one picture. In a clip the boxes are tracked forward and backward, so that gaps are
filled and a wrong class is outvoted; what moves before a still camera prolongs tracks that the detector loses, and
where nobody knows what moved, training is told to learn nothing there. The result is a data set that `roadtally train`
reads: annotations.json without human labels, and machine.jsonl with scores.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from models.scoring.pictures import PICTURES, read_picture
from models.scoring.truth import IGNORE_NAME
from models.training.labeller import LEAST_SCORE, Labeller
from models.training.labels import LABEL_SCORE
from models.training.moving import movement, unexplained
from models.training.tracklets import smooth
from stream.errors import SourceError
from stream.messages import LABELS, Detections
from stream.video.reader import VideoReader

MOVED_SCORE = 0.16  # what only moved may prolong a track, never begin one


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


def label_clip(
    clip: Path, out: Path, labeller: Labeller, every_s: float = 0.2, most: int = 0
) -> Iterator[tuple[float, Detections]]:
    """Label a clip: looks at a picture each `every_s`; yields (pts_s, detections) of the first look as it goes.

    The `most` pictures with the most going on, spread over the clip, stay in `out`; 0: all. What is stored was smoothed
    along forward and backward tracks. Raises SourceError if the clip cannot be read.
    """
    times, paths = _sample(clip, out / "pictures", every_s)
    looks: list[Detections] = []
    for pts_s, path in zip(times, paths, strict=True):
        looks.append(labeller.label(read_picture(path))[0])
        yield pts_s, looks[-1]
    moved = movement(paths)
    labels = steady(times, looks, moved)
    kept = busiest([len(parts) + len(look) for parts, look in zip(moved, looks, strict=True)], most)
    for row in set(range(len(paths))).difference(kept):
        paths[row].unlink()
    write_labels(out, [(paths[k], read_picture(paths[k]).shape[:2], labels[k], np.zeros(len(labels[k]))) for k in kept])


def steady(times_s: list[float], looks: list[Detections], moved: Sequence[np.ndarray]) -> list[Detections]:
    """Labels of successive pictures from the looks at them and from what moved, xyxy f32 (N, 4) a picture.

    A moving part that no box explains may prolong a track. What then is still unexplained becomes a box with a score
    that training takes for doubt.
    """
    seen = [_with_parts(look, parts, MOVED_SCORE) for look, parts in zip(looks, moved, strict=True)]
    return [_with_parts(found, parts, LEAST_SCORE) for found, parts in zip(smooth(times_s, seen), moved, strict=True)]


def _with_parts(found: Detections, parts_xyxy: np.ndarray, score: float) -> Detections:
    """The detections, and the moving parts that those which will be labels do not explain."""
    extra = unexplained(parts_xyxy, found.xyxy[found.score >= LABEL_SCORE])
    return Detections(
        np.concatenate((found.xyxy, extra)),
        np.concatenate((found.score, np.full(len(extra), score, np.float32))),
        np.concatenate((found.label, np.full(len(extra), LABELS.index("car"), np.int16))),
    )


def busiest(activity: Sequence[int], most: int) -> list[int]:
    """Which pictures to keep: the one with the most going on from each of `most` equal parts of the clip; 0: all."""
    if not 0 < most < len(activity):
        return list(range(len(activity)))
    parts = np.array_split(np.arange(len(activity)), most)
    return [int(part[np.asarray(activity)[part].argmax()]) for part in parts]


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


def _sample(clip: Path, folder: Path, every_s: float) -> tuple[list[float], list[Path]]:
    """Pictures of a clip at least `every_s` apart, written into the folder: their pts and their files."""
    folder.mkdir(parents=True, exist_ok=True)
    times: list[float] = []
    paths: list[Path] = []
    with VideoReader(str(clip)) as reader:
        for frame, pts_s in reader:
            if not times or pts_s - times[-1] >= every_s - 1e-6:
                paths.append((folder / f"{clip.stem}-{len(times):05d}.jpg").resolve())
                times.append(pts_s)
                cv2.imwrite(str(paths[-1]), frame.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, 92])
    return times, paths
