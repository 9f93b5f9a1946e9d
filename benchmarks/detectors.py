"""How good detectors are on pictures that they were not trained on, and how long one picture takes.

    python benchmarks/detectors.py --data ../shared/data roadtally-nano yolox_nano.onnx

Average precision on the `val` split, by class and by view, at each input size, all in one run. A class is scored on the
pictures whose source annotates it. Milliseconds are those of a pass of one picture through the network and its
post-processing on one thread; the detectors take turns, and each figure is the median of the turns. core-ms is the
processor time of the same, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median

from timing import machine, markdown

from models.bench import throughput
from models.contract import Detector, DetectorSpec
from models.registry import open_detector
from models.scoring.average_precision import Scores, mean, score
from models.scoring.evaluation import LEAST_SCORE
from models.scoring.pictures import read_picture
from models.scoring.stills import StillDetector
from stream.errors import ModelError
from stream.messages import LABELS, Detections

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
VIEWS = ("all", "fixed", "street")
HEAD = ("detector", "precision", "input", "view", "AP50", "AP", *LABELS)
SPEED_HEAD = ("detector", "precision", "input", "ms a picture", "core-ms a picture")


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
                spec = DetectorSpec(model, ((height, width),), precision=precision, threads=1, streams=1)
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
    rate = throughput(detector, input_hw, 1, seconds)
    share = (time.process_time() - used_s) / (time.perf_counter() - began_s)
    return 1000 / rate, 1000 / rate * share


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    accuracy = [] if given.no_accuracy else accuracy_rows(given)
    speed = [] if given.no_speed else speed_rows(given)
    if accuracy:
        print("\n" + markdown(HEAD, accuracy))
    if speed:
        print("\n" + markdown(SPEED_HEAD, speed))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "accuracy": accuracy, "speed": speed}, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", nargs="+", help="a name from `roadtally models`, or a file")
    parser.add_argument("--data", type=Path, default=DATA, help="a data set in COCO form")
    parser.add_argument("--split", default="val")
    parser.add_argument("--thin", type=int, default=1, help="only every n-th picture: a quick look")
    parser.add_argument("--sizes", type=int, nargs="+", default=[416, 512], help="long sides for AP")
    parser.add_argument("--inputs", nargs="+", default=["416x256", "416x416"], help="inputs for ms")
    parser.add_argument("--precision", nargs="+", default=["auto"], help="auto, f32, bf16, ...")
    parser.add_argument("--threads", type=int, default=0, help="for the average precision; 0: all cores")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one turn")
    parser.add_argument("--no-accuracy", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
