"""The speed and accuracy of every detector on the same roads and the same machine, after Huang et al. (CVPR 2017).

    python benchmarks/study.py                          # all that is missing; may be interrupted, and goes on
    python benchmarks/study.py --part speed --again     # the times anew, on a machine that does nothing else
    python benchmarks/study.py --quick                  # one size of each, few pictures and clips, for a look

Measured are rows (study_rows.py) in parts: speed (study_speed.py), accuracy and counts (study_accuracy.py). What is
measured is appended to a file of JSON lines; a row whose weights have changed is measured anew. At the end the tables
and the plot are made of what there is (study_report.py): study.csv, study.png, and the table in study.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import study_report
from study_accuracy import average_precision, counting, synthetic_clips, true_clips
from study_rows import SHARED, Row, all_rows, make_random_weights
from timing import machine

from stream.errors import RoadtallyError

HERE = Path(__file__).resolve().parent
PARTS = ("speed", "accuracy", "clips", "synth")
QUICK_CLIPS = ("motorway_dusk", "avenue_motorbikes")


class Store:
    """The JSON lines of what was measured: part, key of the row (or what it sees), stamp of its weights, figures."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    def has(self, part: str, key: str, stamp: str, turn: int = 0) -> bool:
        return any((one["part"], one["key"], one["stamp"], one["turn"]) == (part, key, stamp, turn)
                   for one in self.lines)  # fmt: skip

    def add(self, part: str, key: str, stamp: str, figures: dict[str, Any], turn: int = 0) -> None:
        line = {"part": part, "key": key, "stamp": stamp, "turn": turn, "figures": figures, "on": machine()}
        self.lines.append(line)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def forget(self, part: str, keys: set[str]) -> None:
        """In memory and in the file: to be measured anew."""
        self.lines = [one for one in self.lines if one["part"] != part or one["key"] not in keys]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("".join(json.dumps(one) + "\n" for one in self.lines), encoding="utf-8")


def measure_speed(rows: Sequence[Row], store: Store, given: argparse.Namespace) -> None:
    """The rows take turns, so that what disturbs the machine for a while disturbs none in all its turns."""
    for turn in range(given.turns):
        for row in rows:
            if not store.has("speed", row.key, row.stamp, turn):
                _tell("speed", row, f"turn {turn + 1}")
                store.add("speed", row.key, row.stamp, _speed(row, given.seconds), turn)


def _speed(row: Row, seconds: float) -> dict[str, Any]:
    height, width = row.input_hw
    words = (row.model, f"{width}x{height}", row.engine, row.precision, str(seconds))
    command = [sys.executable, str(HERE / "study_speed.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parent)  # noqa: S603
    if done.returncode:
        return {"left out": _printable((done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1])[:200]}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure_part(part: str, rows: Sequence[Row], store: Store, work: Callable[[Row], dict[str, Any]]) -> None:
    """Accuracy or counts of the rows that have weights; engines share what they see."""
    for row in rows:
        if row.weights != "none" and row.engine == "openvino" and not store.has(part, row.seen, row.stamp):
            _tell(part, row)
            try:
                figures = work(row)
            except RoadtallyError as error:
                figures = {"left out": _printable(str(error).splitlines()[0])}
            store.add(part, row.seen, row.stamp, figures)


def _printable(text: str) -> str:
    """Without the folders of this machine: the table is published."""
    return text.replace(f"{HERE.parent}/", "").replace(str(Path.home()), "~")


def _tell(part: str, row: Row, more: str = "") -> None:
    print(time.strftime("%H:%M:%S"), part, row.key, more, flush=True)


def main() -> None:
    given = _arguments()
    given.store.mkdir(parents=True, exist_ok=True)
    rows = all_rows(given.store, given.more, quick=given.quick)
    wanted = [row for row in rows if all(word in row.key for word in given.only)]
    store = Store(given.store / "rows.jsonl")
    parts = given.part or PARTS
    if given.again:
        for part in parts:
            store.forget(part, {key for row in wanted for key in (row.key, row.seen)})
    for row in wanted:
        make_random_weights(row)
    if "speed" in parts:
        measure_speed(wanted, store, given)
    if "accuracy" in parts:
        measure_part("accuracy", wanted, store, lambda row: average_precision(row, given.data, given.thin))
    if "clips" in parts:
        clips = true_clips(given.clips, QUICK_CLIPS if given.quick else ())
        measure_part("clips", wanted, store, lambda row: counting(row, clips, given.store))
    if "synth" in parts:
        scenes = synthetic_clips(given.store, quick=given.quick)
        measure_part("synth", wanted, store, lambda row: counting(row, scenes, given.store / "synth"))
    for path in study_report.write(rows, store.lines, given.out):
        print(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; repeat for several")
    parser.add_argument("--only", action="append", default=[], help="rows with this word in their key, `416 openvino`")
    parser.add_argument("--more", action="append", default=[], help="NAME=WEIGHTS: another detector of road users")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured")
    parser.add_argument("--quick", action="store_true", help="few rows, pictures and clips")
    parser.add_argument("--turns", type=int, default=0, help="of the speed of each row; default: 3, quick 1")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="a data set in COCO form")
    parser.add_argument("--clips", type=Path, default=SHARED / "clips", help="folder of clips and their truth/")
    parser.add_argument("--store", type=Path, help="what was measured; default: runs/study, or runs/study-quick")
    parser.add_argument("--out", type=Path, help="folder of study.csv, study.md, study.png; default: the store's")
    given = parser.parse_args()
    given.store = (given.store or Path("runs") / ("study-quick" if given.quick else "study")).resolve()
    given.out = (given.out or given.store).resolve()
    given.turns, given.thin = given.turns or (1 if given.quick else 3), 8 if given.quick else 1
    return given


if __name__ == "__main__":
    main()
