"""A machine that is many times too slow: how late results are, and how well they count, with a budget and without.

    python benchmarks/overload.py --overload 4 12
    python benchmarks/overload.py --overload 0.5                    a machine with time to spare
    python benchmarks/overload.py --clip none                       synthetic roads only: a minute

Roads come as from live cameras, at their own pace, on a simulated clock: the dearest look takes `--overload` times the
interval between two pictures, others less by the pixels of their input and by their network, 10 % more or less by
chance. What a look sees of a clip is what the network really sees, so the figures do not depend on this machine. Roads
are the clips at their own rate and at half of it, and synthetic ones of dense traffic at 12.5 pictures a second with
exact truth, seen by a simulated detector (roads.py). Compared are:

- skip:    a picture that comes while the device is busy is skipped: plain frame skipping
- newest:  the newest pictures wait, older ones are predicted: `roadtally run` without a budget
- budget:  the same with a budget (stream/budget/controller.py) and the points of a run without a profile; with the
           motion gate, as a live camera has it

Two errors are told. By truth: missed and extra crossings, matched as count_clips.py does. Added: the same, but
against what is counted when every picture is looked at, however late: what the overload does, without the errors of
detector and tracker. Both are means of `--rounds` runs that begin at another moment. late: p95 of the latency from 3 s
on, as a share of the budget, which is `--latency` of the dearest looks; the worst and the median of the roads.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from clips import CLIPS, find_clip, read_lines
from roads import clip_road, halved, points_for, synthetic_road
from slow_device import ALL, Device, Road, Way
from timing import machine, markdown

from models.registry import DEFAULT, LIGHTER
from stream.evaluation.counts import read_truth, score
from stream.messages import Crossing
from stream.truth import TrueCrossing

KINDS = ("clips", "clips, half rate", "synthetic, dense, 12.5 fps")
HEAD = ("overload", "roads", "true", "all", "way", "errors by truth", "errors added", "late, median", "late, worst")


def roads(given: argparse.Namespace) -> Iterator[tuple[str, Road]]:
    """(kind, road); clips that show next to nothing of the vehicles (--apart) are left out."""
    for seed in given.seeds:
        yield KINDS[2], synthetic_road(seed, given.model)
    if given.clip == ["none"]:
        return
    truth, lines = read_truth(given.clips / "truth" / "crossings.csv"), read_lines(given.clips)
    for name in given.clip or [name for name in sorted(lines) if name not in given.apart]:
        clip = find_clip(given.clips, name)
        road = clip_road(clip, lines[name], given.model, [row for row in truth if row.clip == name])
        yield KINDS[0], road
        yield KINDS[1], halved(road, clip)


def errors(road: Road, counted: list[Crossing], true: list[TrueCrossing]) -> int:
    result = score(counted, true, road.fps)
    return len(result.missed) + len(result.extra)


def taken_for_true(counted: list[Crossing]) -> list[TrueCrossing]:
    return [TrueCrossing(c.camera, c.line, c.seq, c.seq, c.seq, c.label, c.direction, "") for c in counted]


def compare(road: Road, given: argparse.Namespace) -> list[dict[str, object]]:
    """A row for each overload and way."""
    ways = (Way("skip", waiting=0), Way("newest"), Way("budget", points=points_for(road), gate=True))
    undisturbed, _ = Device(road, ALL, 0.0, 1.0).run()
    reference, rows = taken_for_true(undisturbed), []
    true, at_best = sum(not row.flag for row in road.true), errors(road, undisturbed, road.true)
    for overload in given.overload:
        budget_s = given.latency * overload / road.fps
        for way in ways:
            runs = [Device(road, way, overload, budget_s, seed).run() for seed in range(given.rounds)]
            row = {"road": road.name, "overload": overload, "way": way.name, "true": true, "all": at_best}
            row["errors"] = float(np.mean([errors(road, counted, road.true) for counted, _ in runs]))
            row["added"] = float(np.mean([errors(road, counted, reference) for counted, _ in runs]))
            row["late"] = float(np.median([p95_s for _, p95_s in runs])) / budget_s
            rows.append(row)
    return rows


def summary(rows: list[dict], kind: str, overload: float) -> list[tuple[object, ...]]:
    """Under HEAD, one row a way."""
    mine = [row for row in rows if row["kind"] == kind and row["overload"] == overload]
    found = []
    for way in dict.fromkeys(row["way"] for row in mine):
        own = [row for row in mine if row["way"] == way]
        sums = [sum(row[key] for row in own) for key in ("true", "all", "errors", "added")]
        late = [row["late"] for row in own]
        told = (f"{sums[2]:.1f}", f"{sums[3]:.1f}", f"{np.median(late):.2f}", f"{max(late):.2f}")
        found.append((f"{overload:g}", kind, sums[0], sums[1], way, *told))
    return found


def main() -> None:
    given = _arguments()
    if given.lighter:
        LIGHTER[given.model] = given.lighter
    print(machine(), "\n", flush=True)
    rows: list[dict] = []
    for kind, road in roads(given):
        for row in compare(road, given):
            rows.append(row | {"kind": kind})
            print(" ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    table = [row for overload in given.overload for kind in KINDS for row in summary(rows, kind, overload)]
    print("\n" + markdown(HEAD, table))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS)
    parser.add_argument("--clip", action="append", help="a clip's name, or none; repeat for several; default: all")
    parser.add_argument("--apart", action="append", default=["motorway_glare"], help="clips left out")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(range(1, 9)), help="of synthetic roads")
    parser.add_argument("--model", default=DEFAULT, help="a detector's name, or weights")
    parser.add_argument("--lighter", help="what a budget takes instead of it, where --model is a file")
    parser.add_argument("--overload", type=float, nargs="+", default=[4.0], help="interval of pictures in a look")
    parser.add_argument("--latency", type=float, default=1.5, help="the budget: so many looks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
