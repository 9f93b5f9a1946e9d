"""Events: crossings, road users and the ledger of one camera into the store."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from stream.counting.riders import known_as
from stream.messages import LABELS, Checkpoint, Clock, Counted, Crossing, EndOfStream, Notice, Told, Tracks
from stream.plan.cameras import CameraPlan
from stream.records.ledger import Ledger
from stream.records.store import STORE, RoadUser, Store

PATH_STEP = 0.02  # of the picture's width: how far apart the points of a kept path are


class _Life(msgspec.Struct, array_like=True):
    """A confirmed track while it lives."""

    path: list[tuple[float, float, float]]  # pts_s, x, y
    last_pts_s: float
    label: int = 0
    counted_as: list[str] = []  # at every line that it crossed


class _State(msgspec.Struct, frozen=True, array_like=True):
    ledger: tuple[dict[str, int], int]
    lives: dict[int, _Life]


class Events:
    """The event log of one camera. What happened since the last checkpoint waits: it is stored with the next one."""

    def __init__(self, camera: CameraPlan, store: Store) -> None:
        self._camera, self._store = camera.name, store
        self._ledger = Ledger(camera.name)
        self._lives: dict[int, _Life] = {}
        self._ended = False
        self._step_px = PATH_STEP * camera.scene.width

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> Events:
        return cls(camera, Store(run_folder / STORE))

    def write(self, counted: Counted) -> None:
        self._ledger.observe(counted.frame)
        self._follow(counted.frame.pts_s, counted.tracks)
        if counted.crossings:
            self._add(counted.crossings)
        for track_id in counted.tracks.ended.tolist():
            self._end_user(track_id)
        if counted.visits:
            self._store.set_visits(counted.visits)

    @property
    def seen(self) -> int:
        """Frames so far."""
        return self._ledger.seen

    def flush(self) -> None:
        """Nothing to do: checkpoints come often enough."""

    def state(self) -> bytes:
        return msgspec.msgpack.encode(_State(self._ledger.state(), self._lives))

    def restore(self, state: bytes | None) -> None:
        self._store.rewind(self._camera)
        before = msgspec.msgpack.decode(state, type=_State) if state else _State(({}, -1), {})
        self._ledger.restore(before.ledger)
        self._lives, self._ended = before.lives, False

    def seal(self, checkpoint: Checkpoint) -> None:
        """What was taken so far belongs to this checkpoint."""
        self._store.set_balance(self._ledger.balance())
        self._store.seal(checkpoint)

    def commit(self) -> None:
        """Store a sealed checkpoint with what belongs to it."""
        self._store.commit_sealed()

    def hear(self, told: Told) -> None:
        if isinstance(told, Clock):
            self._store.add_clock(told)
            return
        if isinstance(told, Notice):
            self._store.note(told.camera, told.kind, told.text, told.pts_s)
            return
        self._add(told.crossings)
        self._store.set_visits(told.visits)
        self._store.set_gap(told)
        for track_id in list(self._lives):
            self._end_user(track_id)

    def end(self, end: EndOfStream) -> None:
        self._ledger.end(end)
        self._add(end.crossings)
        self._store.set_visits(end.visits)
        for problem in end.problems:
            self._store.note(self._camera, "damage", problem)
        for repair in end.repairs:
            self._store.note(self._camera, "repair", repair)
        for track_id in list(self._lives):
            self._end_user(track_id)
        self._store.set_balance(self._ledger.balance())
        self._store.commit_sealed()
        self._store.commit()
        self._ended = True

    def close(self) -> None:
        """A stream that did not end can be gone on with: what came after its last checkpoint is then done again."""
        if not self._ended:
            self._store.drop()
            self._store.set_balance(self._ledger.balance())
        self._store.close()

    def _follow(self, pts_s: float, tracks: Tracks) -> None:
        shown = np.flatnonzero(tracks.confirmed & tracks.observed)
        for row in shown:
            x1, _, x2, y2 = tracks.xyxy[row].tolist()
            x, y = (x1 + x2) / 2, y2
            track_id = int(tracks.track_id[row])
            life = self._lives.get(track_id)
            if life is None:
                life = self._lives[track_id] = _Life([(pts_s, x, y)], pts_s)
            elif abs(x - life.path[-1][1]) + abs(y - life.path[-1][2]) > self._step_px:
                life.path.append((pts_s, x, y))
            life.last_pts_s, life.label = pts_s, int(tracks.label[row])

    def _add(self, crossings: tuple[Crossing, ...]) -> None:
        self._store.add_crossings(crossings)
        for crossing in crossings:
            if crossing.track_id in self._lives:
                self._lives[crossing.track_id].counted_as.append(crossing.label)

    def _end_user(self, track_id: int) -> None:
        life = self._lives.pop(track_id, None)
        if life is None:
            return
        first_pts_s = life.path[0][0]
        label = known_as(LABELS[life.label], life.counted_as)
        self._store.add_user(RoadUser(self._camera, track_id, label, first_pts_s, life.last_pts_s, tuple(life.path)))
