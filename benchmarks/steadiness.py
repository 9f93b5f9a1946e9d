"""How soon a moved camera is noticed, how well its lines follow, and what the watching costs.

    python benchmarks/steadiness.py CLIP...

Each clip is looked at once a second, as in a run: first as it is, then with its second half as seen by a camera that
was nudged, zoomed, turned or pointed at another clip. Prints a table: seconds from the move to its notice, and how far
the ends of a line then are from where they belong, px of the clip; then what one look costs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import av
import cv2
import numpy as np
from timing import machine, markdown

from stream.sight.alignment import moved
from stream.sight.steadiness import Steadiness

LEAST_S, AFTER_S = 8, 20  # before the move, and after it


def warps(width: int, height: int) -> dict[str, np.ndarray]:
    """What is done to the camera, as matrices f64 (2, 3)."""
    middle = (width / 2, height / 2)
    return {
        "nudged by 2 %": np.array([[1, 0, 0.02 * width], [0, 1, 0.01 * height]]),
        "nudged by 5 %": np.array([[1, 0, -0.05 * width], [0, 1, 0.03 * height]]),
        "pointed away by 20 %": np.array([[1, 0, 0.2 * width], [0, 1, 0.1 * height]]),
        "zoomed by 1.05": cv2.getRotationMatrix2D(middle, 0, 1.05),
        "zoomed by 1.3": cv2.getRotationMatrix2D(middle, 0, 1.3),
        "turned by 3 degrees": cv2.getRotationMatrix2D(middle, 3, 1.0),
        "turned by 8 degrees": cv2.getRotationMatrix2D(middle, 8, 1.0),
    }


def samples(clip: Path) -> list[np.ndarray]:
    """One luma a second."""
    with av.open(str(clip)) as container:
        rate = round(container.streams.video[0].average_rate or 25)
        return [f.to_ndarray(format="gray") for k, f in enumerate(container.decode(video=0)) if k % rate == 0]


def looped(pictures: list[np.ndarray], first: int, count: int) -> list[np.ndarray]:
    """So many from the first on, to and fro, so that there is no jump where they end."""
    there_and_back = [*pictures, *pictures[-2:0:-1]] if len(pictures) > 2 else pictures
    return [there_and_back[(first + k) % len(there_and_back)] for k in range(count)]


def watched(pictures: list[np.ndarray], points: np.ndarray) -> tuple[list[tuple[int, str, np.ndarray]], list[float]]:
    """(second, kind, matrix) of what was told, and seconds that each look took."""
    height, width = pictures[0].shape
    steadiness, told, costs_s = Steadiness((width, height), points), [], []
    for second, picture in enumerate(pictures):
        started_s = time.perf_counter()
        move = steadiness.look(picture, float(second))
        costs_s.append(time.perf_counter() - started_s)
        if move is not None:
            told.append((second, move.kind, move.matrix))
    return told, costs_s


def outcome(own: list[np.ndarray], warp: np.ndarray) -> str:
    height, width = own[0].shape
    points = np.array([(0.2 * width, 0.6 * height), (0.8 * width, 0.6 * height)])
    before = max(LEAST_S, len(own) // 2)
    after = [
        cv2.warpAffine(p, warp, (width, height), borderMode=cv2.BORDER_REFLECT) for p in looped(own, before, AFTER_S)
    ]
    told, _ = watched([*looped(own, 0, before), *after], points)
    if not told:
        return "not noticed"
    second, kind, matrix = told[0]
    if kind == "lost":
        return f"{second - before} s, lines stop"
    off = moved(matrix, points) - moved(np.vstack([warp, (0, 0, 1)]), points)
    return f"{second - before} s, {np.hypot(*off.T).max():.1f} px"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    cv2.setNumThreads(1)
    rows, looks_ms = [], []
    for clip in parser.parse_args().clips:
        own = samples(clip)
        height, width = own[0].shape
        told, costs_s = watched(own, np.array([(0.2 * width, 0.6 * height), (0.8 * width, 0.6 * height)]))
        alarms = ", ".join(f"{kind} at {second} s" for second, kind, _ in told) or "none"
        rows.append((clip.stem, alarms, *(outcome(own, warp) for warp in warps(width, height).values())))
        print(*rows[-1], sep="; ", flush=True)
        looks_ms.append((clip.stem, f"{width}x{height}", 1e3 * float(np.median(costs_s)), 1e3 * max(costs_s)))
    print(machine(), "\n")
    print(markdown(("clip", "alarms as it is", *warps(1, 1)), rows), "\n")
    print(markdown(("clip", "picture", "a look, ms: median", "most"), looks_ms))


if __name__ == "__main__":
    main()
