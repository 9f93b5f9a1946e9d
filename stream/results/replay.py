"""Counting a run again from its stored trajectories: the counter of the live run, without video and detector.

The frames and tracks that the counter gets are those of the run, bit for bit: the same lines give the same crossings.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import msgspec

from stream.config.file import parse
from stream.config.schema import Config
from stream.counting import Counter
from stream.counting.stretch import Stretch
from stream.counting.zones import ZoneCounter
from stream.errors import ConfigError, SourceError
from stream.messages import Crossing, EndOfStream, Gap, Visit
from stream.plan.cameras import draw_scene
from stream.records.store import STORE, RoadUser, Store
from stream.records.trajectories import find_trajectories, picture_of, read_stretches, seen_of
from stream.results.summary import Tally, turns_of
from stream.scene import Line, Scene
from stream.settings import CountingSettings
from stream.sight.view import moved_scene


class Lane(msgspec.Struct, frozen=True):
    """One camera of a run: what is drawn over its picture, and the files of its trajectories in order."""

    scene: Scene
    files: tuple[Path, ...]


class Recount(msgspec.Struct, frozen=True):
    """What counting one lane again gave. updates: how many boxes of tracks went through the counter."""

    crossings: list[Crossing]
    visits: list[Visit]
    frames: int
    updates: int
    ended: bool  # False: the run was killed, or is still running
    busy_s: float
    counting_s: float  # of it in the counter: the rest is reading


def stored_config(folder: Path, changes: Mapping[str, Any] | None = None) -> Config:
    """The configuration that a run was started with, with single keys changed: see config_file.override.

    Raises SourceError where the folder is not of a run, ConfigError where a change is not possible.
    """
    path = folder / STORE
    if not path.exists():
        raise SourceError(str(folder), f"holds no {STORE}", "give the folder of a run (its --out)")
    store = Store(path)
    try:
        text = store.config()
    finally:
        store.close()
    if not text:
        raise SourceError(str(path), "names no configuration", "the run must be made again")
    return parse(msgspec.json.decode(text), str(folder), changes)


def drawing_changes(config: Config, drawn: Mapping[str, Mapping[str, Any]], camera: str | None) -> dict[str, Any]:
    """The change of a configuration that draws these lines, zones and movements instead of a camera's own: see
    options.read_drawing. Movements that were named between lines which are no longer there become `auto`.

    Raises ConfigError where it is not clear which camera is meant.
    """
    names = [c.name for c in config.cameras]
    if camera is not None and camera not in names:
        raise ConfigError("--camera", f"expected one of {', '.join(names)}, got {camera!r}")
    if not drawn:
        return {}
    if camera is None and len(names) > 1:
        option = f"--{next(iter(drawn))[:-1]}"
        raise ConfigError(option, f"the run has {len(names)} cameras", f"say which: --camera {names[0]}")
    index = names.index(camera) if camera else 0
    named = config.cameras[index].movements
    changes: dict[str, Any] = {f"cameras.{index}.{key}": values for key, values in drawn.items()}
    if "lines" in drawn and isinstance(named, dict) and any({*ends} - {*drawn["lines"]} for ends in named.values()):
        changes.setdefault(f"cameras.{index}.movements", "auto")
    return changes


def lanes_of(folder: Path, config: Config) -> list[Lane]:
    """The lanes of a stored run. Raises SourceError where a camera has no trajectories, ConfigError where something was
    drawn afterwards in a place that the network did not look at."""
    stored = find_trajectories(folder)
    missing = [camera.name for camera in config.cameras if camera.name not in stored]
    if missing:
        raise SourceError(str(folder), f"holds no trajectories of {', '.join(missing)}", "the run must be made again")
    lanes = []
    for camera, own in zip(config.cameras, stored_config(folder).cameras, strict=True):
        files = stored[camera.name]
        scene, before = (draw_scene(one, picture_of(files[0])[1]) for one in (camera, own))
        _check_seen(scene, set(scene.edges) - set(before.edges), seen_of(files[0]))
        lanes.append(Lane(scene, tuple(files)))
    return lanes


def _check_seen(scene: Scene, drawn: Set[Line], seen_xyxy: tuple[float, float, float, float]) -> None:
    """Refuse what was drawn where there can be no tracks: nobody counted there must not read as nobody passed."""
    x1, y1, x2, y2 = seen_xyxy
    outside = {
        line.name
        for line in drawn
        for x, y in ((line.x1, line.y1), (line.x2, line.y2))
        if not (x1 <= x <= x2 and y1 <= y <= y2)
    }
    if outside:
        seen = ", ".join(f"{value:.0f}" for value in seen_xyxy)
        what = f"{', '.join(sorted(outside))}: outside what the network saw ({seen})"
        raise ConfigError(f"camera {scene.camera}", what, "run it again with these lines, or with roi: full")


def recount(lane: Lane, settings: CountingSettings) -> Recount:
    """Count a lane again. A recorder that was started again began new tracks: each of its files is counted alone."""
    crossings: dict[str, Crossing] = {}  # by key, as in the store
    visits: dict[str, Visit] = {}
    frames = updates = 0
    ended, counting_s = False, 0.0
    started_s = time.perf_counter()
    for path in lane.files:
        counter, zones, gap = Counter(lane.scene, settings), ZoneCounter(lane.scene, settings), None
        for part in read_stretches(path):
            ended = isinstance(part, EndOfStream)
            before_s = time.perf_counter()
            certain = counter.count(part) if isinstance(part, Stretch) else counter.finish()
            told = zones.count(part) if isinstance(part, Stretch) else zones.finish()
            counting_s += time.perf_counter() - before_s
            if isinstance(part, Stretch):
                frames, updates = frames + len(part), updates + len(part.track_id)
            elif isinstance(part, Gap):
                gap = part
                if gap.view:  # the camera was moved
                    scene = moved_scene(lane.scene, gap.view)
                    counter, zones = Counter(scene, settings), ZoneCounter(scene, settings)
            visits.update({visit.key: visit for visit in told if gap is None or not gap.hides(visit)})
            for crossing in certain:
                if gap is None or not gap.hides(crossing):
                    crossings.setdefault(crossing.key, crossing)
    found = sorted(crossings.values(), key=lambda c: (c.pts_s, c.line, c.track_id))
    stays = sorted(visits.values(), key=lambda visit: (visit.entered_s, visit.zone, visit.track_id))
    return Recount(found, stays, frames, updates, ended, time.perf_counter() - started_s, counting_s)


def tally_of(lanes: Sequence[Lane], recounts: Sequence[Recount], users: Sequence[RoadUser]) -> Tally:
    """What counting again gave, with the movements that follow from it. users: of the run."""
    crossings = sorted(
        (c for one in recounts for c in one.crossings), key=lambda c: (c.pts_s, c.camera, c.line, c.track_id)
    )
    turns = turns_of([lane.scene for lane in lanes], users, crossings)
    return Tally(crossings, turns, [visit for one in recounts for visit in one.visits])
