"""Train the mask branch on silhouettes, with the trunk as it is.

    python -m models.training.train_masks SILHOUETTES.npz ... --out MASK.safetensors

The trunk does not learn, so each picture passes it a few times (at several sizes, mirrored, boxes moved as a detector
moves them), what RoIAlign cuts out is kept in memory, and the branch learns from that: minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as fn

from models.arch import MaskArch, NanoDetArch
from models.features import features_of
from models.files.mask_weights import write_mask_weights
from models.masks import POOLED, MaskNetwork
from models.registry import find_weights
from models.scoring.pictures import read_picture
from models.scoring.stills import letterboxed
from models.training.silhouettes import GRID, Silhouettes, read_silhouettes
from stream.geometry import Letterbox, fit_input
from stream.messages import MASK_SIZE

TRUNK = "roadtally-small"
LONG_SIDES = (320, 416, 512)  # px of the network input
MOVED = 0.06  # standard deviation by which a side of a box is moved, in box sides
LEAST_PX = 6.0  # of the shorter side of a box in the network input
BATCH, RATE, DECAY = 32, 2e-3, 1e-4


class Sample(NamedTuple):
    """pooled f16 (N, C, 14, 14), truth u8 (N, 28, 28), known bool (N, 28, 28), side f32 (N,): of the box, px."""

    pooled: Tensor
    truth: Tensor
    known: Tensor
    side: Tensor


def collect(network: MaskNetwork, found: Silhouettes, passes: int, seed: int) -> Sample:
    """What the branch sees of each silhouette, `passes` times. With one pass nothing is moved: for scoring."""
    rng, parts = np.random.default_rng(seed), []
    for path in np.unique(found.picture):
        picture, mine = read_picture(Path(str(path))), found.take(found.picture == path)
        for k in range(passes):
            long_side = LONG_SIDES[1] if passes == 1 else int(rng.choice(LONG_SIDES))
            parts.append(_look(network, picture, mine, (long_side, k % 2 == 1, passes > 1), rng))
    return Sample(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _look(
    network: MaskNetwork,
    picture: np.ndarray,
    found: Silhouettes,
    how: tuple[int, bool, bool],
    rng: np.random.Generator,
) -> Sample:
    """One pass of a picture. how: long side of the input, whether it is mirrored, whether boxes are moved."""
    long_side, mirrored, moved = how
    height, width = picture.shape[:2]
    xyxy, mask, known = found.xyxy, found.mask, found.known
    if mirrored:
        picture, mask, known = picture[:, ::-1], mask[:, :, ::-1], known[:, :, ::-1]
        xyxy = np.stack((width - xyxy[:, 2], xyxy[:, 1], width - xyxy[:, 0], xyxy[:, 3]), 1)
    sides = np.tile(xyxy[:, 2:] - xyxy[:, :2], 2)
    boxes = (xyxy + moved * MOVED * sides * rng.normal(size=xyxy.shape).clip(-2, 2)).astype(np.float32)
    letterbox = Letterbox((0, 0, width // 2 * 2, height // 2 * 2), fit_input((width, height), long_side))
    rois = letterbox.to_input(boxes)
    truth = [_moved(part.astype(np.float32), box, to) for part, box, to in zip(mask, xyxy, boxes, strict=True)]
    sure = [_moved(part.astype(np.float32), box, to, 1.0) for part, box, to in zip(known, xyxy, boxes, strict=True)]
    keep = (rois[:, 2:] - rois[:, :2]).min(1) >= LEAST_PX
    pixels = torch.from_numpy(letterboxed(np.ascontiguousarray(picture), letterbox)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        pooled = network.pool(network.features(pixels)["0"], torch.from_numpy(rois[keep])).half()
    return Sample(
        pooled.clone(),
        torch.from_numpy(np.array(truth)[keep].round().astype(np.uint8)),
        torch.from_numpy(np.array(sure)[keep] > 0.5),
        torch.from_numpy((rois[keep, 2:] - rois[keep, :2]).min(1)),
    )


def _moved(part: np.ndarray, box: np.ndarray, to: np.ndarray, outside: float = 0.0) -> np.ndarray:
    """What of a box (56, 56) lies in another -> f32 (28, 28)."""
    (x1, y1, x2, y2), (a1, b1, a2, b2) = box.tolist(), to.tolist()
    scale_x, scale_y = (a2 - a1) / (x2 - x1) * GRID / MASK_SIZE, (b2 - b1) / (y2 - y1) * GRID / MASK_SIZE
    left, top = (a1 - x1) / (x2 - x1) * GRID, (b1 - y1) / (y2 - y1) * GRID
    matrix = np.array([[scale_x, 0, left + scale_x / 2 - 0.5], [0, scale_y, top + scale_y / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    blurred = cv2.blur(part, (2, 2))  # two grid points a cell
    return cv2.warpAffine(blurred, matrix, (MASK_SIZE, MASK_SIZE), flags=flags, borderValue=outside)


def train(network: MaskNetwork, sample: Sample, steps: int, rate: float = RATE, seed: int = 0) -> None:
    """AdamW with a cosine; binary cross-entropy with soft truth, where the truth is known."""
    optimiser = torch.optim.AdamW(network.branch.parameters(), rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    chooser = torch.Generator().manual_seed(seed)
    network.branch.train()
    for step in range(steps):
        rows = torch.randint(len(sample.pooled), (BATCH,), generator=chooser)
        logits = network.branch(sample.pooled[rows].float())[:, 0]
        loss = fn.binary_cross_entropy_with_logits(logits, sample.truth[rows].float() / 255, reduction="none")
        known = sample.known[rows]
        mean = (loss * known).sum() / known.sum().clamp(min=1)
        optimiser.zero_grad()
        mean.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1} loss {mean.item():.4f}", flush=True)
    network.branch.eval()


def mask_iou(network: MaskNetwork, sample: Sample) -> np.ndarray:
    """IoU of each silhouette with its truth at probability 0.5, where that is known: f32 (N,)."""
    found = []
    with torch.inference_mode():
        for rows in torch.arange(len(sample.pooled)).split(64):  # type: ignore[no-untyped-call]
            mine = network.branch(sample.pooled[rows].float())[:, 0] > 0
            true, known = sample.truth[rows] >= 128, sample.known[rows]
            both, either = (mine & true & known).sum((1, 2)), ((mine | true) & known).sum((1, 2))
            found.append(both / either.clamp(min=1))
    iou: np.ndarray = torch.cat(found).numpy()
    return iou


def report(network: MaskNetwork, sample: Sample) -> str:
    """One line: the mean IoU, by the shorter side of the box in the network input; and what a full box would have."""
    iou, side = mask_iou(network, sample), sample.side.numpy()
    full = (((sample.truth >= 128) & sample.known).sum((1, 2)) / sample.known.sum((1, 2)).clamp(min=1)).numpy()
    parts = [("all", side > 0), ("< 16 px", side < 16), ("16 to 32", (side >= 16) & (side < 32)), ("> 32", side >= 32)]
    texts = [f"{name} {iou[k].mean():.3f} (box {full[k].mean():.3f}, {k.sum()})" for name, k in parts if k.any()]
    return "IoU " + ", ".join(texts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("silhouettes", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trunk", default=TRUNK, help="a NanoDet-Plus: a name from `roadtally models`, or a file")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    found = Silhouettes(*map(np.concatenate, zip(*map(read_silhouettes, given.silhouettes), strict=True)))
    weights = find_weights(given.trunk)
    features, (arch, _) = features_of(weights.network(), str(weights.path)), weights.tensors()
    assert isinstance(arch, NanoDetArch)  # features_of refused others
    network = MaskNetwork(MaskArch(arch))
    network.features.load_state_dict(features.state_dict())
    network.features.eval().requires_grad_(False)
    held_out = collect(network, found.take(found.held_out), 1, 0)
    sample = collect(network, found.take(~found.held_out), given.passes, 1)
    print(f"{len(sample.pooled)} to learn from, {len(held_out.pooled)} to score, {POOLED}x{POOLED}", flush=True)
    train(network, sample, given.steps)
    scored = report(network, held_out)
    print(scored)
    write_mask_weights(network, given.out, {"licence": "Apache-2.0", "trunk": given.trunk, "scored": scored})


if __name__ == "__main__":
    main()
