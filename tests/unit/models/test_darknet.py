"""Darknet's networks: the graph computes what torch's plain functions do, of any size, and says what does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from torch import Tensor
from torch.nn import functional as fn

from models.contract import DetectorSpec
from models.engines.graph_darknet import build
from models.registry import open_detector
from stream.errors import ModelError

CLASSES = 3
CFG = """
[net]
width=64   # not asked: any size is taken
[convolutional]
batch_normalize=1
filters=4
size=3
stride=1
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky
[maxpool]
size=2
stride=1
[convolutional]
filters=16
size=1
pad=1
activation=linear
[yolo]
mask=1,0
anchors=10,14, 23,27
classes=3
[route]
layers=-4
[upsample]
stride=2
[route]
layers=-1,1
[convolutional]
filters=8
size=1
activation=linear
[yolo]
mask=0
anchors=10,14, 23,27
classes=3
"""


def cfg_of(folder: Path, text: str = CFG) -> Path:
    path = folder / "tiny.cfg"
    path.write_text(text)
    return path


def numbers(seed: int = 2) -> list[np.ndarray]:
    """Of the three convolutions: bias, scale, mean, variance, kernel, as the file has them."""
    chance = np.random.default_rng(seed)
    found = []
    for out, inside, size, normalised in ((4, 3, 3, True), (8, 4, 3, True), (16, 8, 1, False), (8, 12, 1, False)):
        found.append(chance.normal(0, 0.5, out))
        if normalised:
            found += [chance.uniform(0.5, 1.5, out), chance.normal(0, 0.2, out), chance.uniform(0.3, 2, out)]
        found.append(chance.normal(0, 0.4, (out, inside, size, size)))
    return [values.astype(np.float32) for values in found]


def weights_of(cfg: Path, values: list[np.ndarray]) -> None:
    header = np.array([0, 2, 5], "<i4").tobytes() + np.array([32], "<i8").tobytes()
    cfg.with_suffix(".weights").write_bytes(header + b"".join(value.tobytes() for value in values))


def expected(x: Tensor, values: list[np.ndarray]) -> np.ndarray:
    """The same network by hand."""
    b1, s1, m1, v1, k1, b2, s2, m2, v2, k2, b3, k3, b4, k4 = (torch.from_numpy(value) for value in values)
    height, width = x.shape[2:]
    x = fn.leaky_relu(fn.batch_norm(fn.conv2d(x, k1, None, 1, 1), m1, v1, s1, b1, eps=0), 0.1)
    early = fn.max_pool2d(x, 2, 2)
    x = fn.leaky_relu(fn.batch_norm(fn.conv2d(early, k2, None, 2, 1), m2, v2, s2, b2, eps=0), 0.1)
    pooled = fn.max_pool2d(fn.pad(x, (0, 1, 0, 1), value=-torch.inf), 2, 1)
    coarse = fn.conv2d(pooled, k3, b3)
    fine = fn.conv2d(torch.cat((fn.interpolate(x, scale_factor=2.0), early), 1), k4, b4)
    rows = []
    for level, anchors in ((coarse, [(23, 27), (10, 14)]), (fine, [(10, 14)])):
        for a, anchor in enumerate(anchors):
            for j in range(level.shape[2]):
                for i in range(level.shape[3]):
                    v = level[0, a * 8 : a * 8 + 8, j, i]
                    step = torch.tensor([width / level.shape[3], height / level.shape[2]])
                    centre = (v[:2].sigmoid() + torch.tensor([i, j])) * step
                    rows.append(
                        torch.cat((centre, v[2:4].exp() * torch.tensor(anchor), v[4].sigmoid() * v[5:].sigmoid()))
                    )
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("hw", [(32, 32), (32, 96)])
def test_graph_computes_what_the_layers_say_when_it_is_of_any_size(hw: tuple[int, int], tmp_path: Path) -> None:
    cfg, values = cfg_of(tmp_path), numbers()
    weights_of(cfg, values)
    picture = np.random.default_rng(1).uniform(0, 1, (1, 3, *hw)).astype(np.float32)
    run = ov.Core().compile_model(build(cfg, hw), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert run(picture)[0][0] == pytest.approx(expected(torch.from_numpy(picture), values), rel=1e-3, abs=1e-3)


def test_boxes_come_out_when_a_description_names_a_cfg(tmp_path: Path) -> None:
    cfg, values = cfg_of(tmp_path), numbers()
    weights_of(cfg, values)
    (tmp_path / "mine.yaml").write_text("file: tiny.cfg\nclasses: {0: person, 1: car, 2: bus}\n")
    detector = open_detector(DetectorSpec(str(tmp_path / "mine.yaml"), ((32, 96),), score=0.2, precision="f32"))
    picture = np.random.default_rng(1).integers(0, 255, (1, 32, 96, 3), dtype=np.uint8)
    (found,) = detector.start(picture).result()
    detector.close()
    rgb = torch.from_numpy(picture[0, ..., ::-1].copy()).permute(2, 0, 1)[None] / 255
    best = expected(rgb, values)[:, 4:].max()
    assert found.score.max() == pytest.approx(best, abs=1e-3) if best >= 0.2 else len(found) == 0
    assert set(found.label.tolist()) <= {0, 2, 4}


@pytest.mark.parametrize(
    ("text", "values", "says"),
    [
        (None, numbers()[:-1], "cut off"),
        (None, [*numbers(), np.zeros(7, np.float32)], "7 numbers more"),
        ("[net]\n[lstm]\n[yolo]\n", numbers(), "holds layers lstm"),
        ("[net]\n[convolutional]\n", numbers(), r"no \[yolo\] layer"),
        ("nothing", numbers(), r"expected \[net\]"),
        ("[net]\n[route]\nlayers=-3\n[yolo]\n", numbers(), "layer 0, .route.: there is no layer -3"),
        ("[net]\n[convolutional]\nfilters=x\n[yolo]\n", numbers(), "layer 0, .convolutional."),
        ("[net]\n[convolutional]\nfilters=4\n[yolo]\nclasses=3\nanchors=1,2\n", numbers(), "expected 8 channels"),
    ],
)
def test_error_names_file_and_layer_when_files_do_not_fit(
    text: str | None, values: list[np.ndarray], says: str, tmp_path: Path
) -> None:
    cfg = cfg_of(tmp_path) if text is None else cfg_of(tmp_path, text)
    weights_of(cfg, values)
    with pytest.raises(ModelError, match=says) as caught:
        build(cfg, (64, 64))
    assert "tiny." in str(caught.value)


def test_error_names_the_place_when_there_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tiny\.weights"):
        build(cfg_of(tmp_path), (64, 64))
