"""What one detector costs, alone in a process of its own: called by study.py, which takes turns.

    python benchmarks/study_speed.py MODEL 416x256 openvino auto 1.0

Prints JSON. ms, ms_min: median and least of a pass of one picture on one thread, from pixels to boxes; best_ms: a
picture with all cores and the best of several batches; memory_mb: what this process takes at most beyond what it took
before the detector was opened, batches included; on a graphics card, what of the card's memory is held for it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
from study_rows import SHARED

from models.bench import throughput
from models.contract import DetectorSpec
from models.noise import noise
from models.registry import engines_here, open_detector
from models.scoring.stills import letterboxed
from stream.geometry import Letterbox

BATCHES = {"openvino": (1, 4), "torch": (1,)}
CUDA_BATCHES = (1, 4, 16, 32)


def main() -> None:
    model, size, engine, precision, seconds = sys.argv[1:]
    width, height = (int(side) for side in size.split("x"))
    spec = DetectorSpec(model, ((height, width),), engine, precision, threads=1, streams=1)
    open_detector(DetectorSpec("roadtally-nano", ((64, 64),), engine)).close()  # the engine's own share of memory
    card = engine == "torch" and engines_here()[0] == "torch"
    before_mb = _memory_mb(card)
    times = _alone(spec, _picture(height, width), float(seconds))
    batches = CUDA_BATCHES if card else BATCHES[engine]
    best_ms, batch = min(_together(spec, batch, float(seconds)) for batch in batches)
    figures = {"ms": float(np.median(times)), "ms_min": min(times), "best_ms": best_ms, "batch": batch}
    print(json.dumps(figures | {"memory_mb": max(0.0, _memory_mb(card) - before_mb)}))


def _alone(spec: DetectorSpec, picture: np.ndarray, seconds: float) -> list[float]:
    """Milliseconds of each pass."""
    detector = open_detector(spec)
    for _ in range(3):
        detector.start(picture).result()
    times: list[float] = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s or len(times) < 3:
        began_s = time.perf_counter()
        detector.start(picture).result()
        times.append(1000 * (time.perf_counter() - began_s))
    detector.close()
    return times


def _together(spec: DetectorSpec, batch: int, seconds: float) -> tuple[float, int]:
    """Milliseconds a picture on all cores, and the batch."""
    cores = len(os.sched_getaffinity(0))
    input_hw = spec.input_hw[0]
    detector = open_detector(
        DetectorSpec(spec.model, (input_hw,), spec.engine, spec.precision, max_batch=batch, threads=cores)
    )
    throughput(detector, noise(input_hw, batch), seconds / 4)
    rate = throughput(detector, noise(input_hw, batch), seconds)
    detector.close()
    return 1000 / rate, batch


def _picture(height: int, width: int) -> np.ndarray:
    """u8 (1, h, w, 3): a road of ../shared/data where that is, else noise."""
    import cv2

    found = sorted(Path(SHARED / "data/pictures").glob("manaus_cctv/*.webp"))
    pixels = cv2.imread(str(found[len(found) // 2])) if found else None
    if pixels is None:
        return np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
    return letterboxed(pixels, Letterbox((0, 0, pixels.shape[1], pixels.shape[0]), (height, width)))


def _memory_mb(card: bool) -> float:
    """The most that was held."""
    if card:
        import torch

        return torch.cuda.max_memory_reserved() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
