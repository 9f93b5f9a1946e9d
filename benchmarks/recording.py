"""What recording a live camera costs: annotated, original and events against none.

    python benchmarks/recording.py clip.mp4
    python benchmarks/recording.py clip.mp4 --size 640x360 --seconds 30 --repeats 5

The clip is brought to the size and sent in a loop at 25 fps by GStreamer's RTSP server (see tests/live). `roadtally
run` counts on it for a while with each way of recording, in turns. Cost is the processor time of all workers but the
detector's, a picture, from when everything is open; what it takes without any recording is subtracted. So it holds the
copy of the picture for the recorder, drawing and encoding, and writing.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import av
import numpy as np
from timing import HERE, machine, markdown

sys.path.insert(0, str(HERE.parent))
from tests.live.camera import camera, write_units

WAYS = ("none", "original", "events", "annotated")
LINE = "A:0.05,0.55,0.95,0.55"
ENCODING = {"preset": "veryfast", "g": "50", "bf": "0", "crf": "26"}


def pictures(clip: Path, width: int, height: int, most: int) -> Iterator[np.ndarray]:
    with av.open(str(clip)) as container:
        for k, frame in enumerate(container.decode(video=0)):
            if k == most:
                return
            yield frame.reformat(width, height, "bgr24", interpolation="BICUBIC").to_ndarray()


def core_ms(port: int, out: Path, way: str, seconds: float) -> tuple[float, int]:
    """Processor time a picture of the workers that do not detect, and how many pictures there were."""
    command = [sys.executable, "-m", "stream.cli", "run", f"rtsp://127.0.0.1:{port}/road", "--line", LINE]
    command += ["--out", str(out), "--record", way]
    with subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.DEVNULL) as process:  # noqa: S603
        deadline_s = time.monotonic() + 60
        while not (out / "trajectories.arrow").exists():
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit(f"the run with --record {way} did not start")
            time.sleep(0.1)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    metrics: dict[str, float] = json.loads((out / "run.json").read_text())["metrics"]
    spent_s = sum(_of_workers(metrics, "roadtally_cpu_seconds_total"))
    spent_s -= sum(_of_workers(metrics, "roadtally_open_cpu_seconds"))
    frames = int(sum(value for key, value in metrics.items() if key.startswith("roadtally_frames_total")))
    return 1000 * spent_s / frames, frames


def _of_workers(metrics: dict[str, float], name: str) -> list[float]:
    return [value for key, value in metrics.items() if key.startswith(f"{name}{{") and "detect" not in key]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=300, help="of the clip, sent in a loop")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    width, _, height = given.size.partition("x")
    costs: dict[str, list[float]] = {way: [] for way in WAYS}
    counts: dict[str, list[int]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        wanted = pictures(given.clip, int(width), int(height), given.pictures)
        units = write_units(Path(folder) / "units", wanted, options=ENCODING)
        mbit = units.stat().st_size * 8 * 25 / given.pictures / 1e6
        with camera(units) as server:
            for k in range(given.repeats):
                for way in WAYS:
                    cost, frames = core_ms(server.port, Path(folder) / f"{way}{k}", way, given.seconds)
                    costs[way].append(cost)
                    counts[way].append(frames)
    print(machine(), f"\n{given.size}, {mbit:.1f} Mbit/s, medians of {given.repeats} turns of {given.seconds:g} s\n")
    base = median(costs["none"])
    burned = median(costs["annotated"]) - base
    rows = [
        (way, median(counts[way]), median(costs[way]), median(costs[way]) - base, (median(costs[way]) - base) / burned)
        for way in WAYS
    ]
    head = ("record", "pictures", "core-ms a picture without the detector", "of it recording", "share of annotated")
    print(markdown(head, [(*row[:4], f"{row[4]:.1%}") for row in rows]))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "costs": costs, "pictures": counts}, indent=1))


if __name__ == "__main__":
    main()
