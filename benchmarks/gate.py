"""What the motion gate saves, and whether a crossing is lost by it: every clip with truth, without it and with it.

    python benchmarks/gate.py --json gate.json

A crossing is matched as count_clips.py does. `looks` is the share of the pictures that the network saw, `core-ms` the
processor time of a frame, start included. The gate is for roads that are empty most of the time; on a busy one every
picture passes that could show motion.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
from pathlib import Path

from clips import CLIPS, find_clip, read_lines
from count_clips import read_counted
from timing import line_options, machine, markdown, run_roadtally

from stream.evaluation.counts import Score, read_truth, score
from stream.video import probe

HEAD = (
    "clip",
    "looks %",
    "off: missed",
    "off: extra",
    "on: missed",
    "on: extra",
    "lost",
    "off: core-ms",
    "on: core-ms",
)


def count(clip: Path, lines: list[str], gate: str, options: list[str]) -> tuple[list, float, float]:
    """(crossings, share of pictures that were looked at, core-ms a frame)."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        words = [*line_options(lines), "--no-video", "--set", f"detector.gate={gate}", *options]
        timed = run_roadtally(clip, out, words)
        with sqlite3.connect(out / "events.sqlite") as database:
            decoded, detected = database.execute("SELECT decoded, detected FROM ledger").fetchone()
        return read_counted(out, clip.stem), detected / decoded, timed.core_ms


def row(name: str, off: Score, on: Score, looks: float, core_ms: tuple[float, float]) -> tuple[object, ...]:
    """lost: true crossings that were counted without the gate and not with it."""
    kept = {id(true) for true, _ in on.matched}
    lost = sum(id(true) not in kept for true, _ in off.matched)
    counts = (len(off.missed), len(off.extra), len(on.missed), len(on.extra), lost)
    return (name, f"{100 * looks:.0f}", *counts, *core_ms)


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    truth, lines, rows = read_truth(given.clips / "truth" / "crossings.csv"), read_lines(given.clips), []
    for name in given.clip or sorted(lines):
        clip, true = find_clip(given.clips, name), [one for one in truth if one.clip == name]
        fps = probe(str(clip)).fps
        without, _, off_ms = count(clip, lines[name], "off", given.options)
        counted, looks, on_ms = count(clip, lines[name], "on", given.options)
        rows.append(row(name, score(without, true, fps), score(counted, true, fps), looks, (off_ms, on_ms)))
        print(" ".join(str(cell) for cell in rows[-1]), flush=True)
    print("\n" + markdown(HEAD, rows))
    if given.json:
        given.json.write_text(json.dumps([dict(zip(HEAD, one, strict=True)) for one in rows], indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS)
    parser.add_argument("--clip", action="append", help="a clip's name; repeat for several; default: all with lines")
    parser.add_argument("--json", type=Path)
    parser.add_argument("options", nargs="*", help="of `roadtally run`, after --")
    return parser.parse_args()


if __name__ == "__main__":
    main()
