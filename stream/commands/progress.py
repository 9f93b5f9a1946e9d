"""What a person sees while a run goes on: a progress bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stream.commands.console import console
from stream.messages import LABELS
from stream.metrics import read_key
from stream.plan.topology import Plan
from stream.running.outcome import Watch

LINE_EVERY_S = 5.0  # plain progress lines when not on a terminal


@contextmanager
def watching(plan: Plan) -> Iterator[Watch]:
    """A progress bar on a terminal, plain lines elsewhere."""
    _announce(plan)
    if not console.is_terminal:
        yield _plain_watch(plan)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        bars = {c.name: progress.add_task(c.name, total=c.info.duration_s, state="opening") for c in plan.cameras}
        pace = _Pace()

        def watch(values: dict[str, float]) -> None:
            for name, bar in bars.items():
                position_s = values.get(f'roadtally_position_seconds{{camera="{name}"}}', 0.0)
                progress.update(bar, completed=position_s, state=_state(values, name, pace))

        yield watch


def memory_words(plan: Plan) -> str:
    """How much shared memory a plan takes."""
    return f"shared memory {plan.shared_bytes / 2**20:.1f} MiB"


def _announce(plan: Plan) -> None:
    workers = ", ".join(work.name for work in plan.workers)
    cameras = "1 camera" if len(plan.cameras) == 1 else f"{len(plan.cameras)} cameras"
    console.print(f"{cameras}; workers: {workers}; {memory_words(plan)}", highlight=False)


def _plain_watch(plan: Plan) -> Watch:
    pace, said_s = _Pace(), time.monotonic()

    def watch(values: dict[str, float]) -> None:
        nonlocal said_s
        states = {camera.name: _state(values, camera.name, pace) for camera in plan.cameras}
        if time.monotonic() - said_s < LINE_EVERY_S:
            return
        said_s = time.monotonic()
        for camera in plan.cameras:
            position_s = values.get(f'roadtally_position_seconds{{camera="{camera.name}"}}', 0.0)
            of = f" of {camera.info.duration_s:.1f}" if camera.info.duration_s else ""
            console.print(f"{camera.name}: {position_s:.1f}{of} s, {states[camera.name]}", highlight=False)

    return watch


def _state(values: dict[str, float], camera: str, pace: _Pace) -> str:
    frames = values.get(f'roadtally_frames_total{{camera="{camera}"}}', 0.0)
    counts = {
        label: int(n)
        for label in LABELS
        if (n := values.get(f'roadtally_crossings_total{{camera="{camera}",label="{label}"}}'))
    }
    counted = ", ".join(f"{n} {label}" for label, n in counts.items()) or "nothing counted yet"
    if values.get(f'roadtally_connected{{camera="{camera}"}}') == 0:
        return f"camera away, {counted}"
    if away := [name for name, value in values.items() if name.startswith("roadtally_worker_away") and value]:
        return f"away: {', '.join(read_key(name)[1]['worker'] for name in away)}, {counted}"
    return f"{pace.fps(camera, frames):.0f} fps, {counted}"


class _Pace:
    """Frames a second, smoothed over the last seconds."""

    def __init__(self) -> None:
        self._past: dict[str, list[tuple[float, float]]] = {}

    def fps(self, camera: str, frames: float) -> float:
        now_s = time.monotonic()
        past = self._past.setdefault(camera, [])
        if not frames or (past and frames < past[-1][1]):  # begins, or goes on where another worker was
            past.clear()
            return 0.0
        past.append((now_s, frames))
        while past[0][0] < now_s - 3:
            past.pop(0)
        span_s = now_s - past[0][0]
        return (frames - past[0][1]) / span_s if span_s > 0 else 0.0
