"""How fast a video is counted: `roadtally run` against the script of baseline.py, in turns.

    python benchmarks/end_to_end.py --weights yolox_nano.onnx

Both put every frame through the same published network. fps counts from when everything is open to when all files are
closed; whole fps counts from the start of the process. core-ms is processor time a frame over the whole process tree.
The two take turns (A B A B), so that a change of the machine's load meets both; each figure is a median.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from clips import CLIPS, find_clip, read_lines, upscale
from timing import Timed, line_options, machine, markdown, middle, run_baseline, run_roadtally

SMALL = ("motorway_two_carriageways", "overhead_dusk", "high_oblique_street")  # all 640x360
HEAD = (
    "clip",
    "video",
    "baseline fps",
    "roadtally fps",
    "ratio",
    "whole-process ratio",
    "baseline core-ms",
    "roadtally core-ms",
)


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    lines = read_lines(given.clips)
    with tempfile.TemporaryDirectory() as folder:
        clips = [(name, find_clip(given.clips, name)) for name in given.clip or SMALL]
        if not given.no_hd:
            name, path = clips[0]
            clips.append((f"{name} at 1080p", upscale(path, Path(folder) / "1080p.mp4")))
        rows, document = [], []
        for title, path in clips:
            for video in (True, False):
                pair = _take_turns(path, lines[title.split()[0]], video, given)
                rows.append(_row(title, video, *pair))
                document.append(_record(rows[-1], pair))
                print(markdown(HEAD, rows[-1:]).splitlines()[-1], flush=True)
    print("\n" + markdown(HEAD, rows))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "rows": document}, indent=2))


def _take_turns(
    clip: Path, lines: list[str], video: bool, given: argparse.Namespace
) -> tuple[list[Timed], list[Timed]]:
    options = ["--weights", str(given.weights), *line_options(lines)]
    options += [word for setting in given.set for word in ("--set", setting)] + ([] if video else ["--no-video"])
    theirs, ours = [], []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        run_roadtally(clip, out / "warm", options)  # converts and compiles the network once
        for turn in range(given.repeats):
            theirs.append(run_baseline(clip, given.weights, lines, out / "baseline.mp4" if video else None))
            ours.append(run_roadtally(clip, out / str(turn), options))
    return theirs, ours


def _row(title: str, video: bool, theirs: list[Timed], ours: list[Timed]) -> tuple[object, ...]:
    a, b = middle(theirs, "fps"), middle(ours, "fps")
    whole = middle(ours, "whole_fps") / middle(theirs, "whole_fps")
    return (title, "yes" if video else "no", a, b, b / a, whole, middle(theirs, "core_ms"), middle(ours, "core_ms"))


def _record(row: tuple[object, ...], pair: tuple[list[Timed], list[Timed]]) -> dict[str, object]:
    runs = {
        who: [
            {"fps": run.fps, "whole_fps": run.whole_fps, "core_ms": run.core_ms, "open_s": run.open_s} for run in timed
        ]
        for who, timed in zip(("baseline", "roadtally"), pair, strict=True)
    }
    return {**dict(zip(HEAD, row, strict=True)), "runs": runs}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="yolox_nano.onnx as published")
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of the clips and their truth/")
    parser.add_argument("--clip", action="append", help="a clip's name; repeat for several")
    parser.add_argument("--no-hd", action="store_true", help="leave out the first clip at 1080p")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="passed on to `roadtally run`")
    parser.add_argument("--json", type=Path, help="write every run here too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
