"""Crossings: when a track has passed a line, once, with its direction, class, time and place.

The path of a track is the way of its anchor point between observations. Each piece of it is tested against each line,
segment against segment, so that nothing is too fast to be seen. A piece that passes the finite line is remembered; it
becomes a crossing when the track has settled on the other side, farther from the line than its box jitters and for a
moment. So standing on the line, or a box that trembles across it, counts nothing; a U-turn counts both ways.

    side of the track      left  left  left | here: passed, not settled | right  right
    what is remembered                        Passing (frame, place)      -> Crossing

Tracks break where vehicles hide. A track that ends shortly before the line is prolonged, one born shortly behind it is
prolonged backwards, and two crossings whose boxes would cover each other at the same moment are one vehicle.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from stream.lines import LineSet
from stream.messages import Crossing, Frame, Tracks
from stream.passing import Passing, same_vehicle
from stream.scene import Scene
from stream.settings import CountingSettings

# Rows of the table of tracks, one column a track.
ANCHOR, SIZE, VELOCITY, FIRST = slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8)  # px, px, px/s, px
FIRST_S, FIRST_SEQ, SEEN_S, SEEN_SEQ, CONFIRMED, LABEL, BRIDGED = range(8, 15)
ROWS = 15
RECENT_S = 5.0  # crossings are compared with those of so long ago


class _Memory(msgspec.Struct, frozen=True, array_like=True):
    """What a counter knows, as plain data: i64 (N,), f64 (ROWS, N) and (4, lines, N) as bytes, and its passings."""

    track_id: bytes
    table: bytes
    lines: bytes
    passed: tuple[Passing, ...]
    on_trial: tuple[Passing, ...]
    recent: tuple[Passing, ...]
    now_s: float


class Counter:
    """The crossings of one camera's scene."""

    def __init__(self, scene: Scene, settings: CountingSettings) -> None:
        self.scene, self.settings = scene, settings
        self._lines = LineSet(scene.lines)
        self._id = np.zeros(0, np.int64)
        self._table = np.zeros((ROWS, 0))
        # By line and track: px to the right of the line; the side where the track settled last (0: not yet); passes to
        # the right less passes to the left since then; when it was first seen settled on the other side (0: it is not).
        self._distance, self._side, self._net, self._since_s = np.zeros((4, len(scene.lines), 0))
        self._passed: dict[tuple[int, int], Passing] = {}  # the last pass of (line, track id)
        self._certain: list[Passing] = []  # crossed, to be counted with this frame
        self._on_trial: list[Passing] = []  # crossed, but their tracks are not confirmed yet
        self._recent: list[Passing] = []  # counted in the last seconds
        self._now_s = 0.0

    def update(self, frame: Frame, tracks: Tracks) -> tuple[Crossing, ...]:
        """The crossings that became certain with this frame. A track that `tracks` no longer holds has ended."""
        self._now_s = frame.pts_s
        self._align(tracks.track_id)
        if len(self._id) and self.scene.lines:
            before, before_distance = self._table.copy(), self._distance
            self._look(frame, tracks)
            flipped = (self._distance > 0) != (before_distance > 0)
            if flipped.any():
                for line, k in zip(*np.nonzero(flipped), strict=True):
                    self._pass(int(line), int(k), before[:, k], before_distance[line, k])
            self._settle(frame.pts_s)
            self._bridge_births()
        return self._emit(frame.pts_s)

    def finish(self) -> tuple[Crossing, ...]:
        """The last crossings, of tracks that were just past a line when the stream ended."""
        for k in range(len(self._id)):
            for line in range(len(self.scene.lines)):
                self._complete(line, k)
        crossings = self._emit(self._now_s)
        self._keep(np.zeros(0, np.int64), np.zeros(0, np.intp), np.zeros(0, np.intp))
        return crossings

    def state(self) -> bytes:
        """Everything that `restore` needs to go on from here, as msgpack."""
        lines = np.stack([self._distance, self._side, self._net, self._since_s])
        passed, on_trial, recent = tuple(self._passed.values()), tuple(self._on_trial), tuple(self._recent)
        arrays = (self._id.tobytes(), self._table.tobytes(), lines.tobytes())
        return msgspec.msgpack.encode(_Memory(*arrays, passed, on_trial, recent, self._now_s))

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned, of a counter of the same scene.

        Raises msgspec.DecodeError or ValueError on other bytes.
        """
        memory = msgspec.msgpack.decode(state, type=_Memory)
        self._id = np.frombuffer(memory.track_id, np.int64).copy()
        n = len(self._id)
        self._table = np.frombuffer(memory.table).reshape(ROWS, n).copy()
        lines = np.frombuffer(memory.lines).reshape(4, len(self.scene.lines), n).copy()
        self._distance, self._side, self._net, self._since_s = lines
        self._passed = {(passing.line, passing.track_id): passing for passing in memory.passed}
        self._certain, self._on_trial, self._recent = [], list(memory.on_trial), list(memory.recent)
        self._now_s = memory.now_s

    def _align(self, ids: np.ndarray) -> None:
        """Bring the columns in the order of ids; tracks that are gone are completed and forgotten."""
        if np.array_equal(ids, self._id):
            return
        _, old, new = np.intersect1d(self._id, ids, assume_unique=True, return_indices=True)
        gone = np.setdiff1d(np.arange(len(self._id)), old)
        for k in gone:
            for line in range(len(self.scene.lines)):
                if not self._complete(line, int(k)):
                    self._bridge_death(line, int(k))
        self._keep(ids, old, new)

    def _keep(self, ids: np.ndarray, old: np.ndarray, new: np.ndarray) -> None:
        """Columns old become columns new of a table for ids; the others begin empty."""
        kept = {int(i) for i in ids}
        self._passed = {key: passing for key, passing in self._passed.items() if key[1] in kept}
        self._on_trial = [passing for passing in self._on_trial if passing.track_id in kept]
        table = np.zeros((ROWS, len(ids)))
        table[SEEN_SEQ] = -1
        table[:, new] = self._table[:, old]
        lines = np.zeros((4, len(self.scene.lines), len(ids)))
        for row, former in zip(lines, (self._distance, self._side, self._net, self._since_s), strict=True):
            row[:, new] = former[:, old]
        self._id, self._table = ids, table
        self._distance, self._side, self._net, self._since_s = lines

    def _look(self, frame: Frame, tracks: Tracks) -> None:
        """Take over what was observed in this frame; a coasting track stays where it was last seen."""
        t, xyxy = self._table, tracks.xyxy.T.astype(np.float64)
        new = t[SEEN_SEQ] < 0
        seen = tracks.observed | new
        foot = xyxy[3] if self.settings.anchor == "ground" else (xyxy[1] + xyxy[3]) / 2
        anchor = np.stack([(xyxy[0] + xyxy[2]) / 2, foot])
        t[:6, seen] = np.concatenate([anchor, xyxy[2:] - xyxy[:2], tracks.velocity.T])[:, seen]
        t[SEEN_S, seen], t[SEEN_SEQ, seen] = frame.pts_s, frame.seq
        t[CONFIRMED], t[LABEL] = tracks.confirmed, tracks.label
        distance = self._lines.distance(t[ANCHOR])
        if new.any():
            t[FIRST, new], t[FIRST_S, new], t[FIRST_SEQ, new] = anchor[:, new], frame.pts_s, frame.seq
            self._distance[:, new] = distance[:, new]
        self._distance = distance

    def _pass(self, line: int, k: int, before: np.ndarray, before_distance: float) -> None:
        """The anchor of track k changed sides: remember where and when, if that was on the finite line."""
        now, distance = self._table[:, k], self._distance[line, k]
        share = before_distance / (before_distance - distance)
        frames = now[SEEN_SEQ] - before[SEEN_SEQ]
        later = math.ceil(share * frames) / frames  # the first frame past the line, also after a gap
        place = before[ANCHOR] + share * (now[ANCHOR] - before[ANCHOR])
        moment = (before[SEEN_SEQ] + later * frames, before[SEEN_S] + later * (now[SEEN_S] - before[SEEN_S]))
        if self._on_line(line, k, place):
            sign = 1 if distance > 0 else -1
            self._net[line, k] += sign
            self._passed[line, int(self._id[k])] = self._passing(line, k, sign, place, moment)

    def _on_line(self, line: int, k: int, place: np.ndarray) -> bool:
        """Whether a place on the endless line is on the line; its ends are tolerant unless another line goes on."""
        tolerance = self.settings.end_tolerance * math.sqrt(self._table[SIZE, k].prod())
        beyond = self._lines.beyond(line, place)
        return beyond <= 0 or (beyond <= tolerance and not self._lines.continued(line, place, tolerance))

    def _passing(self, line: int, k: int, sign: int, place: np.ndarray, moment: tuple[float, float]) -> Passing:
        x, y = place.tolist()
        t = self._table[:, k]
        (w, h), velocity = t[SIZE].tolist(), tuple(t[VELOCITY].tolist())
        bottom = y if self.settings.anchor == "ground" else y + h / 2
        box = (x - w / 2, bottom - h, x + w / 2, bottom)
        seq, pts_s = moment
        return Passing(line, int(self._id[k]), sign, int(seq), float(pts_s), x, y, int(t[LABEL]), box, velocity)

    def _margin(self) -> np.ndarray:
        """px from the line at which a track of this size has settled: (N,)."""
        w, h = self._table[SIZE]
        return np.maximum(self.settings.margin_px, self.settings.margin * np.sqrt(w * h))

    def _settle(self, pts_s: float) -> None:
        """See which tracks stand clear of which line, and turn passes into crossings."""
        clear = np.sign(self._distance) * (np.abs(self._distance) > self._margin())
        stayed, settled = clear == self._side, clear != 0
        if self._net.any() or self._since_s.any():
            self._net[stayed & settled] = self._since_s[stayed & settled] = 0
        changed = settled & ~stayed
        if not changed.any():
            return
        for line, k in zip(*np.nonzero(changed), strict=True):
            self._since_s[line, k] = self._since_s[line, k] or pts_s
            born = self._side[line, k] == 0
            if not born and pts_s - self._since_s[line, k] < self.settings.settle_s:
                continue
            if self._net[line, k] * clear[line, k] > 0:
                self._crossed(k, self._passed[int(line), int(self._id[k])])
            self._side[line, k] = clear[line, k]
            self._net[line, k] = self._since_s[line, k] = 0

    def _complete(self, line: int, k: int) -> bool:
        """A track ended: if it had passed the line and was on its way from it, it crossed."""
        net, side = self._net[line, k], self._side[line, k]
        if not net or net != -side:
            return False
        if self._ahead(line, k) * net > self._margin()[k]:
            self._crossed(k, self._passed[line, int(self._id[k])])
        return True

    def _ahead(self, line: int, k: int) -> float:
        """px to the right of the line that track k would be after bridge_s."""
        t = self._table[:, k]
        return float(self._lines.distance((t[ANCHOR] + t[VELOCITY] * self.settings.bridge_s)[:, None])[line, 0])

    def _bridge_death(self, line: int, k: int) -> None:
        """A track ended before the line: prolong it, unless another took over where it was lost."""
        t, distance = self._table[:, k], self._distance[line, k]
        ahead = self._ahead(line, k)
        if distance * ahead >= 0 or not t[CONFIRMED] or self._taken_over(k):
            return
        later_s = distance / (distance - ahead) * self.settings.bridge_s
        place = t[ANCHOR] + later_s * t[VELOCITY]
        if self._on_line(line, k, place):
            self._crossed(
                k, self._passing(line, k, 1 if ahead > 0 else -1, place, self._moment(k, t[SEEN_S] + later_s))
            )

    def _moment(self, k: int, pts_s: float) -> tuple[float, float]:
        """The frame and time of track k at pts_s, outside its life, if frames come as they came during it."""
        t = self._table[:, k]
        pace = (t[SEEN_SEQ] - t[FIRST_SEQ]) / max(t[SEEN_S] - t[FIRST_S], 1e-6)
        return max(0.0, t[FIRST_SEQ] + pace * (pts_s - t[FIRST_S])), pts_s

    def _taken_over(self, k: int) -> bool:
        """Whether a track was born where track k would have been at that moment."""
        t = self._table
        gap_s = t[FIRST_S] - t[SEEN_S, k]
        off = t[FIRST] - t[ANCHOR, k][:, None] - gap_s * t[VELOCITY, k][:, None]
        return bool(((gap_s > 0) & (np.hypot(off[0], off[1]) < np.sqrt(t[SIZE].prod(axis=0)))).any())

    def _bridge_births(self) -> None:
        """Prolong tracks backwards, once each, as soon as their direction is known."""
        t = self._table
        open_ = t[BRIDGED] == 0
        if not open_.any():
            return
        due = open_ & self._proven()
        if not due.any():
            return
        t[BRIDGED, due] = 1
        for k in np.flatnonzero(due).tolist():
            way = t[ANCHOR, k] - t[FIRST, k]
            velocity = way / (t[SEEN_S, k] - t[FIRST_S, k])
            back = t[FIRST, k] - velocity * self.settings.bridge_s
            ends = self._lines.distance(np.stack([back, t[FIRST, k]], axis=1))
            for line in np.flatnonzero(ends[:, 0] * ends[:, 1] < 0).tolist():
                earlier_s = ends[line, 1] / (ends[line, 1] - ends[line, 0]) * self.settings.bridge_s
                place = t[FIRST, k] - earlier_s * velocity
                if self._on_line(line, k, place):
                    sign = 1 if ends[line, 1] > 0 else -1
                    self._crossed(k, self._passing(line, k, sign, place, self._moment(k, t[FIRST_S, k] - earlier_s)))

    def _crossed(self, k: int, passing: Passing) -> None:
        (self._certain if self._proven()[k] else self._on_trial).append(passing)

    def _proven(self) -> np.ndarray:
        """Whether a track is confirmed and has gone far enough to be no standing thing: bool (N,)."""
        t = self._table
        way = t[ANCHOR] - t[FIRST]
        return (t[CONFIRMED] > 0) & (way[0] ** 2 + way[1] ** 2 >= self.settings.travel**2 * t[SIZE].prod(axis=0))

    def _emit(self, now_s: float) -> tuple[Crossing, ...]:
        """The crossings that are certain, each vehicle once."""
        if self._on_trial:
            confirmed = set(self._id[self._proven()].tolist())
            self._certain += [passing for passing in self._on_trial if passing.track_id in confirmed]
            self._on_trial = [passing for passing in self._on_trial if passing.track_id not in confirmed]
        if not self._certain:
            return ()
        self._recent = [other for other in self._recent if now_s - other.pts_s < RECENT_S]
        crossings = []
        for passing in self._certain:
            if not any(self._is_double(passing, other) for other in self._recent):
                self._recent.append(passing)
                crossings.append(passing.crossing(self.scene.camera, self.scene.lines[passing.line].name))
        self._certain = []
        return tuple(crossings)

    def _is_double(self, passing: Passing, other: Passing) -> bool:
        """Whether both are one road user: at the line, or where both tracks are now."""
        if passing.line != other.line or passing.sign != other.sign or passing.track_id == other.track_id:
            return False  # before the present boxes are looked up, which takes longer
        least_iou = self.settings.duplicate_overlap
        if same_vehicle(passing, other, least_iou):
            return True
        now, other_now = self._brought_up(passing), self._brought_up(other)
        return now is not None and other_now is not None and same_vehicle(now, other_now, least_iou)

    def _brought_up(self, passing: Passing) -> Passing | None:
        """The passing with the present box of its track, or None when that has ended."""
        at = np.flatnonzero(self._id == passing.track_id)
        if not len(at):
            return None
        (x, y), (w, h) = self._table[ANCHOR, at[0]].tolist(), self._table[SIZE, at[0]].tolist()
        return msgspec.structs.replace(passing, box=(x - w / 2, y - h, x + w / 2, y), pts_s=0.0)
