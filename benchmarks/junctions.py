"""Turning movements through the whole pipeline: pictures of junctions, detector, tracker, counter, movements.

    python benchmarks/junctions.py --json junctions.json

Rendered clips (`roadtally synth --place`) of crossroads and T junctions, by day and at dusk, whose movements are known
exactly, each counted by `roadtally run` with default settings and a line on each arm. A counted movement is right when
a road user went from that line to that line then (the class is scored apart); each is used once. True movements with
a flag count neither for nor against (see stream/synth/movements.py). The table of a clip is its turning movement table:
its error is the sum of differences over the number of vehicles; GEH = sqrt(2 (m - c)^2 / (m + c)), of hourly volumes,
is the measure of traffic engineers, who ask for less than 5 in 85 % of the cells.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment
from timing import line_options, machine, markdown, run_roadtally

from stream.evaluation.counts import Score, read_truth, score
from stream.evaluation.movements import read_turns
from stream.results.movements import Turn
from stream.rows import read_rows
from stream.synth import SynthSettings, make
from stream.synth.arms import COMPASS
from stream.truth import TrueCrossing, TrueTurn

from count_clips import read_counted  # isort: skip

SLACK_S = 1.5  # between a counted and a true crossing of the first line
FIRST_SEEN_S = 15.0, 10.0  # of who was not counted there: so long before the crossing, or after it, it was first seen
HEAD = ("place", "true", "right", "lost", "false", "right %", "false %", "class %", "table error %", "GEH < 5 %")
Pair = tuple[int, int]
TURNS = ("right", "straight", "left", "round")


@dataclass(frozen=True, slots=True)
class Movements:
    """One clip. matched: true and counted from the same line to the same line; missed, extra: the others."""

    place: str
    hours: float
    matched: list[tuple[TrueTurn, Turn]]
    missed: list[TrueTurn]
    extra: list[Turn]
    crossings: Score

    def cells(self) -> Iterator[tuple[int, int]]:
        """True and counted of each movement of the table that has any."""
        true = Tally((t.origin, t.destination) for t in [*(t for t, _ in self.matched), *self.missed])
        counted = Tally((c.origin, c.destination) for c in [*(c for _, c in self.matched), *self.extra])
        return ((true[key], counted[key]) for key in true | counted)


def match(true: Sequence[TrueTurn], on_line_s: Sequence[tuple[float, float]], counted: Sequence[Turn]) -> list[Pair]:
    """Pairs of indices of one movement at about one time: as many as can be, unflagged and near ones first.

    Of a flagged one it is enough that an end of it is right: of who came before the clip, or left after it, the rest is
    a guess. on_line_s: from when to when each true one was on the first of its lines that it crossed in the clip.
    """
    worth = np.zeros((len(true), len(counted)))
    for i, (t, (first_s, last_s)) in enumerate(zip(true, on_line_s, strict=True)):
        for j, c in enumerate(counted):
            late_s = c.pts_s - min(max(c.pts_s, first_s), last_s)
            low_s, high_s = (SLACK_S, SLACK_S) if c.by == "gates" and not t.flag else FIRST_SEEN_S
            alike = (t.origin == c.origin) + (t.destination == c.destination)
            if (alike == 2 or (alike and t.flag and c.by == "path")) and -low_s <= late_s <= high_s:
                worth[i, j] = 500 * alike - 100 * bool(t.flag) + 20 * (t.label == c.label) - abs(late_s)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(i, j) for i, j in zip(rows.tolist(), columns.tolist(), strict=True) if worth[i, j] > 0]


def measure(settings: SynthSettings, out: Path, options: list[str]) -> Movements:
    """Make a clip (once), count it, compare."""
    name = f"{settings.place}, {settings.light}"
    folder = out / f"{settings.place}-{settings.light}-{settings.seed}"
    truth = [folder / f"truth_{what}.csv" for what in ("lines", "crossings", "movements")]
    clip = folder / "clip.mp4"
    if not truth[2].exists():
        make(settings, folder)
    lines = [",".join(line.split(",")[2:]) for line in truth[0].read_text().splitlines()[1:]]
    names = [line.split(",")[1] for line in truth[0].read_text().splitlines()[1:]]
    texts = [f"{name}:{ends}" for name, ends in zip(names, lines, strict=True)]
    run_roadtally(clip, folder / "run", [*line_options(texts), "--no-video", *options])
    turns = read_rows(folder / "run" / "movements.csv", ("movement", "origin", "destination", "pts_s", "by"), _turn)
    true, crossed = read_turns(truth[2]), read_truth(truth[1])
    pairs = match(true, [_on_line_s(turn, crossed, settings.fps) for turn in true], turns)
    used = {i for i, _ in pairs}, {j for _, j in pairs}
    return Movements(
        name,
        settings.duration_s / 3600,
        [(true[i], turns[j]) for i, j in pairs if not true[i].flag],
        [t for i, t in enumerate(true) if i not in used[0] and not t.flag],
        [c for j, c in enumerate(turns) if j not in used[1]],
        score(read_counted(folder / "run", "clip"), crossed, settings.fps),
    )


def _on_line_s(turn: TrueTurn, crossings: Sequence[TrueCrossing], fps: float) -> tuple[float, float]:
    ends = (turn.origin, "in"), (turn.destination, "out")
    rows = [row for row in crossings if (row.line, row.direction) in ends and row.frame == turn.frame]
    row = next(row for row in rows if row.label == turn.label)
    return row.first / fps, row.last / fps


def _turn(where: str, row: dict[str, str]) -> Turn:
    by: Literal["gates", "path"] = "gates" if row["by"] == "gates" else "path"
    ends = row["origin"], row["destination"]
    return Turn("clip", row["movement"], *ends, int(row["track_id"]), row["class"], float(row["pts_s"]), by)


def turn_of(origin: str, destination: str) -> str:
    """Whether a movement between two arms goes right, straight on, left or round."""
    quarters = round((COMPASS[destination] - COMPASS[origin]) / 90) % 4
    return ("round", "right", "straight", "left")[quarters]


def summary(name: str, results: Sequence[Movements]) -> tuple[object, ...]:
    """One row under HEAD."""
    right, lost, false = (sum(len(getattr(r, what)) for r in results) for what in ("matched", "missed", "extra"))
    same = sum(t.label == c.label for r in results for t, c in r.matched)
    cells = [(*cell, r.hours) for r in results for cell in r.cells()]
    error = sum(abs(m - c) for m, c, _ in cells)
    geh = [math.sqrt(2 * ((m - c) / hours) ** 2 / ((m + c) / hours)) for m, c, hours in cells]
    true = max(1, right + lost)
    shares = right / true, false / max(1, right + false), same / max(1, right), error / true
    return (name, right + lost, right, lost, false, *(f"{100 * share:.1f}" for share in shares),
            f"{100 * sum(g < 5 for g in geh) / max(1, len(geh)):.0f}")  # fmt: skip


def by_turn(results: Sequence[Movements]) -> list[tuple[object, ...]]:
    """Rows of the kind of movement: true, right, lost, false."""
    right = Tally(turn_of(t.origin, t.destination) for r in results for t, _ in r.matched)
    lost = Tally(turn_of(t.origin, t.destination) for r in results for t in r.missed)
    false = Tally(turn_of(c.origin, c.destination) for r in results for c in r.extra)
    return [(turn, right[turn] + lost[turn], right[turn], lost[turn], false[turn]) for turn in TURNS]


def listed(result: Movements, fps: float) -> Iterator[str]:
    """One line for each difference."""
    for t in result.missed:
        yield f"{result.place}: lost {t.label}, {t.origin} to {t.destination}, in at {t.frame / fps:.1f} s"
    for c in result.extra:
        who = f"{c.label}, {c.origin} to {c.destination}"
        yield f"{result.place}: false {who}, {c.pts_s:.1f} s, id {c.track_id}, by {c.by}"
    for true, counted in result.matched:
        if true.label != counted.label:
            yield f"{result.place}: {true.label} as {counted.label}, {true.origin} to {true.destination}"


def crossings(results: Sequence[Movements]) -> str:
    """The crossings of the same runs, in words."""
    matched, missed, extra = (sum(len(getattr(r.crossings, what)) for r in results) for what in
                              ("matched", "missed", "extra"))  # fmt: skip
    return f"crossings of the arms' lines: {matched} matched, {missed} missed, {extra} extra"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--fps", type=float, default=12.5)
    parser.add_argument("--set", action="append", default=[], help="passed on to `roadtally run`")
    parser.add_argument("--out", type=Path, help="keep the clips and runs here; clips that are there are used again")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    print(machine(), "\n", flush=True)
    options, results = [word for one in given.set for word in ("--set", one)], []
    with tempfile.TemporaryDirectory() as folder:
        for place in ("crossroads", "t-junction"):
            for light in ("day", "dusk"):
                for seed in given.seeds:
                    settings = SynthSettings(
                        place=place, light=light, seed=seed, duration_s=given.seconds, fps=given.fps
                    )
                    results.append(measure(settings, given.out or Path(folder), options))
                    print("\n".join(listed(results[-1], given.fps)), flush=True)
    names = dict.fromkeys(result.place for result in results)
    rows = [summary(name, [r for r in results if r.place == name]) for name in names] + [summary("all", results)]
    print("\n" + markdown(HEAD, rows), "\n")
    print(markdown(("movement", "true", "right", "lost", "false"), by_turn(results)), "\n")
    print(crossings(results))
    if given.json:
        given.json.write_text(json.dumps([dict(zip(HEAD, row, strict=True)) for row in rows], indent=2))


if __name__ == "__main__":
    main()
