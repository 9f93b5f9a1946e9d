"""Runs commands and says what they cost: wall time, processor time of the whole process tree."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Timed:
    """One finished command. fps counts from when everything was open; whole_fps from the start of the process."""

    frames: int
    open_s: float
    busy_s: float
    wall_s: float
    cpu_s: float
    document: dict[str, Any]

    @property
    def fps(self) -> float:
        return self.frames / self.busy_s

    @property
    def whole_fps(self) -> float:
        return self.frames / self.wall_s

    @property
    def core_ms(self) -> float:
        """Processor time a frame, start and end included."""
        return 1000 * self.cpu_s / self.frames


def run_roadtally(clip: Path, out: Path, options: list[str]) -> Timed:
    """`roadtally run` with its results in `out`. Raises SystemExit with its words if it fails."""
    command = [sys.executable, "-m", "stream.cli", "run", str(clip), "--out", str(out), *options]
    wall_s, cpu_s, _ = _call(command)
    document = json.loads((out / "run.json").read_text())
    frames = sum(int(v) for k, v in document["metrics"].items() if k.startswith("roadtally_frames_total"))
    busy_s = document["wall_s"] - document["open_s"]
    return Timed(frames, document["open_s"], busy_s, wall_s, cpu_s, document)


def run_baseline(clip: Path, weights: Path, lines: list[str], out: Path | None) -> Timed:
    """benchmarks/baseline.py; without `out` it draws and writes nothing."""
    command = [sys.executable, str(HERE / "baseline.py"), str(clip), "--weights", str(weights)]
    command += line_options(lines) + (["--out", str(out)] if out else [])
    wall_s, cpu_s, text = _call(command)
    document = json.loads(text)
    return Timed(document["frames"], document["open_s"], document["busy_s"], wall_s, cpu_s, document)


def line_options(lines: list[str]) -> list[str]:
    """--line TEXT for each."""
    return [word for line in lines for word in ("--line", line)]


def middle(runs: list[Timed], name: str) -> float:
    """The median of a property over repeated runs."""
    return median(getattr(run, name) for run in runs)


def environment() -> dict[str, str]:
    """Python may keep what it has compiled, as it does for users: to compile all modules anew takes half a second."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def machine() -> str:
    """The processor, the cores that may be used, the date, and the load: a high load spoils figures."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
        flags = info.read_text()
        model += "".join(f", {flag}" for flag in ("amx_bf16", "avx512_bf16") if flag in flags)
    cores = len(os.sched_getaffinity(0))
    day = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    return f"{model}, {cores} cores, {day} UTC, load average {os.getloadavg()[0]:.1f}"


def markdown(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """A table; floats are shown with as many digits as mean something."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _call(command: list[str]) -> tuple[float, float, str]:
    """(wall seconds, processor seconds of it and its children, what it printed)."""
    before, started_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, cwd=HERE.parent, env=environment()
    )
    wall_s, after = time.perf_counter() - started_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr or done.stdout}")
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout
