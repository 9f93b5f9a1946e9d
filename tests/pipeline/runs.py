"""Running a whole pipeline from a test: plain values in, the report out."""

from __future__ import annotations

import csv
import signal
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np

from stream.config.file import parse
from stream.running.launch import Report, launch, look, planned
from stream.running.outcome import Interrupts


def configure(clips: list[Path], out: Path, detector: str = "BlobDetector", **sections: Any) -> dict[str, Any]:
    lines = {"A": [0.1, 0.5, 0.9, 0.5]}
    raw: dict[str, Any] = {
        "cameras": [{"source": str(clip), "name": clip.stem, "lines": lines} for clip in clips],
        "detector": {"model": f"tests.blobs:{detector}", "input": 320},
        "output": {"dir": str(out)},
    }
    for name, values in sections.items():
        raw[name] = {**raw.get(name, {}), **values} if isinstance(values, dict) else values
    return raw


def run(raw: dict[str, Any]) -> Report:
    config = parse(raw, "test")
    with planned(config, look(config)) as plan:
        return launch(config, plan, lambda values: None, Interrupts())


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "crossings.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def picture_times_s(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(picture.pts * picture.time_base) for picture in container.decode(video=0)]


def pixels(path: Path) -> np.ndarray:
    """Luma i16 (pictures, H, W) of a video."""
    with av.open(str(path)) as container:
        return np.stack([p.to_ndarray()[: p.height].astype(np.int16) for p in container.decode(video=0)])


def workers_of(pid: int) -> list[int]:
    """Pids of the workers of a run in the order in which they were started: decode, detect, track+record."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return sorted(c for c in children if b"resource_tracker" not in Path(f"/proc/{c}/cmdline").read_bytes())


def has_left(pid: int) -> bool:
    """Also a process that nobody has waited for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def obeys_signals(pid: int) -> bool:
    """Whether a command has come so far that an interrupt ends it in order."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) & 1 << signal.SIGTERM - 1)


def leftovers(pid: int) -> list[str]:
    """Shared memory and socket folders of the runs that a process has started."""
    folders = (Path("/dev/shm"), Path(tempfile.gettempdir()))
    return sorted(str(path) for folder in folders for path in folder.glob(f"roadtally-{pid}-*"))
