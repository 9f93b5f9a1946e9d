"""What storing and counting again cost: the sinks by frame, replay by track-update.

    python benchmarks/results.py

Vehicles drive in lanes in two directions over two lines, boxes jitter as a detector's do. Prints one JSON object: ms a
frame of each sink at two picture sizes, and for several numbers of vehicles the bytes a track-update takes on disk, and
how many million updates a second are read, are read and counted, and are counted alone.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from stream.messages import Counted, EndOfStream, Frame, Tracks
from stream.records.trajectories import read_trajectories, schema_of
from stream.results.replay import Lane, recount
from stream.scene import Line, Scene
from stream.settings import CountingSettings
from stream.sinks.background import Background
from stream.sinks.strips import AuditStrips
from stream.sinks.trajectories import Trajectories

FPS = 25
FLUSH_FRAMES = 60  # a file is counted at some 120 frames a second and flushed twice a second


def traffic(vehicles: int, frames: int, yuv: np.ndarray | None = None) -> Iterator[Counted]:
    """Frames of 1920x1080 with so many vehicles in ten lanes; who leaves the picture is born anew."""
    chance = np.random.default_rng(7)
    lane = np.arange(vehicles) % 10
    x, y, speed = chance.uniform(0, 1920, vehicles), 150 + 90 * lane, np.where(lane < 5, 1, -1) * 300 / FPS
    born, track_id = vehicles, np.arange(vehicles)
    for k in range(frames):
        x = x + speed
        gone = (x < 0) | (x > 1920)
        x %= 1920
        track_id = np.where(gone, born + np.cumsum(gone), track_id)
        born += int(gone.sum())
        order = np.argsort(track_id)
        box = np.stack([x - 40, y - 50, x + 40, y], axis=1) + chance.normal(0, 1, (vehicles, 4))
        velocity = np.stack([speed * FPS, 0 * speed], axis=1) + chance.normal(0, 5, (vehicles, 2))
        tracks = Tracks(
            track_id=track_id[order],
            xyxy=box[order].astype(np.float32),
            velocity=velocity[order].astype(np.float32),
            label=np.full(vehicles, 2, np.int16),
            score=chance.uniform(0.4, 1, vehicles).astype(np.float32),
            observed=chance.random(vehicles) < 0.95,
            confirmed=np.ones(vehicles, bool),
            ended=np.zeros(0, np.int64),
        )
        yield Counted(Frame("cam", 0, k, k / FPS, 10**9 * k, 1920, 1080), tracks, (), yuv)


def scene(width: int, height: int) -> Scene:
    middle = Line("A", width / 2, 0, width / 2, height), Line("B", width / 3, 0, width / 3, height)
    return Scene("cam", width, height, middle)


def replay(vehicles: int, folder: Path, frames: int = 500) -> dict[str, float]:
    path = folder / f"{vehicles}.arrow"
    sink = Trajectories(path, schema_of("cam", 1920, 1080))
    messages = list(traffic(vehicles, frames))
    write_s = _time(lambda: _write(sink, messages))
    read_s = min(_time(lambda: sum(1 for _ in read_trajectories(path))) for _ in range(3))
    lane = Lane(scene(1920, 1080), (path,))
    counts = [recount(lane, CountingSettings()) for _ in range(3)]
    updates = vehicles * frames
    return {
        "write_ms_a_frame": round(1e3 * write_s / frames, 4),
        "bytes_an_update": round(path.stat().st_size / updates, 1),
        "read_million_updates_a_s": round(updates / read_s / 1e6, 2),
        "replay_million_updates_a_s": round(updates / min(one.busy_s for one in counts) / 1e6, 2),
        "counting_million_updates_a_s": round(updates / min(one.counting_s for one in counts) / 1e6, 2),
    }


def pictures(width: int, height: int, folder: Path, frames: int = 1500) -> dict[str, float]:
    """ms a frame, without and with what is drawn beside the recording or at its end."""
    yuv = np.random.default_rng(7).integers(16, 235, (height * 3 // 2, width), np.uint8)
    strips = AuditStrips(folder / f"strips{width}", scene(width, height))
    background = Background(folder / f"background{width}.png")
    messages = list(traffic(0, frames, yuv))
    return {
        "strips_ms_a_frame": round(1e3 * _time(lambda: [strips.write(m) for m in messages]) / frames, 4),
        "strips_close_ms": round(1e3 * _time(strips.close), 1),
        "background_ms_a_frame": round(1e3 * _time(lambda: [background.write(m) for m in messages]) / frames, 4),
        "background_close_ms": round(1e3 * _time(background.close), 1),
    }


def _write(sink: Trajectories, messages: list[Counted]) -> None:
    for k, message in enumerate(messages):
        sink.write(message)
        if k % FLUSH_FRAMES == FLUSH_FRAMES - 1:
            sink.flush()
    sink.end(EndOfStream("cam", 0, len(messages), {}))
    sink.close()


def _time(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        figures = {f"{n} vehicles": replay(n, place) for n in (5, 20, 50, 200)}
        figures |= {f"{w}x{h}": pictures(w, h, place) for w, h in ((640, 360), (1920, 1080))}
    print(json.dumps(figures, indent=2))
