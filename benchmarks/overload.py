"""A machine that is four times too slow: how late results are, and how well they count, with a budget and without.

    python benchmarks/overload.py --json overload.json
    python benchmarks/overload.py --overload 0.5          a machine with time to spare

Each clip comes as from a live camera, at its own pace, on a simulated clock: a look at 416 takes `--overload` times the
interval between two pictures, smaller inputs less by their area, 10 % more or less by chance. What a look sees is what
the network really sees, so the figures do not depend on this machine. Compared are:

- all:     every picture is looked at, however late (what could be counted)
- skip:    a picture that comes while the detector is busy is skipped
- newest:  the newest pictures wait, older ones are predicted: `roadtally run` without a budget
- budget:  the same with a budget (stream/budget.py), its profile from `roadtally tune` without truth; with the motion
           gate, as a live camera has it, and without it

Errors are missed and extra crossings, matched as count_clips.py does. p95 is that of the pictures from 3 s on; the
budget is `--latency` looks at 416.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from clips import CLIPS, find_clip, read_lines
from timing import machine, markdown

from models.contract import DetectorSpec
from stream.budget import Budget, Controller, OperatingPoint
from stream.cameras import plan_camera
from stream.config import Config
from stream.config_file import parse
from stream.counting import Counter
from stream.evaluation.counts import Score, read_truth, score
from stream.messages import Crossing, Duty, Frame
from stream.options import read_lines as read_line_options
from stream.scene import Scene
from stream.tracking import Tracker
from stream.tuning.looks import Looks, look
from stream.tuning.measure import measure
from stream.tuning.profile import chosen
from stream.video import probe

INPUTS, EVERY = (416, 320, 256), (1, 2, 3, 4, 6, 8)
WAITING = 2  # of a live camera, as in stream/stages/detect.py
BEGUN_S = 3.0  # latency is measured from here on: the first seconds tell the controller where it is
OTHER_S = 0.005  # decoding, tracking and the ways between
HEAD = ("clip", "true", "all", "skip", "newest", "budget, no gate", "budget", "skip p95", "newest p95", "budget p95")


@dataclass
class Clip:
    """A clip and what each network sees in it."""

    name: str
    config: Config
    scene: Scene
    looks: dict[int, Looks]
    fps: float
    points: tuple[OperatingPoint, ...]


@dataclass
class Simulated:
    """One camera at one slow device."""

    clip: Clip
    overload: float
    controller: Controller | None = None
    gate: bool = False
    waiting: list[tuple[int, int]] = field(default_factory=list)  # picture, input
    free_s: float = 0.0
    looked: dict[int, tuple[int, float]] = field(default_factory=dict)  # picture -> input, when done
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def run(self, most_waiting: int) -> tuple[list[Crossing], float]:
        """(crossings, p95 of the latency in seconds). most_waiting: 0: skipped while the device is busy."""
        pts_s, moved = self.clip.looks[INPUTS[0]].pts_s, self.clip.looks[INPUTS[0]].moved
        for k, now_s in enumerate(pts_s):
            self._work(now_s)
            if self.gate and not moved[k]:
                continue
            input_ = INPUTS[0]
            if self.controller is not None:
                if not self.controller.asks("cam", now_s):
                    continue
                input_ = self.controller.point("cam").input
            if most_waiting or self.free_s <= now_s:
                self.waiting = [*self.waiting, (k, input_)][-max(1, most_waiting) :]
            self._work(now_s)
            if self.controller is not None:
                self.controller.decide(now_s)
        self._work(float("inf"))
        return self._count(keeps_all=most_waiting > 0)

    def _work(self, now_s: float) -> None:
        while self.waiting and self.free_s <= now_s:
            k, input_ = self.waiting.pop(0)
            came_s = self.clip.looks[INPUTS[0]].pts_s[k]
            area = (input_ / INPUTS[0]) ** 2
            cost_s = self.overload / self.clip.fps * area * self.chance.uniform(0.9, 1.1)
            self.free_s = max(self.free_s, came_s) + cost_s
            self.looked[k] = input_, self.free_s
            if self.controller is not None:
                self.controller.served(input_, 1000 * cost_s)
                self.controller.arrived("cam", self.free_s, self.free_s - came_s + OTHER_S)

    def _count(self, *, keeps_all: bool) -> tuple[list[Crossing], float]:
        tracker, counter = Tracker(self.clip.config.tracker), Counter(self.clip.scene, self.clip.config.counting)
        scene, crossings, delays, told_s = self.clip.scene, [], [], 0.0
        for k, came_s in enumerate(self.clip.looks[INPUTS[0]].pts_s):
            input_, done_s = self.looked.get(k, (0, came_s))
            if not input_ and not keeps_all:
                continue
            told_s = max(told_s, done_s)  # in order
            if came_s >= BEGUN_S:
                delays.append(told_s - came_s + OTHER_S)
            duty: Duty = "detect" if input_ else "predict"
            tracks = tracker.update(self.clip.looks[input_].seen[k] if input_ else None, came_s)
            frame = Frame(scene.camera, 0, k, came_s, 0, scene.width, scene.height, duty)
            crossings += counter.update(frame, tracks)
        return crossings + list(counter.finish()), float(np.percentile(delays, 95))


def read_clip(path: Path, lines: list[str]) -> Clip:
    """Let every network look at the whole clip, and tune without truth."""
    camera = {"source": str(path), "lines": read_line_options(lines), "roi": "full"}
    config = parse({"cameras": [camera], "detector": {"input": INPUTS[0]}, "output": {"record": "none"}}, "benchmark")
    plan = plan_camera(config, config.cameras[0], probe(str(path)))
    spec = DetectorSpec(config.detector.model, ())
    looks = {input_: look(config, plan, spec, input_, 1e9) for input_ in INPUTS}
    fps = (len(looks[INPUTS[0]].pts_s) - 1) / (looks[INPUTS[0]].pts_s[-1] - looks[INPUTS[0]].pts_s[0])
    return Clip(path.stem, config, plan.scene, looks, fps, tuned(config, plan.scene, looks))


def tuned(config: Config, scene: Scene, looks: dict[int, Looks]) -> tuple[OperatingPoint, ...]:
    """The front as `roadtally tune` finds it, costs by area: those of this machine do not matter here."""
    front = chosen(measure(config, scene, list(looks.values()), EVERY, None))
    return tuple(
        OperatingPoint(p.network.input, p.every, 10 * (p.network.input / INPUTS[0]) ** 2, p.expected_error)
        for p in front
    )


def compare(clip: Clip, given: argparse.Namespace) -> list[tuple[list[Crossing], float]]:
    """Crossings and p95 of each way, in the order of HEAD."""
    budget = Budget(given.latency * given.overload / clip.fps)
    ways = [Simulated(clip, 0.0).run(10**9), Simulated(clip, given.overload).run(0)]
    ways.append(Simulated(clip, given.overload).run(WAITING))
    for gate in (False, True):
        controller = Controller(clip.points, {"cam": budget})
        ways.append(Simulated(clip, given.overload, controller, gate).run(WAITING))
    return ways


def row(name: str, scores: Sequence[Score], p95_s: Sequence[float]) -> tuple[object, ...]:
    true = len(scores[0].matched) + len(scores[0].missed)
    errors = [len(one.missed) + len(one.extra) for one in scores]
    late = (f"{1000 * p95_s[i]:.0f} ms" for i in (1, 2, 4))
    return (name, true, *errors, *late)


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    truth, lines, rows = read_truth(given.clips / "truth" / "crossings.csv"), read_lines(given.clips), []
    for name in given.clip or sorted(lines):
        clip = read_clip(find_clip(given.clips, name), lines[name])
        ways = compare(clip, given)
        true = [one for one in truth if one.clip == name]
        rows.append(row(name, [score(crossings, true, clip.fps) for crossings, _ in ways], [p95 for _, p95 in ways]))
        print(" ".join(str(cell) for cell in rows[-1]), flush=True)
    sums = [sum(one[i] for one in rows if one[0] not in given.apart) for i in range(1, 7)]  # type: ignore[misc]
    rows.append((f"all but {', '.join(given.apart)}", *sums, "", "", ""))
    print("\n" + markdown(HEAD, rows))
    if given.json:
        given.json.write_text(json.dumps([dict(zip(HEAD, one, strict=True)) for one in rows], indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS)
    parser.add_argument("--clip", action="append", help="a clip's name; repeat for several; default: all with lines")
    parser.add_argument("--apart", action="append", default=["motorway_glare"], help="clips left out of the sum")
    parser.add_argument("--overload", type=float, default=4.0, help="a look at 416 takes so many picture intervals")
    parser.add_argument("--latency", type=float, default=1.5, help="the budget: so many looks at 416")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
