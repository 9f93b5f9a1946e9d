"""What masks cost: of a picture, of each object, and of the whole pipeline with and without, taking turns.

    python benchmarks/masks.py CLIP --line A:0,0.68,1,0.68

Times of the network are processor time of one thread. The pipeline is told in pictures a second and in processor time a
picture; its share is that of the medians.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import line_options, machine, markdown, middle, run_roadtally

from models.contract import Segmenter, SegmenterSpec
from models.registry import MASKS, open_segmenter
from stream.messages import MASK_SIZE

INPUT_HW = (256, 416)
OBJECTS = (1, 4, 16, 32)
REPEATS = 15


def cost_ms(segmenter: Segmenter, objects: int) -> float:
    """Processor time of a picture with so many objects: the least of some."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (*INPUT_HW, 3), dtype=np.uint8)
    corner = rng.uniform(0, 200, (objects, 2))
    xyxy = np.concatenate((corner, corner + rng.uniform(12, 50, (objects, 2))), 1).astype(np.float32)
    times = []
    for _ in range(REPEATS):
        started_s = time.process_time()
        found = segmenter.masks(picture, xyxy)
        times.append(time.process_time() - started_s)
    assert found.shape == (objects, MASK_SIZE, MASK_SIZE)
    return 1000 * min(times)


def network(model: str) -> None:
    """The table of the network alone."""
    segmenter = open_segmenter(SegmenterSpec(model, (INPUT_HW,), threads=1))
    ms = [cost_ms(segmenter, count) for count in OBJECTS]
    each, picture = np.polyfit(OBJECTS, ms, 1).tolist()
    print(
        f"{segmenter.describe}, {INPUT_HW[1]}x{INPUT_HW[0]}: {picture:.1f} ms a picture and {each:.2f} ms an object\n"
    )
    print(markdown(("objects", "ms"), list(zip(OBJECTS, ms, strict=True))), "\n", flush=True)


def pipeline(clip: Path, options: list[str], given: argparse.Namespace) -> None:
    """The clip with and without masks, taking turns."""
    ways = {"without": [], f"every {given.every}": ["--set", f"masks.every={given.every}"]}
    runs: dict[str, list] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(given.turns):
            for name, extra in ways.items():
                extra = [*extra, "--set", f"masks.model={given.model}"]
                runs[name].append(run_roadtally(clip, Path(folder) / f"{turn}{len(extra)}", options + extra))
    plain, masked = runs.values()
    made = sum(v for k, v in masked[-1].document["metrics"].items() if k.startswith("roadtally_masks_total"))
    rows = [(name, middle(of, "fps"), middle(of, "core_ms")) for name, of in runs.items()]
    print(markdown(("masks", "pictures/s", "core-ms a picture"), rows))
    shares = middle(masked, "fps") / middle(plain, "fps"), middle(plain, "core_ms") / middle(masked, "core_ms")
    print(f"\n{made:.0f} masks; {shares[0]:.0%} of the speed without; by processor time {shares[1]:.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--line", action="append", default=[], help="as for `roadtally run`; repeat for several")
    parser.add_argument("--set", action="append", default=[], help="passed on to `roadtally run`")
    parser.add_argument("--model", default=MASKS)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    print(machine(), "\n")
    network(given.model)
    if given.turns:
        settings = [word for setting in given.set for word in ("--set", setting)]
        pipeline(given.clip, line_options(given.line) + settings, given)


if __name__ == "__main__":
    main()
