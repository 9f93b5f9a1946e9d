"""Masks, training, and a run from end to end on a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.contract import DetectorSpec, SegmenterSpec
from models.registry import open_detector, open_segmenter
from models.training.train import train
from tests.gpu.conftest import HW
from tests.pipeline.runs import configure, rows, run
from tests.unit.models.training.test_training import make_data, settings


def test_masks_are_those_of_f32_when_they_come_from_the_card(pictures: np.ndarray) -> None:
    (found,) = open_detector(DetectorSpec("roadtally-small", (HW,), "openvino", "f32")).start(pictures[:1]).result()
    masks = [
        open_segmenter(SegmenterSpec("roadtally-mask", (HW,), engine, precision)).masks(pictures[0], found.xyxy)
        for engine, precision in (("openvino", "f32"), ("torch", "auto"))
    ]
    assert len(found) and masks[0].max() > 128
    difference = np.abs(masks[0].astype(int) - masks[1])
    assert difference.mean() < 2 and (difference > 25).mean() < 0.01


def test_training_ends_with_weights_when_it_runs_in_bf16(tmp_path: Path) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    told: list[dict[str, Any]] = []
    network = train(settings(make_data(tmp_path), device=device, steps=3, batch=2), told.append)
    assert told[-1]["step"] == 3
    assert all(torch.isfinite(value).all() and value.device.type == device for value in network.parameters())
    assert train(settings(tmp_path, device=device, steps=4, batch=2), told.append) and told[-1]["step"] == 4  # goes on


def test_crossings_are_those_of_openvino_when_a_run_is_on_the_card(clip: Path, tmp_path: Path) -> None:
    found = []
    for engine in ("openvino", "torch"):
        raw = configure([clip], tmp_path / engine, masks={"every": 2, "engine": engine})
        raw["detector"] = {"model": "roadtally-small", "engine": engine, "input": 416, "batch": 3}
        report = run(raw)
        assert report.exit_code == 0
        found.append([(row["line"], row["direction"], row["class"]) for row in rows(tmp_path / engine)])
    assert sorted(found[0]) == sorted(found[1]) and found[0]
