"""How well a detector sees and counts: average precision on held-out pictures, and crossings of clips with truth."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from clips import find_clip, read_lines
from count_synth import difference
from study_rows import Row

from models.contract import DetectorSpec
from models.scoring.average_precision import Scores, mean, score
from models.scoring.evaluation import LEAST_SCORE
from models.scoring.pictures import read_picture
from models.scoring.stills import StillDetector
from stream.budget.looks import Look
from stream.commands.run import configured
from stream.config.options import read_drawing
from stream.config.schema import Config
from stream.evaluation.counts import Score, read_truth, total
from stream.evaluation.counts import score as score_counts
from stream.messages import Detections
from stream.plan.cameras import CameraPlan, plan_camera
from stream.synth import SynthSettings, make
from stream.truth import TrueCrossing
from stream.tuning.looks import Looks, Network, look
from stream.tuning.measure import replay
from stream.video import probe

APART = ("motorway_glare",)  # shows next to nothing of the vehicles
SYNTH = {f"synth_{light}": SynthSettings(seed=seed, duration_s=40, light=light, density=1.5) for seed, light in
         ((101, "day"), (102, "dusk"), (103, "night"))}  # fmt: skip
PARTS = ("xyxy", "score", "label")
SIZES = ("small", "medium", "large")


def average_precision(row: Row, data: Path, thin: int) -> dict[str, Any]:
    """Figures on the `val` split of a data set: AP50 and AP, all and by class, AP50 by size of the box (COCO's limits,
    32² and 96² px of pictures of at most 480 px)."""
    dataset = json.loads((data / "annotations.json").read_text())
    images = [image for image in dataset["images"] if image.get("split", "val") == "val"][::thin]
    detector = StillDetector(row.model, LEAST_SCORE, precision=row.precision)
    try:
        found = {one["id"]: detector.detect(read_picture(data / one["file_name"]), row.input) for one in images}
    finally:
        detector.close()
    scores = score(dataset, images, found)
    all_ = mean(scores)
    sizes = {f"AP50 {name}": _percent(value) for name, value in zip(SIZES, all_.by_size, strict=True)}
    return {"AP50": _percent(all_.ap50), "AP": _percent(all_.ap), **sizes, **_by_class(scores), "pictures": len(images)}


def _by_class(scores: Sequence[Scores]) -> dict[str, float | None]:
    known = [one for one in scores if one.boxes]
    return {f"AP50 {one.label}": _percent(one.ap50) for one in known} | {
        f"AP {one.label}": _percent(one.ap) for one in known
    }


def _percent(share: float) -> float | None:
    return None if math.isnan(share) else round(100 * share, 2)


def counting(row: Row, clips: dict[str, Clip], store: Path) -> dict[str, Any]:
    """Crossings of clips: what the network sees is kept in `store` and goes through the tracker and the counter."""
    results = {name: clip.count(row, store) for name, clip in clips.items()}
    together = total([result for name, result in results.items() if name not in APART])
    matched, missed, extra = len(together.matched), len(together.missed), len(together.extra)
    true = max(1, matched + missed)
    miscounted = sum(difference(result) for name, result in results.items() if name not in APART)
    return {
        "true": matched + missed,
        "missed": missed,
        "extra": extra,
        "error": round(100 * (missed + extra) / true, 2),
        "count error": round(100 * miscounted / true, 2),
        "class": round(100 * together.class_agreement, 1),
        "clips": {name: [len(one.matched), len(one.missed), len(one.extra)] for name, one in results.items()},
    }


class Clip:
    """A video with its lines and its true crossings. name: unlike those of all others; files may be named alike."""

    def __init__(self, name: str, path: Path, lines: list[str], truth: list[TrueCrossing]) -> None:
        self.name, self.path, self._lines, self._truth = name, path, lines, truth

    def count(self, row: Row, store: Path) -> Score:
        config, camera = self._plan(row)
        kept = store / row.stamp / row.seen.replace(" ", "_").replace(",", "") / f"{self.name}.npz"
        looks = _read(kept) if kept.exists() else _looked(row, config, camera)
        if not kept.exists():
            _write(kept, looks)
        crossings = replay(config, camera.scene, looks, 1, gate=False).crossings
        return score_counts(crossings, self._truth, camera.info.fps)

    def _plan(self, row: Row) -> tuple[Config, CameraPlan]:
        settings = [f"detector.input={row.input}", "output.record=none"]
        config = configured(str(self.path), read_drawing(self._lines, None, None), {}, settings)
        return config, plan_camera(config, config.cameras[0], probe(str(self.path)))


def true_clips(folder: Path, only: Sequence[str]) -> dict[str, Clip]:
    """Those of ../shared/clips."""
    truth = read_truth(folder / "truth" / "crossings.csv")
    return {
        name: Clip(name, find_clip(folder, name), lines, [row for row in truth if row.clip == name])
        for name, lines in sorted(read_lines(folder).items())
        if not only or name in only
    }


def synthetic_clips(store: Path, *, quick: bool) -> dict[str, Clip]:
    """Made once by the scene maker, whose truth is exact. quick: one, and short."""
    short = {"synth_short": SynthSettings(seed=101, duration_s=8)}
    return dict(_synthetic(store, short if quick else SYNTH))


def _synthetic(store: Path, recipes: dict[str, SynthSettings]) -> Iterator[tuple[str, Clip]]:
    for name, recipe in recipes.items():
        folder = store / name
        if not (folder / "truth_lines.csv").exists():
            make(recipe, folder)
        with (folder / "truth_lines.csv").open(newline="", encoding="utf-8") as file:
            lines = [f"{r['line']}:{r['x1']},{r['y1']},{r['x2']},{r['y2']}" for r in csv.DictReader(file)]
        yield name, Clip(name, folder / "clip.mp4", lines, read_truth(folder / "truth_crossings.csv"))


def _looked(row: Row, config: Config, camera: CameraPlan) -> Looks:
    spec = DetectorSpec(row.model, (), row.engine, row.precision, score=config.detector.score)
    return look(config, camera, spec, Look(row.input, "whole", row.model, row.precision), math.inf)


def _write(path: Path, looks: Looks) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    xyxy, score_, label = (np.concatenate([getattr(one, part) for one in looks.seen]) for part in PARTS)
    counts = np.array([len(one) for one in looks.seen])
    np.savez_compressed(path, pts_s=np.array(looks.pts_s), counts=counts, xyxy=xyxy, score=score_, label=label)


def _read(path: Path) -> Looks:
    with np.load(path) as kept:
        ends = np.cumsum(kept["counts"])[:-1]
        parts = (np.split(kept[part], ends) for part in PARTS)
        seen = [Detections(*one) for one in zip(*parts, strict=True)]
        nothing = Network("", "", 0, "whole", 0.0, 0.0, 0.0, 0.0)
        return Looks(nothing, kept["pts_s"].tolist(), seen, [True] * len(seen))
