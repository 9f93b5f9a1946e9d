"""Training the mask branch: what is learned from is what is seen, and it can be learned."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from models.arch import MaskArch, NanoDetArch
from models.features import features_of
from models.masks import MaskNetwork
from models.registry import find_weights
from models.training.silhouettes import GRID, Silhouettes
from models.training.train_masks import _moved, collect, mask_iou, report, train


def network_of() -> MaskNetwork:
    """A slim branch on the trunk as it is shipped."""
    torch.manual_seed(0)
    network = MaskNetwork(MaskArch(NanoDetArch(), width=8, convolutions=1)).eval()
    network.features.load_state_dict(
        features_of(find_weights("roadtally-small").network(), "roadtally-small").state_dict()
    )
    return network


def discs(folder: Path, count: int = 4) -> Silhouettes:
    """Pictures of a bright disc each, with its silhouette."""
    rng, paths, boxes = np.random.default_rng(0), [], []
    grid = np.hypot(*np.meshgrid(np.linspace(-1, 1, GRID), np.linspace(-1, 1, GRID))) < 1
    for k in range(count):
        picture = np.full((96, 160, 3), 60, np.uint8)
        x, y, radius = int(rng.integers(40, 120)), int(rng.integers(35, 60)), int(rng.integers(20, 32))
        cv2.circle(picture, (x, y), radius, (230, 200, 220), -1)
        paths.append(str(folder / f"{k}.png"))
        cv2.imwrite(paths[-1], picture)
        boxes.append((x - radius, y - radius, x + radius, y + radius))
    masks = np.repeat(grid[None].astype(np.uint8) * 255, count, 0)
    known = np.ones(masks.shape, bool)
    return Silhouettes(np.array(paths), np.array(boxes, np.float32), masks, known, np.zeros(count, bool))


def test_a_silhouette_stays_in_place_when_the_box_is_moved() -> None:
    part = np.zeros((GRID, GRID), np.float32)
    part[:, : GRID // 2] = 255  # the left half of a box from 0 to 100
    same = _moved(part, np.array([0, 0, 100, 100.0]), np.array([0, 0, 100, 100.0]))
    assert same[:, :13].min() == 255 and same[:, 15:].max() == 0
    shifted = _moved(part, np.array([0, 0, 100, 100.0]), np.array([25, 0, 125, 100.0]))
    assert shifted[:, :6].min() == 255 and shifted[:, 8:].max() == 0
    outside = _moved(part, np.array([0, 0, 100, 100.0]), np.array([-50, 0, 50, 100.0]))
    assert outside[:, :13].max() == 0 and outside[:, 15:].min() == 255


def test_silhouettes_are_learned_when_the_branch_is_trained(tmp_path: Path) -> None:
    network, found = network_of(), discs(tmp_path)
    sample = collect(network, found, 1, 0)
    assert sample.pooled.shape == (4, 128, 14, 14) and sample.truth.shape == (4, 28, 28)
    trunk = {name: value.clone() for name, value in network.features.state_dict().items()}
    train(network, sample, 60, rate=0.03)
    assert mask_iou(network, sample).mean() > 0.85
    assert all(torch.equal(value, trunk[name]) for name, value in network.features.state_dict().items())
    assert report(network, sample).startswith("IoU all 0.")


def test_a_picture_gives_several_looks_when_it_passes_several_times(tmp_path: Path) -> None:
    sample = collect(network_of(), discs(tmp_path, 2), 3, 0)
    assert len(sample.pooled) == 6 and len(set(sample.side.round().tolist())) > 2
