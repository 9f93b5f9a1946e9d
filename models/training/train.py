"""The training loop: fine-tunes a network from a published or own checkpoint on partially labelled pictures.

Adam with steps scaled by channel (see optimiser.py), warm-up and cosine, a moving average of the weights, check-points
from which a later run goes on. In bf16 and channels-last on processors with bf16 instructions and on CUDA.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.anchor_head import AnchorHead
from models.engines.device import check_device, computes_bf16
from models.families import family_name, family_of
from models.files.weights import write_weights
from models.nanodet import NanoDet
from models.network import Deployed, Network
from models.postprocess import PostProcess
from models.scoring.average_precision import evaluate, mean
from models.scoring.stills import Detect
from models.training.batches import Batch, Batches
from models.training.depthwise import hasten
from models.training.labels import IGNORE, read_sets
from models.training.loss import Loss
from models.training.pictures import PictureStore
from models.training.run import Run, begin, resume, save, start_network
from models.training.start_boxes import begin_boxes
from stream.errors import ModelError
from stream.messages import LABELS, Detections

LARGEST_GRADIENT = 10.0
LOG_STEPS = 25
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """A training run: it ends after `steps` or `minutes`, whichever is first; the learning rate falls towards that."""

    data: tuple[Path, ...]  # folders of data sets, see labels.read_data; the first one's `val` split is scored
    start: Path  # .onnx, .pth or .safetensors to start from
    out: Path  # folder of check-points, log and weights; a run found here is resumed
    shares: tuple[float, ...] = ()  # of the draws, for each set after the first; none: as their sizes say
    activation: str = ""  # of the network, where another than that of `start`: silu or hswish
    family: str = ""  # of the network, where another than that of `start`: its new head goes on its trained features
    frozen: bool = False  # what comes from another network stays as it is, only the new head learns
    steps: int = 6000
    minutes: float = float("inf")
    batch: int = 16  # pictures of 256x416; larger inputs come in smaller batches
    learning_rate: float = 1e-3  # part of its size that a channel's weights move in one step
    warmup: int = 200
    average: float = 0.998  # of the moving average of the weights
    mosaic: float = 0.45  # share of the pictures made of four
    seed: int = 0
    threads: int = 2
    device: str = "cpu"
    save_s: float = 150.0
    evaluate_s: float = 900.0
    long_side: int = 416  # of the input in evaluation


Tell = Callable[[dict[str, Any]], None]


def train(settings: TrainSettings, tell: Tell = lambda row: None) -> Network:
    """Train to the end of the settings, write out/weights.safetensors, and give back the averaged network.

    `tell` gets a dict now and then: step, progress 0..1 and the loss parts, or the AP50 of the classes, or `batch` when
    the memory did not suffice and it was halved. Raises ConfigError on a bad data set or device, ModelError when the
    loss is no longer a number (the last check-point stays).
    """
    while True:
        try:
            return _train(settings, tell)
        except torch.OutOfMemoryError as error:
            if settings.batch == 1:
                raise ModelError("training", "not enough memory for one picture", "train a smaller network") from error
            settings = replace(settings, batch=settings.batch // 2)
            tell({"batch": settings.batch, "why": "out of memory"})


def detector_of(network: Network, score: float = 0.01) -> Detect:
    """A plain torch detector for evaluation, f32: u8 (B, h, w, 3) -> Detections in network pixels."""
    deployed = Deployed(network).eval()
    post = PostProcess(score, 0.6, tuple(range(len(LABELS))), family_name(network.arch))

    def detect(pictures: np.ndarray) -> list[Detections]:
        with torch.inference_mode():
            raw = deployed(torch.from_numpy(pictures).to(next(network.parameters()).device)).cpu().numpy()
        return [post(one, (pictures.shape[1], pictures.shape[2])) for one in raw]

    return detect


def _train(settings: TrainSettings, tell: Tell) -> Network:
    torch.set_num_threads(settings.threads)
    check_device(settings.device)
    sets = read_sets(settings.data, settings.shares, "train")
    store, data = PictureStore(sets, settings.out), [item for items in sets for item in items]
    batches = Batches(data, store, settings.batch, settings.seed, settings.mosaic)
    run = resume(settings.out, settings.device, settings.frozen) or _begin(settings, batches)
    if settings.device == "cpu" and _has_bf16(settings.device):
        hasten(run.network)
    began = time.monotonic() - run.elapsed_s
    saved = scored = run.elapsed_s
    losses: list[Loss] = []
    for batch in batches.after(run.step):
        if _progress(settings, run) >= 1:
            break
        losses.append(_step(run, batch, settings))
        run.step, run.elapsed_s = run.step + 1, time.monotonic() - began
        if run.step % LOG_STEPS == 0:
            tell(_log(settings, run, losses))
            losses.clear()
        if run.elapsed_s - saved > settings.save_s:
            save(run, settings.out)
            saved = run.elapsed_s
        if run.elapsed_s - scored > settings.evaluate_s:
            tell(_score(settings, run))
            scored = run.elapsed_s
    save(run, settings.out)
    write_weights(run.averaged, settings.out / WEIGHTS, {"steps": str(run.step)})
    tell(_score(settings, run))
    return run.averaged


def _begin(settings: TrainSettings, batches: Batches) -> Run:
    network = start_network(settings.start, settings.activation, settings.family)
    start, head = start_network(settings.start), getattr(network, "head", None)
    if isinstance(start, NanoDet) and isinstance(head, AnchorHead):
        begin_boxes(head, start, batches)
    return begin(network, settings.device, settings.frozen)


def _progress(settings: TrainSettings, run: Run) -> float:
    """How much of the run is behind it, 0..1."""
    return min(1.0, max(run.step / settings.steps, run.elapsed_s / (settings.minutes * 60)))


def _step(run: Run, batch: Batch, settings: TrainSettings) -> Loss:
    """One pass, one update of the weights and of their average."""
    warm = min(1.0, (run.step + 1) / settings.warmup)
    cosine = 0.02 + 0.98 * (1 + math.cos(math.pi * _progress(settings, run))) / 2
    pictures = torch.from_numpy(batch.pictures).to(settings.device).permute(0, 3, 1, 2).float()  # channels-last already
    true_xyxy = [torch.from_numpy(b.xyxy[b.label != IGNORE]).to(settings.device) for b in batch.boxes]
    with torch.autocast(settings.device.split(":")[0], torch.bfloat16, enabled=_has_bf16(settings.device)):
        outputs = run.network.learn(pictures, true_xyxy)
    with _one_thread():
        leaves = [output.detach().float().requires_grad_() for output in outputs]
        height, width = batch.pictures.shape[1:3]
        loss: Loss = family_of(run.network.arch).part("loss")(*leaves, batch.boxes, (height, width))
        if not torch.isfinite(loss.total):
            what = f"the loss is {loss.total.item()} at step {run.step}"
            raise ModelError("training", what, "resume from the last check-point with a lower learning rate")
        pulls = torch.autograd.grad(loss.total, leaves)
    pulled = [(out, pull.to(out.dtype)) for out, pull in zip(outputs, pulls, strict=True) if out.requires_grad]
    torch.autograd.backward([out for out, _ in pulled], [pull for _, pull in pulled])
    with _one_thread(), torch.no_grad():
        run.optimiser.step(settings.learning_rate * warm * cosine, LARGEST_GRADIENT)
        keep = min(settings.average, (1 + run.step) / (10 + run.step))
        torch._foreach_lerp_(list(run.averaged.parameters()), list(run.network.parameters()), 1 - keep)
    return loss


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """For work in many small pieces: on a CPU, waking a second thread for each costs five times the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _log(settings: TrainSettings, run: Run, losses: list[Loss]) -> dict[str, Any]:
    row: dict[str, Any] = {"step": run.step, "progress": round(_progress(settings, run), 4)}
    row["elapsed_s"] = round(run.elapsed_s)
    for name in losses[0].parts:
        row[name] = round(float(np.mean([loss.parts[name] for loss in losses])), 4)
    row["positives"] = round(float(np.mean([loss.positives for loss in losses])), 1)
    return _keep(settings, run, row)


def _score(settings: TrainSettings, run: Run) -> dict[str, Any]:
    """AP50 of the averaged network on the `val` split, where the first data set has one in COCO form."""
    annotations = settings.data[0] / "annotations.json"
    if not annotations.exists():
        return {"step": run.step}
    scores = evaluate(annotations, "val", detector_of(run.averaged), settings.long_side)
    if not any(s.boxes for s in scores):
        return {"step": run.step}
    row: dict[str, Any] = {s.label: round(100 * s.ap50, 1) for s in scores if s.boxes}
    total = mean(scores)
    return _keep(
        settings, run, {"step": run.step, "ap50": round(100 * total.ap50, 2), "ap": round(100 * total.ap, 2), **row}
    )


def _keep(settings: TrainSettings, run: Run, row: dict[str, Any]) -> dict[str, Any]:
    run.history.append(row)
    with (settings.out / "log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")
    return row


def _has_bf16(device: str) -> bool:
    """True where bf16 is faster than f32: graphics cards that compute in it, and processors with its instructions."""
    return computes_bf16() if device.startswith("cuda") else bool(torch.cpu._is_avx512_bf16_supported())
