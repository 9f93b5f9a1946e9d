"""A live camera on a machine that is too slow, with a budget and without, from the RTSP server to the store.

    python benchmarks/overload_live.py overhead_dusk --seconds 60 --ms 160

The clip is sent in a loop at 25 fps by GStreamer's RTSP server (see tests/live). The detector is the default one, held
back to `--ms` a look (slow_detector.py): 160 is four times what 25 fps allow. Crossings of a run are compared with the
true ones of as many rounds of the clip, as numbers. Latency is that of the whole run; the last move of the budget says
when it had settled. `skip` looks at every picture that finds the detector free, the others never leave the decoder;
`newest` is a run without a budget.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path

from clips import CLIPS, find_clip, read_lines
from soak import Run, pictures
from timing import line_options, machine, markdown

from stream.evaluation.counts import read_truth
from tests.live.camera import FPS, camera, write_units

GATE = "detector.gate"
HEAD = (
    "way",
    "looks/s",
    "p95 to event, ms",
    "max, ms",
    "counted",
    "true",
    "off by %",
    "moves",
    "last at, s",
    "last point",
)


def ways(profile: Path | None, latency_ms: float) -> dict[str, list[str]]:
    budget = ["--set", f"cameras.0.budget.latency_p95_ms={latency_ms}"]
    budget += ["--profile", str(profile)] if profile else []
    slow = ["--weights", "benchmarks.slow_detector:SlowDetector", "--no-video"]
    return {
        "skip": [*slow, "--set", f"{GATE}=off", "--set", "placement.slots=2"],
        "newest": [*slow, "--set", f"{GATE}=off"],
        "budget, no gate": [*budget, *slow, "--set", f"{GATE}=off"],
        "budget": [*budget, *slow],
    }


def read(out: Path, true_a_round: int, pictures_a_round: int) -> tuple[object, ...]:
    with sqlite3.connect(out / "events.sqlite") as database:
        decoded, detected = database.execute("SELECT decoded, detected FROM ledger").fetchone()
        counted = database.execute("SELECT COUNT(*) FROM crossings").fetchone()[0]
        moved = "SELECT COUNT(*), COALESCE(MAX(pts_s), 0) FROM notes WHERE kind = 'budget'"
        moves, last_s = database.execute(moved).fetchone()
    metrics = json.loads((out / "run.json").read_text())["metrics"]
    late = {k.rpartition('figure="')[2][:3]: v for k, v in metrics.items() if k.startswith("roadtally_latency_seconds")}
    true = true_a_round * decoded / pictures_a_round
    points = [k.partition('point="')[2].strip('"}') for k, v in metrics.items() if "operating_point" in k and v]
    off = 100 * (counted - true) / true
    figures = (round(1000 * late["p95"]), round(1000 * late["max"]), counted, round(true), f"{off:+.0f}")
    return (round(FPS * detected / decoded, 1), *figures, moves, round(last_s, 1), ", ".join(points))


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    os.environ["ROADTALLY_SLOW_MS"] = str(given.ms)
    clip, lines = find_clip(given.clips, given.clip), read_lines(given.clips)[given.clip]
    true = Counter(row.clip for row in read_truth(given.clips / "truth" / "crossings.csv"))[given.clip]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        shown = list(pictures(clip, 10**9))
        units = write_units(Path(folder) / "units", shown, options={"preset": "veryfast", "g": "50", "bf": "0"})
        for name, options in ways(given.profile, given.latency).items():
            with camera(units) as server:
                run = Run(server.port, Path(folder) / name, [*line_options(lines), *options])
                run.wait(given.seconds)
                run.end()
            rows.append((name, *read(Path(folder) / name, true, len(shown))))
            print(" ".join(str(cell) for cell in rows[-1]), flush=True)
    print("\n" + markdown(HEAD, rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", help="a clip's name")
    parser.add_argument("--clips", type=Path, default=CLIPS)
    parser.add_argument("--ms", type=float, default=160.0)
    parser.add_argument("--latency", type=float, default=300.0, help="the budget, p95 in ms")
    parser.add_argument("--profile", type=Path, help="of `roadtally tune`; default: every k-th picture")
    parser.add_argument("--seconds", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
