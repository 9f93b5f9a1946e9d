"""What a picture costs around the network: the letterbox before it; threshold, decoding and suppression after it.

    python benchmarks/around_network.py

Pictures spread over every clip, as the pipeline sees them (default region and input). Each part is repeated on each
picture and counts with its least time, since other programs only ever add; the figures are medians over the pictures.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from clips import CLIPS, find_clip, read_lines
from timing import machine, markdown

from models.contract import DetectorSpec
from models.engines.openvino import OpenVinoDetector
from models.postprocess import PostProcess
from models.registry import find_weights
from stream.config.file import parse
from stream.plan.cameras import plan_camera
from stream.video import VideoReader, probe
from stream.video.shaper import Shaper

REPEATS = 7
HEAD = ("clip", "picture", "input", "boxes", "letterbox ms", "decode and NMS ms", "together ms")


class Timed:
    """The post-processing of a detector, which notes its least time for each picture."""

    def __init__(self, post: PostProcess) -> None:
        self._post, self.times_ms, self.boxes = post, [], []

    def __call__(self, raw: np.ndarray, input_hw: tuple[int, int]) -> object:
        self.times_ms.append(least_ms(lambda: self._post(raw, input_hw)))
        found = self._post(raw, input_hw)
        self.boxes.append(len(found))
        return found


def least_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - began_s)
    return 1000 * min(times)


def measure(clip: Path, lines: list[str], given: argparse.Namespace) -> tuple[object, ...]:
    """A row under HEAD, of medians."""
    named = dict(text.split(":", 1) for text in lines)
    camera = {"source": str(clip), "lines": {k: [float(n) for n in v.split(",")] for k, v in named.items()}}
    config, info = parse({"cameras": [camera]}, str(clip)), probe(str(clip))
    plan = plan_camera(config, config.cameras[0], info)
    input_hw = plan.letterbox.input_hw
    spec = DetectorSpec(given.weights, (input_hw,), threads=1, streams=1)
    detector = OpenVinoDetector(find_weights(given.weights), spec)
    detector._post = timed = Timed(detector._post)  # type: ignore[assignment]
    shaper, tensor, letterbox = Shaper(info, plan.letterbox, False), np.empty((*input_hw, 3), np.uint8), []
    with VideoReader(str(clip)) as reader:
        for index, (frame, _) in enumerate(reader):
            if index % given.every == 0:
                letterbox.append(least_ms(lambda frame=frame: shaper.shape(frame, None, tensor)))  # type: ignore[misc]
                detector.start(tensor[None]).result()
    detector.close()
    together = [a + b for a, b in zip(letterbox, timed.times_ms, strict=True)]
    sizes = f"{info.width}x{info.height}", f"{input_hw[1]}x{input_hw[0]}"
    return (clip.stem, *sizes, median(timed.boxes), median(letterbox), median(timed.times_ms), median(together))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of the clips and their truth/")
    parser.add_argument("--clip", action="append", help="a clip's name; repeat for several; default: all with lines")
    parser.add_argument("--weights", default="roadtally-nano", help="a name from `roadtally models`, or a file")
    parser.add_argument("--every", type=int, default=12, help="only every n-th picture")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    print(machine(), "\n", flush=True)
    lines = read_lines(given.clips)
    rows = [measure(find_clip(given.clips, name), lines[name], given) for name in given.clip or sorted(lines)]
    rows.append(("median of the clips", "", "", *(median(row[k] for row in rows) for k in range(3, len(HEAD)))))  # type: ignore[type-var]
    print(markdown(HEAD, rows))
    if given.json:
        given.json.write_text(
            json.dumps({"machine": machine(), "rows": [dict(zip(HEAD, r, strict=True)) for r in rows]})
        )


if __name__ == "__main__":
    main()
