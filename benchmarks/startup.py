"""How soon it works and how much memory it takes.

    python benchmarks/startup.py clip.mp4 --minutes 5

Times `roadtally --help`, and `roadtally run` from the start of the process to the first counted frame, with the
compiled network in the cache. Then counts a long 1920x1080 file (the clip, enlarged and repeated) and samples the
memory of the whole process tree: proportional set size, so that shared pages and shared memory count once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from clips import loop, upscale
from timing import HERE, environment, machine, markdown

FIRST_FRAME = "roadtally_first_frame_timestamp_seconds"
SAMPLE_S = 1.0
SETTLED = 0.3  # share of the run that is left out of the slope: buffers and caches fill


def help_s() -> float:
    """Wall seconds of `roadtally --help`, as installed."""
    started_s = time.perf_counter()
    command = [Path(sys.executable).parent / "roadtally", "--help"]
    subprocess.run(command, capture_output=True, check=True, env=environment())  # noqa: S603
    return time.perf_counter() - started_s


def first_frame_s(command: list[str], out: Path) -> float:
    """Wall seconds from the start of the process to the first counted frame."""
    started_s = time.time()
    subprocess.run(command, capture_output=True, check=True, cwd=HERE.parent, env=environment())  # noqa: S603
    metrics = json.loads((out / "run.json").read_text())["metrics"]
    return min(value for key, value in metrics.items() if key.startswith(FIRST_FRAME)) - started_s


def memory_mb(command: list[str]) -> np.ndarray:
    """(N, 2): seconds since the start and MB of the process tree, sampled while the command runs."""
    started_s, samples = time.monotonic(), []
    run = psutil.Popen(command, stdout=subprocess.DEVNULL, cwd=HERE.parent)
    while run.poll() is None:
        samples.append((time.monotonic() - started_s, tree_bytes(run) / 1e6))
        time.sleep(SAMPLE_S)
    if run.returncode:
        raise SystemExit(f"{' '.join(command)}: ended with {run.returncode}")
    return np.array(samples)


def tree_bytes(root: psutil.Popen) -> int:
    """Proportional set size of a process and all below it."""
    total = 0
    try:
        for process in (root, *root.children(recursive=True)):
            total += process.memory_full_info().pss
    except psutil.NoSuchProcess:
        pass  # it ended between the listing and the look
    return total


def slope_mb_a_minute(samples: np.ndarray) -> float:
    """Least squares over the settled part of the run, but for the last seconds, in which workers leave."""
    seconds, used = samples[int(SETTLED * len(samples)) : -3].T
    return float(60 * np.polyfit(seconds, used, 1)[0])


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "stream.cli", "run", str(given.clip), "--out", str(out)]
        more = ["--weights", given.weights] if given.weights else []
        first_frame_s([*command, *more], out)  # converts and compiles the network once
        rows: list[tuple[object, ...]] = [
            ("roadtally --help, s", median(help_s() for _ in range(given.repeats))),
            (
                "run to the first counted frame, s",
                median(first_frame_s([*command, *more], out) for _ in range(given.repeats)),
            ),
        ]
        print(markdown(("", "median"), rows), "\n", flush=True)
        if given.minutes:
            large = upscale(given.clip, Path(folder) / "1080p.mp4")
            long = loop(large, Path(folder) / "long.mp4", 60 * given.minutes)
            command[4] = str(long)
            samples = memory_mb([*command, *more])
            rows += [
                ("video, minutes", float(given.minutes)),
                ("run, minutes", float(samples[-1, 0] / 60)),
                ("memory, peak, MB", float(samples[:, 1].max())),
                ("memory, median, MB", float(np.median(samples[:, 1]))),
                ("memory, slope, MB a minute", slope_mb_a_minute(samples)),
            ]
            print(markdown(("", "value"), rows[2:]))
    if given.json:
        given.json.write_text(
            json.dumps({"machine": machine(), **{str(name): value for name, value in rows}}, indent=2)
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--weights", help="detector: a name from `roadtally models`, or a file")
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="length of the 1080p video for memory; 0: leave it out"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
