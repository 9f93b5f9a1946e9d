"""Counted against true on synthetic traffic: tracker and counter behind a simulated detector, many scenes.

    python benchmarks/count_synth.py --json count_synth.json

For each level of noise (see noise.py) and each seed, a scene of `roadtally synth` is simulated without being drawn, its
true boxes are what a detector of that noise would see, and every k-th frame is detected. The error of a count is the
difference to the truth by line and direction, over all scenes, as a share of the true crossings; recall and precision
are of crossings matched one by one, as in count_clips.py.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from noise import NOISES, Noise, detect
from timing import machine, markdown

from stream.counting import Counter
from stream.evaluation.counts import Score, score, total
from stream.messages import Crossing, Frame
from stream.scene import Line, Scene
from stream.settings import CountingSettings, TrackerSettings
from stream.synth import SynthSettings, TrueCrossing, TrueFrame, watch
from stream.tracking.tracker import Tracker

HEAD = ("noise", "every", "true", "counted", "error %", "missed", "extra", "recall %", "precision %", "class %")
Watched = tuple[list[TrueFrame], tuple[Line, ...], list[TrueCrossing]]


def count(watched: Watched, recipe: SynthSettings, noise: Noise, every: int) -> list[Crossing]:
    """The crossings that are counted in a scene."""
    frames, lines, _ = watched
    random = np.random.default_rng(recipe.seed)
    tracker = Tracker(TrackerSettings())
    counter = Counter(Scene("synth", recipe.width, recipe.height, lines), CountingSettings())
    counted: list[Crossing] = []
    for true in frames:
        seen = detect(true, noise, random)
        tracks = tracker.update(seen if true.seq % every == 0 else None, true.pts_s)
        counted += counter.update(Frame("synth", 0, true.seq, true.pts_s, 0, recipe.width, recipe.height), tracks)
    return [*counted, *counter.finish()]


def difference(result: Score) -> int:
    """Crossings too many or too few, by line and direction; flagged truth and its counts left out."""
    true = Tally((t.line, t.direction) for t in [*(t for t, _ in result.matched), *result.missed])
    counted = Tally((c.line, c.direction) for c in [*(c for _, c in result.matched), *result.extra])
    return sum(abs(counted[key] - true[key]) for key in true | counted)


def listed(seed: int, noise: Noise, every: int, result: Score) -> list[str]:
    """One line for each crossing that was missed or counted too much."""
    where = f"{noise.name}, every {every}, seed {seed}:"
    missed = [f"{where} missed {t.label} {t.direction}, frames {t.first} to {t.last}" for t in result.missed]
    extra = [f"{where} extra {c.label} {c.direction}, frame {c.seq}, track {c.track_id}" for c in result.extra]
    return missed + extra


def row(noise: Noise, every: int, results: Sequence[Score]) -> tuple[object, ...]:
    """One row under HEAD."""
    together = total(results)
    matched, missed, extra = len(together.matched), len(together.missed), len(together.extra)
    error = sum(map(difference, results)) / max(1, matched + missed)
    shares = (error, together.recall, together.precision, together.class_agreement)
    percent = [f"{100 * share:.2f}" for share in shares]
    return (noise.name, every, matched + missed, matched + extra, percent[0], missed, extra, *percent[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(range(1, 11)))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=int, nargs="*", default=[1])
    parser.add_argument("--list", action="store_true", help="name every missed and every extra crossing")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    print(machine(), "\n", flush=True)
    recipes = [SynthSettings(seed=seed, duration_s=given.seconds) for seed in given.seeds]
    scenes = [watch(recipe) for recipe in recipes]
    rows = []
    for noise in NOISES:
        for every in given.every:
            results = []
            for recipe, scene in zip(recipes, scenes, strict=True):
                results.append(score(count(scene, recipe, noise, every), scene[2], recipe.fps))
                if given.list:
                    print("\n".join(listed(recipe.seed, noise, every, results[-1])), flush=True)
            rows.append(row(noise, every, results))
    print(markdown(HEAD, rows))
    if given.json:
        given.json.write_text(json.dumps([dict(zip(HEAD, one, strict=True)) for one in rows], indent=2))


if __name__ == "__main__":
    main()
