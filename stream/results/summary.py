"""What a run found, read back from its store: totals are a fold over events, never a counter that was kept aside."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from stream.messages import Clock, Crossing, Gap, Visit
from stream.records.ledger import Balance
from stream.records.store import STORE, RoadUser, Store
from stream.results.movements import Turn, find_turns, has_moved
from stream.results.suggestion import lint_line, suggest_lines
from stream.scene import Scene
from stream.whole import whole_file

CROSSINGS, MOVEMENTS, VISITS = "crossings.csv", "movements.csv", "visits.csv"


class Tally(msgspec.Struct, frozen=True):
    """What was counted, in order of time."""

    crossings: list[Crossing]
    turns: list[Turn] = []
    visits: list[Visit] = []

    def by_line(self) -> dict[tuple[str, str, str], Counter[str]]:
        """(camera, line, direction) -> how many of each class."""
        table: dict[tuple[str, str, str], Counter[str]] = {}
        for crossing in self.crossings:
            key = (crossing.camera, crossing.line, crossing.direction)
            table.setdefault(key, Counter())[crossing.label] += 1
        return table

    def by_movement(self) -> dict[tuple[str, str], Counter[str]]:
        """(camera, movement) -> how many of each class."""
        table: dict[tuple[str, str], Counter[str]] = {}
        for turn in self.turns:
            table.setdefault((turn.camera, turn.movement), Counter())[turn.label] += 1
        return table


class Summary(msgspec.Struct, frozen=True):
    """Everything the closing table shows."""

    tally: Tally
    moving: list[RoadUser]
    balances: list[Balance]
    gaps: list[Gap] = []  # times in which a camera was not seen
    repairs: list[tuple[str, str]] = []  # (camera, what was put right without loss)

    @property
    def crossings(self) -> list[Crossing]:
        return self.tally.crossings

    def moving_by_class(self) -> dict[str, Counter[str]]:
        """camera -> how many distinct moving road users of each class."""
        table: dict[str, Counter[str]] = {}
        for user in self.moving:
            table.setdefault(user.camera, Counter())[user.label] += 1
        return table


def summarise(folder: Path, scenes: Sequence[Scene]) -> Summary:
    """Fold the store of a run. scenes: of its cameras."""
    with closing(Store(folder / STORE)) as store:
        users, crossings = store.users(), store.crossings()
        moving = [user for user in users for scene in scenes if user.camera == scene.camera and has_moved(user, scene)]
        tally = Tally(crossings, turns_of(scenes, moving, crossings), store.visits())
        return Summary(tally, moving, store.balances(), store.gaps(), store.notes("repair"))


def stored_users(folder: Path) -> list[RoadUser]:
    """The road users of a run with their paths."""
    with closing(Store(folder / STORE)) as store:
        return store.users()


def turns_of(scenes: Sequence[Scene], users: Sequence[RoadUser], crossings: Sequence[Crossing]) -> list[Turn]:
    """The turning movements of all cameras, in order of time."""
    found = [turn for scene in scenes for turn in find_turns(scene, users, crossings)]
    return sorted(found, key=lambda turn: (turn.pts_s, turn.camera, turn.track_id))


def stored_crossings(folder: Path) -> list[Crossing]:
    """The crossings of a run, in order of time."""
    with closing(Store(folder / STORE)) as store:
        return store.crossings()


def stored_gaps(folder: Path) -> list[Gap]:
    """The times in which the cameras of a run were not seen, in order."""
    with closing(Store(folder / STORE)) as store:
        return store.gaps()


def stored_clocks(folder: Path, camera: str) -> list[Clock]:
    """The times of day of a camera's run, in order; none for a file."""
    with closing(Store(folder / STORE)) as store:
        return [clock for clock in store.clocks() if clock.camera == camera]


def write_tally(folder: Path, tally: Tally, scenes: Sequence[Scene]) -> list[Path]:
    """crossings.csv, and movements.csv and visits.csv where some are asked for: a row an event. Frames count from 0, in
    decode order. Raises OutputError."""
    paths = [_write(folder / CROSSINGS, ("camera", "line", "direction", "track_id", "class", "frame", "pts_s"), [
        (c.camera, c.line, c.direction, c.track_id, c.label, c.seq, f"{c.pts_s:.3f}") for c in tally.crossings
    ])]  # fmt: skip
    if any(scene.movements for scene in scenes):
        head = ("camera", "movement", "origin", "destination", "track_id", "class", "pts_s", "by")
        rows = [(t.camera, t.movement, t.origin, t.destination, t.track_id, t.label, f"{t.pts_s:.3f}", t.by)
                for t in tally.turns]  # fmt: skip
        paths.append(_write(folder / MOVEMENTS, head, rows))
    if any(scene.zones for scene in scenes):
        columns = ("camera", "zone", "track_id", "class", "entered_frame", "entered_s", "entered", "left_frame")
        paths.append(
            _write(
                folder / VISITS, (*columns, "left_s", "left", "dwell_s"), [_visit_row(visit) for visit in tally.visits]
            )
        )
    return paths


def _visit_row(visit: Visit) -> tuple[object, ...]:
    left_s, dwell_s = ("", "") if visit.left_s is None else (visit.left_s, visit.left_s - visit.entered_s)
    left = tuple(f"{value:.3f}" if isinstance(value, float) else value for value in (left_s, dwell_s))
    who = (visit.camera, visit.zone, visit.track_id, visit.label)
    return (
        *who,
        visit.entered_seq,
        f"{visit.entered_s:.3f}",
        visit.entered,
        visit.left_seq,
        left[0],
        visit.left,
        left[1],
    )


def _write(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with whole_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
    return path


def suggestions(users: Sequence[RoadUser], scene: Scene) -> list[str]:
    """A line across every flow, as fractions, ready to paste after --line. users: who moved, of any camera."""
    size = (scene.width, scene.height, scene.width, scene.height)
    lines = [(line.name, (line.x1, line.y1, line.x2, line.y2)) for line in suggest_lines(_paths(users, scene), scene)]
    return [f"{name}:" + ",".join(f"{v / of:.3f}" for v, of in zip(ends, size, strict=True)) for name, ends in lines]


def complaints(users: Sequence[RoadUser], scene: Scene) -> list[str]:
    """What is wrong with the lines of a scene, as its road users show: a sentence each."""
    paths = _paths(users, scene)
    found = ((line.name, lint_line(line, paths, scene)) for line in scene.lines)
    return [f"{scene.camera}, line {name}: {reason}" for name, reason in found if reason is not None]


def _paths(users: Sequence[RoadUser], scene: Scene) -> list[np.ndarray]:
    return [np.array(user.path)[:, 1:] for user in users if user.camera == scene.camera and has_moved(user, scene)]
