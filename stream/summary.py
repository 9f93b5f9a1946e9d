"""What a run found, read back from its store: totals are a fold over events, never a counter that was kept aside."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from stream.errors import OutputError
from stream.ledger import Balance
from stream.lines import suggest_line
from stream.messages import Clock, Crossing, Gap
from stream.scene import Scene
from stream.sinks.events import STORE
from stream.store import RoadUser, Store

CROSSINGS = "crossings.csv"
MOVED = 0.05  # of the picture's diagonal, between two points of a path: less is a parked car


class Summary(msgspec.Struct, frozen=True):
    """Everything the closing table shows."""

    crossings: list[Crossing]
    moving: list[RoadUser]
    balances: list[Balance]
    gaps: list[Gap] = []  # times in which a camera was not seen
    repairs: list[tuple[str, str]] = []  # (camera, what was put right without loss)

    def by_line(self) -> dict[tuple[str, str, str], Counter[str]]:
        """(camera, line, direction) -> how many of each class."""
        table: dict[tuple[str, str, str], Counter[str]] = {}
        for crossing in self.crossings:
            key = (crossing.camera, crossing.line, crossing.direction)
            table.setdefault(key, Counter())[crossing.label] += 1
        return table

    def moving_by_class(self) -> dict[str, Counter[str]]:
        """camera -> how many distinct moving road users of each class."""
        table: dict[str, Counter[str]] = {}
        for user in self.moving:
            table.setdefault(user.camera, Counter())[user.label] += 1
        return table


def summarise(folder: Path, diagonals_px: dict[str, float]) -> Summary:
    """Fold the store of a run. diagonals_px: of each camera's picture."""
    store = Store(folder / STORE)
    try:
        users = [user for user in store.users() if _travel_px(user) >= MOVED * diagonals_px[user.camera]]
        return Summary(store.crossings(), users, store.balances(), store.gaps(), store.notes("repair"))
    finally:
        store.close()


def stored_crossings(folder: Path) -> list[Crossing]:
    """The crossings of a run, in order of time."""
    store = Store(folder / STORE)
    try:
        return store.crossings()
    finally:
        store.close()


def stored_clocks(folder: Path, camera: str) -> list[Clock]:
    """The times of day of a camera's run, in order; none for a file."""
    store = Store(folder / STORE)
    try:
        return [clock for clock in store.clocks() if clock.camera == camera]
    finally:
        store.close()


def write_crossings(folder: Path, crossings: Sequence[Crossing]) -> Path:
    """crossings.csv: camera, line, direction, track_id, class, frame (0-based, decode order), pts_s."""
    path = folder / CROSSINGS
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("camera", "line", "direction", "track_id", "class", "frame", "pts_s"))
            for c in crossings:
                writer.writerow((c.camera, c.line, c.direction, c.track_id, c.label, c.seq, f"{c.pts_s:.3f}"))
    except OSError as error:
        raise OutputError(str(path), f"cannot be written: {error.strerror}", "free some disk") from error
    return path


def _travel_px(user: RoadUser) -> float:
    _, x0, y0 = user.path[0]
    return max(math.hypot(x - x0, y - y0) for _, x, y in user.path)


def suggestion(summary: Summary, scene: Scene) -> str | None:
    """A line across the main flow, ready to paste after --line; None where too little moved."""
    paths = [np.array(user.path)[:, 1:] for user in summary.moving if user.camera == scene.camera]
    if not paths:
        return None
    line = suggest_line(paths, scene.width, scene.height)
    ends = (line.x1 / scene.width, line.y1 / scene.height, line.x2 / scene.width, line.y2 / scene.height)
    return f"{line.name}:" + ",".join(f"{value:.3f}" for value in ends)
