"""Counted against true on every clip that has truth, matched crossing by crossing.

    python benchmarks/count_clips.py --json counts.json

A crossing matches a true one of the same line and direction within a second of the road user being on the line; rows of
the truth that are flagged count neither for nor against (see stream/evaluation/counts.py). Clips that show next to
nothing of the vehicles (--apart) are reported apart from the rest. No clip gets a setting of its own. The cause of a
difference is the probable one, see stream/evaluation/suspicion.py; the baseline leaves no tracks to tell it from.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections import Counter
from pathlib import Path

from clips import CLIPS, find_clip, read_lines
from timing import line_options, machine, markdown, run_baseline, run_roadtally

from stream.evaluation.counts import Score, read_truth, score, total
from stream.evaluation.recording import read_recording
from stream.evaluation.suspicion import probable_causes
from stream.messages import Crossing
from stream.results.replay import lanes_of, stored_config
from stream.video import probe

ERRORS = ("clip", "what", "line", "direction", "class", "frame", "track", "cause")
HEAD = ("clip", "true", "matched", "missed", "extra", "recall %", "precision %", "class %")


def count(clip: Path, lines: list[str], given: argparse.Namespace, out: Path) -> list[Crossing]:
    """The crossings that the product (or the baseline script, when its weights are given) counts on a clip."""
    if given.baseline:
        events = run_baseline(clip, given.baseline, lines, None).document["crossings"]
        return [_crossing(clip.stem, event) for event in events]
    options = line_options(lines) + [word for setting in given.set for word in ("--set", setting)]
    options += ["--weights", given.weights] if given.weights else []
    run_roadtally(clip, out, options + ([] if given.video else ["--no-video"]))
    return read_counted(out, clip.stem)


def read_counted(out: Path, clip: str) -> list[Crossing]:
    """The crossings that a run has stored."""
    with (out / "crossings.csv").open(newline="", encoding="utf-8") as file:
        return [_crossing(clip, row) for row in csv.DictReader(file)]


def _crossing(clip: str, row: dict[str, str]) -> Crossing:
    track_id, seq, pts_s = int(row["track_id"]), int(row["frame"]), float(row.get("pts_s", 0))
    return Crossing(clip, row["line"], row["direction"], track_id, row["class"], seq, pts_s, 0.0, 0.0)


def by_line(name: str, result: Score) -> list[tuple[object, ...]]:
    """Rows of clip, line, direction, class: true and counted (flagged truth and its counts left out)."""
    true = Counter((t.line, t.direction, t.label) for t in [*(t for t, _ in result.matched), *result.missed])
    counted = Counter((c.line, c.direction, c.label) for c in [*(c for _, c in result.matched), *result.extra])
    return [(name, *key, true[key], counted[key]) for key in sorted(true.keys() | counted.keys())]


def causes_of(out: Path, result: Score, counted: list[Crossing]) -> tuple[list[str], list[str]]:
    """The probable causes of what the run in `out` missed and counted too much, in order."""
    (lane,) = lanes_of(out, stored_config(out))
    recording = read_recording(lane)
    lines = {line.name: line for line in lane.scene.lines}
    missed, extra = probable_causes(result, counted, lines, recording.tracks, recording.fps)
    return list(missed), list(extra)


def errors(name: str, result: Score, causes: tuple[list[str], list[str]]) -> list[tuple[object, ...]]:
    """Every miss, extra and wrong class of a clip, with frame numbers."""
    rows = [
        (name, "miss", t.line, t.direction, t.label, f"{t.frame} ({t.first} to {t.last})", "", cause)
        for t, cause in zip(result.missed, causes[0], strict=True)
    ]
    rows += [
        (name, "extra", c.line, c.direction, c.label, str(c.seq), str(c.track_id), cause)
        for c, cause in zip(result.extra, causes[1], strict=True)
    ]
    rows += [
        (name, "class", t.line, t.direction, f"{t.label} as {c.label}", str(t.frame), str(c.track_id), "wrong class")
        for t, c in result.matched
        if t.label != c.label
    ]
    return sorted(rows, key=lambda row: int(row[5].split()[0]))


def summary(name: str, result: Score) -> tuple[object, ...]:
    """One row under HEAD."""
    matched, missed = len(result.matched), len(result.missed)
    shares = (f"{100 * share:.1f}" for share in (result.recall, result.precision, result.class_agreement))
    return (name, matched + missed, matched, missed, len(result.extra), *shares)


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    truth, lines, results = read_truth(given.clips / "truth" / "crossings.csv"), read_lines(given.clips), {}
    listed: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.clip or sorted(lines):
            clip = find_clip(given.clips, name)
            out = (given.out or Path(folder)) / name
            counted = count(clip, lines[name], given, out)
            result = score(counted, [row for row in truth if row.clip == name], probe(str(clip)).fps)
            unknown = ([""] * len(result.missed), [""] * len(result.extra))
            listed += errors(name, result, unknown if given.baseline else causes_of(out, result, counted))
            results[name] = result
            print(" ".join(str(cell) for cell in summary(name, results[name])), flush=True)
    together = total([result for name, result in results.items() if name not in given.apart])
    rows = [summary(name, result) for name, result in results.items()]
    rows.append(summary(f"all but {', '.join(given.apart)}" if given.apart else "all", together))
    print("\n" + markdown(HEAD, rows), "\n")
    lines_head = ("clip", "line", "direction", "class", "true", "counted")
    print(markdown(lines_head, [row for name, result in results.items() for row in by_line(name, result)]), "\n")
    print(markdown(ERRORS, listed))
    if given.json:
        given.json.write_text(json.dumps(_document(rows, listed), indent=2))


def _document(rows: list[tuple[object, ...]], listed: list[tuple[object, ...]]) -> dict[str, object]:
    return {
        "clips": [dict(zip(HEAD, row, strict=True)) for row in rows],
        "errors": [dict(zip(ERRORS, row, strict=True)) for row in listed],
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of the clips and their truth/")
    parser.add_argument("--clip", action="append", help="a clip's name; repeat for several; default: all with lines")
    parser.add_argument("--apart", action="append", default=None, help="clips reported apart; default: motorway_glare")
    parser.add_argument("--weights", help="detector: a name from `roadtally models`, or a file")
    parser.add_argument("--set", action="append", default=[], help="passed on to `roadtally run`, for all clips")
    parser.add_argument("--video", action="store_true", help="record annotated videos too (with --out)")
    parser.add_argument("--baseline", type=Path, help="weights: score baseline.py instead of roadtally")
    parser.add_argument("--out", type=Path, help="keep the results of every run here")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    given.apart = ["motorway_glare"] if given.apart is None else given.apart
    return given


if __name__ == "__main__":
    main()
