"""How good detectors are on pictures that they were not trained on, how long one picture takes, and many at a time.

    python benchmarks/detectors.py --data ../shared/data roadtally-nano yolox_nano.onnx
    python benchmarks/detectors.py roadtally-nano --part curve --inputs 416x416 --batches 1 2 4 8 16 32 64 128

Average precision on the `val` split, by class and by view, at each input size, all in one run. A class is scored on the
pictures whose source annotates it. Milliseconds are those of a pass of one picture through the network and its
post-processing on one thread; the detectors take turns, and each figure is the median of the turns. core-ms is the
processor time of the same, which other programs disturb less. The curve has pictures a second by batch, from the
pictures in memory to their detections with all passes in flight, and those of the network alone over a batch that lies
on its device; the share is that of the better of the first two. The network alone and pinned memory are of torch.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from timing import machine, markdown

from models.bench import throughput
from models.contract import Detector, DetectorSpec
from models.engines.device import cuda_here
from models.engines.torch import TorchDetector
from models.noise import noise
from models.published.detector import TorchvisionDetector
from models.registry import open_detector
from models.scoring.average_precision import Scores, mean, score
from models.scoring.evaluation import LEAST_SCORE
from models.scoring.pictures import read_picture
from models.scoring.stills import StillDetector, letterboxed
from stream.errors import ModelError
from stream.geometry import Letterbox
from stream.messages import LABELS, Detections

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
VIEWS = ("all", "fixed", "street")
HEAD = ("detector", "precision", "input", "view", "AP50", "AP", *LABELS)
SPEED_HEAD = ("detector", "precision", "input", "ms a picture", "core-ms a picture")
CURVE_HEAD = ("detector", "precision", "input", "batch", "pictures/s", "from pinned memory", "network alone", "share %")


def scores_of(given: argparse.Namespace, model: str, precision: str, long_side: int) -> dict[str, list[Scores]]:
    """Scores by view, each by class, on the pictures of the split."""
    dataset = json.loads((given.data / "annotations.json").read_text())
    images = [image for image in dataset["images"] if image.get("split", given.split) == given.split]
    images = images[:: given.thin]
    detector = StillDetector(model, LEAST_SCORE, given.threads, precision)
    found: dict[int, Detections] = {
        image["id"]: detector.detect(read_picture(given.data / image["file_name"]), long_side) for image in images
    }
    detector.close()
    views = {view: [image for image in images if view in ("all", image.get("view"))] for view in VIEWS}
    return {view: score(dataset, seen, found) for view, seen in views.items() if seen}


def accuracy_rows(given: argparse.Namespace) -> list[tuple[object, ...]]:
    """Rows under HEAD; the cell of a class is its AP50 (true boxes)."""
    rows: list[tuple[object, ...]] = []
    for model in given.detector:
        for precision in given.precision:
            for long_side in given.sizes:
                try:
                    by_view = scores_of(given, model, precision, long_side)
                except ModelError as error:
                    print(f"{model} {precision}: left out, {error}", flush=True)
                    continue
                for view, scores in by_view.items():
                    total = mean(scores)
                    cells = (f"{100 * one.ap50:.1f} ({one.boxes})" if one.boxes else "-" for one in scores)
                    figures = (f"{100 * total.ap50:.1f}", f"{100 * total.ap:.1f}", *cells)
                    rows.append((Path(model).stem, precision, long_side, view, *figures))
                    print(*rows[-1], flush=True)
    return rows


def speed_rows(given: argparse.Namespace) -> list[tuple[object, ...]]:
    """Rows under SPEED_HEAD: all opened first, then measured in turns."""
    opened: dict[tuple[str, str, tuple[int, int]], Detector] = {}
    for model in given.detector:
        for precision in given.precision:
            for text in given.inputs:
                width, height = (int(side) for side in text.split("x"))
                spec = DetectorSpec(model, ((height, width),), given.engine, precision, threads=1, streams=1)
                try:
                    opened[model, precision, (height, width)] = open_detector(spec)
                except ModelError as error:
                    print(f"{model} {precision} {text}: left out, {error}", flush=True)
    turns: dict[tuple[str, str, tuple[int, int]], list[tuple[float, float]]] = {key: [] for key in opened}
    for _ in range(given.turns):
        for key, detector in opened.items():
            turns[key].append(one_turn(detector, key[2], given.seconds))
    for detector in opened.values():
        detector.close()
    return [
        (Path(model).stem, precision, f"{width}x{height}", *(median(times) for times in zip(*taken, strict=True)))
        for (model, precision, (height, width)), taken in turns.items()
    ]


def one_turn(detector: Detector, input_hw: tuple[int, int], seconds: float) -> tuple[float, float]:
    """(ms, core-ms) a picture."""
    began_s, used_s = time.perf_counter(), time.process_time()
    rate = throughput(detector, noise(input_hw, 1), seconds)
    share = (time.process_time() - used_s) / (time.perf_counter() - began_s)
    return 1000 / rate, 1000 / rate * share


def curve_rows(given: argparse.Namespace) -> list[tuple[object, ...]]:
    """Rows under CURVE_HEAD: one a batch."""
    rows: list[tuple[object, ...]] = []
    for model, precision, text, batch in itertools.product(
        given.detector, given.precision, given.inputs, given.batches
    ):
        width, height = (int(side) for side in text.split("x"))
        spec = DetectorSpec(model, ((height, width),), given.engine, precision, batch, threads=given.threads)
        try:
            with closing(open_detector(spec)) as detector:
                print(detector.describe, flush=True)
                figures = curve_figures(detector, road_pictures(given, (height, width), batch), given)
        except ModelError as error:
            print(f"{model} {precision} {text} {batch}: left out, {error}", flush=True)
            continue
        rows.append((Path(model).stem, precision, text, batch, *figures))
        print(*rows[-1], flush=True)
    return rows


def curve_figures(detector: Detector, pictures: np.ndarray, given: argparse.Namespace) -> list[object]:
    """The last four of CURVE_HEAD: medians of the turns that the ways take, of which the first is to warm up."""
    ways: dict[str, Callable[[], float]] = {"memory": partial(throughput, detector, pictures, given.seconds)}
    if isinstance(detector, TorchDetector | TorchvisionDetector):
        ways["alone"] = partial(network_alone, detector, pictures, given.seconds)
        if cuda_here():
            pinned = torch.from_numpy(pictures).pin_memory().numpy()
            ways["pinned"] = partial(throughput, detector, pinned, given.seconds)
    turns = [{name: way() for name, way in ways.items()} for _ in range(given.turns + 1)][1:]
    rates = {name: median(turn[name] for turn in turns) for name in ways}
    best = max(rates["memory"], rates.get("pinned", 0.0))
    share = 100 * best / rates["alone"] if "alone" in rates else "-"
    return [rates["memory"], rates.get("pinned", "-"), rates.get("alone", "-"), share]


def network_alone(detector: TorchDetector | TorchvisionDetector, pictures: np.ndarray, seconds: float) -> float:
    """Pictures per second."""
    passes = max(1, round(seconds / max(detector.run_alone(pictures, 1), 1e-6)))
    return passes * len(pictures) / detector.run_alone(pictures, passes)


def road_pictures(given: argparse.Namespace, input_hw: tuple[int, int], batch: int) -> np.ndarray:
    """u8 (B, h, w, 3): of the data set, some twice where it is small, so that there is something to find; noise where
    there is none."""
    if not (given.data / "annotations.json").exists():
        return noise(input_hw, batch)
    images = json.loads((given.data / "annotations.json").read_text())["images"]
    chosen = [images[k * len(images) // batch] for k in range(batch)]
    seen = [read_picture(given.data / image["file_name"]) for image in chosen]
    boxes = [Letterbox((0, 0, one.shape[1] // 2 * 2, one.shape[0] // 2 * 2), input_hw) for one in seen]
    return np.concatenate([letterboxed(one, box) for one, box in zip(seen, boxes, strict=True)])


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    parts = {"accuracy": (HEAD, accuracy_rows), "speed": (SPEED_HEAD, speed_rows), "curve": (CURVE_HEAD, curve_rows)}
    found = {name: work(given) for name, (_, work) in parts.items() if name in given.part}
    for name, rows in found.items():
        if rows:
            print("\n" + markdown(parts[name][0], rows))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), **found}, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", nargs="+", help="a name from `roadtally models`, or a file")
    parser.add_argument("--data", type=Path, default=DATA, help="a data set in COCO form")
    parser.add_argument("--split", default="val")
    parser.add_argument("--thin", type=int, default=1, help="only every n-th picture: a quick look")
    parser.add_argument("--sizes", type=int, nargs="+", default=[416, 512], help="long sides for AP")
    parser.add_argument("--inputs", nargs="+", default=["416x256", "416x416"], help="inputs for ms")
    parser.add_argument("--precision", nargs="+", default=["auto"], help="auto, f32, bf16, ...")
    parser.add_argument("--engine", default="auto", help="for the times: auto, openvino, torch")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64, 128], help="of the curve")
    parser.add_argument("--threads", type=int, default=0, help="but for ms a picture; 0: all cores")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one turn")
    parser.add_argument("--part", nargs="+", default=["accuracy", "speed"], help="accuracy, speed, curve")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
