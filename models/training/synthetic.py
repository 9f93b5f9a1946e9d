"""Synthetic pictures with exact truth as a data set that `roadtally train` reads: many places, lights and densities."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from models.scoring.truth import IGNORE_NAME
from stream.messages import LABELS
from stream.synth import SynthSettings, TrueFrame, draw
from stream.synth.settings import Light, Where

PER_PLACE = 10  # pictures of one place
FPS, EVERY = 2.0, 4  # the traffic moves on in steps of half a second; a picture is drawn each two seconds
LIGHTS: tuple[Light, ...] = ("day", "dusk", "day", "night")
WHERE: tuple[Where, ...] = ("road", "crossroads", "road", "road", "t-junction")  # out of step with the lights
LEAST_VISIBLE = 0.35  # of a road user: of less, nobody could say what it is
LEAST_HEIGHT = 7.0  # px


def make_synthetic(out: Path, pictures: int, seed: int) -> Iterator[int]:
    """Draw pictures of the places seed, seed + 1, ... into `out`, with annotations.json; yields how many are done.

    What is hardly visible, or very small, is an ignored region.
    """
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    categories = [{"id": k, "name": name} for k, name in enumerate((*LABELS, IGNORE_NAME), 1)]
    stored: dict[str, list[dict[str, object]]] = {"images": [], "annotations": [], "categories": categories}
    for settings, picture, truth in _pictures(pictures, seed):
        number = len(stored["images"]) + 1
        name = f"pictures/{settings.seed:05d}-{truth.seq:03d}.jpg"
        cv2.imwrite(str(out / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
        about = {"width": settings.width, "height": settings.height, "split": "train", "source": "synthetic"}
        stored["images"].append({"id": number, "file_name": name, **about})
        stored["annotations"] += [
            {"id": len(stored["annotations"]) + k, "image_id": number, **box} for k, box in enumerate(_boxes(truth), 1)
        ]
        yield number
    (out / "annotations.json").write_text(json.dumps(stored))


def _pictures(count: int, seed: int) -> Iterator[tuple[SynthSettings, np.ndarray, TrueFrame]]:
    done = 0
    while done < count:
        place = seed + done // PER_PLACE
        rng = np.random.default_rng(place)
        settings = SynthSettings(
            place=WHERE[place % len(WHERE)],
            seed=place,
            light=LIGHTS[place % len(LIGHTS)],
            density=float(rng.uniform(0.4, 1.6)),
            lanes=int(rng.integers(1, 4)),
            fps=FPS,
            duration_s=min(PER_PLACE, count - done) * EVERY / FPS,
        )
        for picture, truth in draw(settings, EVERY):
            done += 1
            yield settings, picture, truth


def _boxes(truth: TrueFrame) -> Iterator[dict[str, object]]:
    """COCO annotations of the visible parts."""
    for label, share, xyxy in zip(truth.label, truth.visibility, truth.visible_xyxy.tolist(), strict=True):
        x1, y1, x2, y2 = xyxy
        if x2 - x1 < 1 or y2 - y1 < 1:
            continue
        known = share >= LEAST_VISIBLE and y2 - y1 >= LEAST_HEIGHT
        box = [round(value, 1) for value in (x1, y1, x2 - x1, y2 - y1)]
        category = int(label) + 1 if known else len(LABELS) + 1
        yield {"category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": int(not known)}
