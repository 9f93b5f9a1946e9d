"""SIGKILL of a random worker at a random time: are the results those of an undisturbed run, and how soon does it go on?

    python benchmarks/recovery.py --kills 100 clip.mp4
    python benchmarks/recovery.py --kills 20 --supervisor clip.mp4     the supervisor instead, then `run --resume`

One kill a run. Compared are crossings, tracks, road users, the account of frames, and the times of the pictures in the
annotated video. Recovery is from the kill to the first picture recorded after it, as the supervisor sees it from the
metrics, which workers tell four times a second. Give short clips: a run takes as long as counting the clip.
Options of `run` come last.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import av
import psutil
from clips import CLIPS, find_clip, read_lines
from timing import HERE, line_options, machine, markdown

CLIP = "motorway_two_carriageways"  # 11 s
END_S = 180.0  # for a run to end
LEAVE_S = 10.0  # for the workers of a supervisor that was killed to have left


@dataclass(slots=True)
class Tally:
    """What came of all kills."""

    stages: Counter[str] = field(default_factory=Counter)
    recovery_s: list[float] = field(default_factory=list)
    differ: list[str] = field(default_factory=list)
    missed: int = 0  # the run was over


class Run:
    """`roadtally run` as a process."""

    def __init__(self, options: list[str]) -> None:
        command = [sys.executable, "-m", "stream.cli", "run", *options]
        self.process = psutil.Popen(command, cwd=HERE.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def workers(self) -> list[psutil.Process]:
        return [child for child in self.process.children() if "--multiprocessing-fork" in child.cmdline()]

    def end(self) -> None:
        _, error = self.process.communicate(timeout=END_S)
        if self.process.returncode:
            raise SystemExit(f"the run ended with {self.process.returncode}:\n{error.decode()}")


def results(out: Path) -> dict[str, Any]:
    """Everything that must not depend on a kill."""
    with sqlite3.connect(out / "events.sqlite") as database:
        tables = {
            name: database.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()  # noqa: S608
            for name in ("crossings", "visits", "users", "ledger")
        }
    video = out / "annotated.mp4"
    times: list[float] = []
    if video.exists():
        with av.open(str(video)) as container:
            times = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None]
    return {**tables, "tracks": (out / "tracks.txt").read_text(), "pictures": times}


def begin(options: list[str], out: Path, after_s: float) -> Run:
    """A run of which pictures have been stored for so long."""
    shutil.rmtree(out, ignore_errors=True)
    run = Run([*options, "--out", str(out)])
    while not stored(out) and run.process.poll() is None:
        time.sleep(0.02)
    time.sleep(after_s)
    return run


def stored(out: Path) -> bool:
    """Whether a checkpoint has been."""
    if not (out / "events.sqlite").exists():
        return False
    with sqlite3.connect(f"file:{out / 'events.sqlite'}?mode=ro", uri=True, timeout=5) as database:
        try:
            return database.execute("SELECT COUNT(*) FROM checkpoints").fetchone()[0] > 0
        except sqlite3.OperationalError:  # its tables are being made
            return False


def kill_worker(options: list[str], out: Path, after_s: float, chance: random.Random) -> tuple[str, float] | None:
    """(stage, seconds until it went on); None when there was nothing to kill."""
    run = begin(options, out, after_s)
    try:
        victim = chance.choice(run.workers())
        victim.kill()
    except (IndexError, psutil.NoSuchProcess):
        run.end()
        return None
    killed_utc = time.time()
    run.end()
    recoveries = json.loads((out / "run.json").read_text())["recoveries"]
    if not recoveries:  # it had done its work already
        return None
    first = recoveries[0]
    if first["recovery_s"] is None:
        raise SystemExit(f"{first['worker']}: no picture was recorded after it was killed")
    return first["worker"], first["died_utc"] + first["recovery_s"] - killed_utc


def has_left(process: psutil.Process) -> bool:
    """Also one that nobody has waited for yet."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def kill_supervisor(options: list[str], out: Path, after_s: float, chance: random.Random) -> tuple[str, float] | None:
    """("supervisor", seconds until all its workers had left); the run is then resumed."""
    del chance
    run = begin(options, out, after_s)
    workers = run.workers()
    if not workers:
        run.end()
        return None
    run.process.kill()
    killed_s = time.monotonic()
    run.process.wait()
    while not all(has_left(worker) for worker in workers):
        if time.monotonic() - killed_s > LEAVE_S:
            raise SystemExit(f"workers were still there after {LEAVE_S:.0f} s")
        time.sleep(0.02)
    left_s = time.monotonic() - killed_s
    Run(["--resume", str(out)]).end()
    return "supervisor", left_s


def disturb(given: argparse.Namespace, options: list[str], folder: Path) -> Tally:
    undisturbed = folder / "undisturbed"
    Run([*options, "--out", str(undisturbed)]).end()
    expected, about = results(undisturbed), json.loads((undisturbed / "run.json").read_text())
    lasts_s = about["wall_s"] - about["open_s"]
    tally, chance = Tally(), random.Random(given.seed)
    kill = kill_supervisor if given.supervisor else kill_worker
    while sum(tally.stages.values()) < given.kills:
        after_s = chance.uniform(0, 0.8 * lasts_s)  # the rest is over before the first checkpoint, and closing files
        done = kill(options, folder / "out", after_s, chance)
        if done is None:
            tally.missed += 1
            continue
        tally.stages[done[0]] += 1
        tally.recovery_s.append(done[1])
        found = results(folder / "out")
        wrong = [name for name in expected if found[name] != expected[name]]
        if wrong:
            tally.differ.append(f"{done[0]} after {after_s:.2f} s: {', '.join(wrong)}")
        print(f"{done[0]} after {after_s:.2f} s: {done[1]:.2f} s {'DIFFERS' if wrong else ''}", flush=True)
    return tally


def main() -> None:
    given = _arguments()
    given.clip = given.clip or find_clip(CLIPS, CLIP)
    print(machine(), "\n", flush=True)
    options = [str(given.clip), *given.options]
    if given.clip.parent.resolve() == CLIPS.resolve():
        options += line_options(read_lines(CLIPS).get(given.clip.stem, []))
    with tempfile.TemporaryDirectory() as name:
        tally = disturb(given, options, Path(name))
    rows: list[tuple[object, ...]] = [
        ("kills", ", ".join(f"{n} {stage}" for stage, n in sorted(tally.stages.items()))),
        ("too late, and left out", tally.missed),
        ("runs with the results of an undisturbed run", f"{given.kills - len(tally.differ)} of {given.kills}"),
        ("seconds, median", median(tally.recovery_s)),
        ("seconds, longest", max(tally.recovery_s)),
    ]
    print("\n" + markdown(("", "value"), rows))
    for line in tally.differ:
        print(line)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?", help=f"by default {CLIP} of the shared clips")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--supervisor", action="store_true", help="kill the supervisor, and resume")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of `roadtally run`")
    return parser.parse_args()


if __name__ == "__main__":
    main()
