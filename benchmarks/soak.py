"""A live camera for a long time, with faults at random: memory, latency, and whether every frame is accounted for.

    python benchmarks/soak.py --minutes 30 clip.mp4
    python benchmarks/soak.py --faults 200 --minutes 60 --pause 5 clip.mp4    200 faults: about 35 minutes
    python benchmarks/soak.py --minutes 1 --pause 0 clip.mp4                  without faults: latency
    python benchmarks/soak.py --minutes 3 --outage 10 clip.mp4 --no-video     outages only; options of `run` come last

The clip is sent in a loop at 25 fps by GStreamer's RTSP server (see tests/live), through a proxy that spoils it.
`roadtally run` counts on it in processes of its own and is interrupted at the end. A hang is a time without a counted
frame, longer than a fault and the camera's deadlines explain.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import psutil
from startup import slope_mb_a_minute, tree_bytes
from timing import HERE, machine, markdown

sys.path.insert(0, str(HERE.parent))
from tests.live.camera import camera, write_units
from tests.live.proxy import Proxy

SAMPLE_S = 1.0
OPEN_S = 240.0  # for the run to count its first frame, on a busy machine, too
HANG_S = 20.0  # without a counted frame after a fault is over: open and picture deadlines, and the longest wait

Fault = Callable[[Proxy, float], None]


def off(proxy: Proxy, seconds: float) -> None:
    proxy.refuse()
    time.sleep(seconds)
    proxy.restore()


def freeze(proxy: Proxy, seconds: float) -> None:
    proxy.frozen = True
    time.sleep(seconds)
    proxy.frozen = False


def damage(proxy: Proxy, seconds: float) -> None:
    proxy.damage = 0.02
    time.sleep(seconds)
    proxy.damage = 0.0


def delay(proxy: Proxy, seconds: float) -> None:
    proxy.delay_s = 0.2
    time.sleep(seconds)
    proxy.delay_s = 0.0


def drop(proxy: Proxy, seconds: float) -> None:
    proxy.drop()


def half_close(proxy: Proxy, seconds: float) -> None:
    proxy.half_close()


FAULTS: tuple[Fault, ...] = (off, freeze, damage, delay, drop, half_close)


def pictures(clip: Path, most: int) -> Iterator[np.ndarray]:
    with av.open(str(clip)) as container:
        for k, frame in enumerate(container.decode(video=0)):
            if k == most:
                return
            yield frame.to_ndarray(format="bgr24")


class Run:
    """`roadtally run` under watch."""

    def __init__(self, port: int, out: Path, options: list[str]) -> None:
        self.out = out
        source = f"rtsp://127.0.0.1:{port}/road"
        command = [sys.executable, "-m", "stream.cli", "run", source, "--out", str(out), *options]
        self._process = psutil.Popen(command, cwd=HERE.parent, stdout=subprocess.DEVNULL)
        self._started_s = time.monotonic()
        self.samples: list[tuple[float, float]] = []  # seconds, MB

    def wait(self, seconds: float) -> None:
        """Let it run, sampling its memory. Raises SystemExit if it ends."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            if self._process.poll() is not None:
                raise SystemExit(f"the run ended with {self._process.returncode}")
            self.samples.append((time.monotonic() - self._started_s, tree_bytes(self._process) / 1e6))
            time.sleep(SAMPLE_S)

    def frames(self) -> int:
        """Counted so far, as stored: no older than half a second."""
        path = self.out / "events.sqlite"
        if not path.exists():
            return 0
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as database:
            try:
                row = database.execute("SELECT detected FROM ledger").fetchone()
            except sqlite3.OperationalError:  # its tables are being made
                return 0
        return row[0] if row else 0

    def until_more(self, than: int, within_s: float) -> float | None:
        """Seconds until more frames were counted; None when none were in time."""
        started_s = time.monotonic()
        while self.frames() <= than:
            if time.monotonic() - started_s > within_s:
                return None
            time.sleep(0.05)
        return time.monotonic() - started_s

    def end(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)


def spoil(run: Run, proxy: Proxy, given: argparse.Namespace) -> tuple[dict[str, int], list[float], int]:
    """Faults until the time is over or there were enough: how often each, seconds from the end of an `off` to new
    frames, and hangs."""
    chance, done, back_s, hangs = random.Random(given.seed), dict.fromkeys((f.__name__ for f in FAULTS), 0), [], 0
    until_s = time.monotonic() + 60 * given.minutes
    while (left_s := until_s - time.monotonic()) > 0 and sum(done.values()) != given.faults:
        run.wait(min(left_s, chance.uniform(0.5, 1.5) * given.pause if given.pause else left_s))
        if not given.pause or time.monotonic() > until_s:
            continue
        fault = off if given.outage else chance.choice(FAULTS)
        fault(proxy, given.outage or chance.uniform(0.2, 8.0))
        done[fault.__name__] += 1
        waited_s = run.until_more(run.frames(), HANG_S)
        hangs += waited_s is None
        if fault is off and waited_s is not None:
            back_s.append(waited_s)
    return done, back_s, hangs


def account(out: Path) -> list[tuple[str, object]]:
    with sqlite3.connect(out / "events.sqlite") as database:
        decoded, detected, predicted, quiet, skipped, in_flight = database.execute(
            "SELECT decoded, detected, predicted, quiet, skipped, in_flight FROM ledger"
        ).fetchone()
        gaps = database.execute("SELECT COUNT(*), SUM(to_s - from_s), COUNT(*) - COUNT(to_s) FROM gaps").fetchone()
    skips = json.loads(skipped)
    metrics = json.loads((out / "run.json").read_text())["metrics"]
    rows: list[tuple[str, object]] = [
        ("frames decoded", decoded),
        ("frames skipped", ", ".join(f"{n} {why}" for why, n in skips.items()) or 0),
        ("frames not accounted for", decoded - detected - predicted - quiet - sum(skips.values())),
        ("frames in flight at the end", in_flight),
        ("gaps; of them without an end", f"{gaps[0]}; {gaps[2]}"),
        ("time not seen, s", round(gaps[1] or 0, 1)),
    ]
    for key, value in metrics.items():
        if key.startswith("roadtally_latency_seconds"):
            labels = dict(part.split("=") for part in key.partition("{")[2].rstrip("}").replace('"', "").split(","))
            rows.append((f"latency to {labels['to']}, {labels['figure']}, ms", round(1000 * value)))
    return rows


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        encoding = {"preset": "veryfast", "g": "50", "bf": "0"}
        units = write_units(Path(folder) / "units", pictures(given.clip, given.pictures), options=encoding)
        with camera(units) as server, Proxy(server.port) as proxy:
            run = Run(proxy.port, out, given.options)
            if run.until_more(0, OPEN_S) is None:
                raise SystemExit("the run counted nothing")
            done, back_s, hangs = spoil(run, proxy, given)
            run.end()
        samples = np.array(run.samples)
        rows = [
            ("minutes", round(samples[-1, 0] / 60, 1)),
            ("faults", ", ".join(f"{n} {name}" for name, n in done.items() if n) or "none"),
            ("hangs", hangs),
            ("new frames after the camera's return, s: median, longest", _spread(back_s)),
            *account(out),
            ("memory, median, MB", round(float(np.median(samples[:, 1])))),
            ("memory, slope, MB a minute", round(slope_mb_a_minute(samples), 2) if len(samples) > 20 else "too short"),
        ]
        print(markdown(("", "value"), rows))


def _spread(values: list[float]) -> str:
    return f"{np.median(values):.1f}, {max(values):.1f}" if values else "none"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--pause", type=float, default=15.0, help="mean seconds between faults; 0: no faults")
    parser.add_argument("--faults", type=int, help="end after so many, also before the time is over")
    parser.add_argument("--outage", type=float, default=0.0, help="only outages, of so many seconds")
    parser.add_argument("--pictures", type=int, default=500, help="of the clip, that are sent in a loop")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of `roadtally run`")
    return parser.parse_args()


if __name__ == "__main__":
    main()
