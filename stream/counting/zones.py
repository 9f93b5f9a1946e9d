"""Visits: when a track came into a zone, once, and when it left.

A visit is certain when the track stands clear inside, farther from the border than its box jitters and for a moment, or
when it went through: in at one place, deep enough, and out at another. So a box that trembles on the border visits
nothing, and neither a quick vehicle nor one that jumps over the whole zone between two observations is missed. The
times are those at which the anchor passed the border.

    depth of the track    -  -  - | +  ++  ++  ++  + | -  --
    what is known                 entered  certain     left, certain when it stands clear outside
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import msgspec
import numpy as np

from stream.counting.courses import (
    COLUMNS,
    FIRSTS,
    LABEL,
    SEEN_S,
    SEEN_SEQ,
    Courses,
    H,
    Remembered,
    W,
    X,
    Y,
    join,
)
from stream.counting.passing import Moment
from stream.counting.polygon import Polygon
from stream.counting.stretch import Stretch
from stream.messages import LABELS, Frame, Tracks, Visit
from stream.scene import Scene
from stream.settings import CountingSettings
from stream.tracking.doubles import are_doubles

Left = Literal["edge", "lost", "unseen"]


class Stay(msgspec.Struct):
    """A track that is in a zone, or was a moment ago."""

    zone: int
    track_id: int
    entered: Moment
    born: bool  # it was first seen inside
    depth: float = 0.0  # px, the most so far
    since_s: float | None = None  # it stands clear on one side from then on
    left: Moment | None = None  # it is outside since
    certain: bool = False
    told: bool = False
    double: bool = False  # its box lies on that of another visitor: a rider, or a second box


class _Memory(msgspec.Struct, frozen=True, array_like=True):
    """What a counter of zones knows, as plain data."""

    track_id: bytes  # i64 (N,)
    row: bytes  # f64 (COLUMNS, N)
    first: bytes  # f64 (FIRSTS, N)
    now_s: float
    stays: tuple[Stay, ...]


class ZoneCounter:
    """The visits to the zones of one camera's scene."""

    def __init__(self, scene: Scene, settings: CountingSettings) -> None:
        self.scene, self.settings = scene, settings
        self._polygons = [Polygon(zone) for zone in scene.zones]
        self._before = Remembered.nothing()
        self._stays: dict[tuple[int, int], Stay] = {}  # by zone and track id

    def update(self, frame: Frame, tracks: Tracks) -> tuple[Visit, ...]:
        """The visits that began or ended for certain with this frame; tracks that `tracks` no longer holds ended."""
        return self.count(Stretch.of(frame, tracks))

    def count(self, stretch: Stretch) -> tuple[Visit, ...]:
        """The same for several frames, in order; the same, however a stream is cut into stretches."""
        if not self._polygons or not len(stretch):
            return ()
        courses = join(self._before, stretch, self.settings.anchor)
        _, after = courses.remember()
        self._before = msgspec.structs.replace(after, now_s=float(stretch.pts_s[-1]))
        found: list[tuple[int, Visit]] = []
        if len(courses):
            margin = _margin(courses, self.settings)
            for zone, polygon in enumerate(self._polygons):
                found += self._follow(zone, courses, polygon.depth(courses.row[X], courses.row[Y]), margin)
        return tuple(visit for _, visit in sorted(found, key=lambda one: (one[0], one[1].zone, one[1].track_id)))

    def finish(self) -> tuple[Visit, ...]:
        """All tracks end, since nothing more is seen: the visits of who is inside end as `unseen`."""
        courses = join(self._before, Stretch.nothing(), self.settings.anchor)
        rows = dict(zip(courses.track_id.tolist(), courses.start.tolist(), strict=True))
        found = [self._end(self._stays[key], courses, rows[key[1]], "unseen") for key in sorted(self._stays)]
        self._before, self._stays = Remembered.nothing(), {}
        return tuple(visit for visit in found if visit is not None)

    def state(self) -> bytes:
        """Everything that `restore` needs to go on from here, as msgpack."""
        arrays = (self._before.track_id, self._before.row, self._before.first)
        track_id, row, first = (np.ascontiguousarray(array).tobytes() for array in arrays)
        stays = tuple(stay for _, stay in sorted(self._stays.items()))
        return msgspec.msgpack.encode(_Memory(track_id, row, first, self._before.now_s, stays))

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned, of a counter of the same scene.

        Raises msgspec.DecodeError or ValueError on other bytes.
        """
        memory = msgspec.msgpack.decode(state, type=_Memory)
        track_id = np.frombuffer(memory.track_id, np.int64)
        row, first = (np.frombuffer(text).reshape(k, -1) for text, k in ((memory.row, COLUMNS), (memory.first, FIRSTS)))
        self._before = Remembered(track_id, row, first, memory.now_s)
        self._stays = {(stay.zone, stay.track_id): stay for stay in memory.stays}

    def _follow(
        self, zone: int, courses: Courses, depth: np.ndarray, margin: np.ndarray
    ) -> Iterator[tuple[int, Visit]]:
        """(frame, visit) of one zone, by track."""
        step = np.hypot(np.diff(courses.row[X], prepend=0), np.diff(courses.row[Y], prepend=0))
        # A step can have touched the border only if it is as long as both its ends are away from it.
        touched = np.abs(depth) + np.abs(np.append(0, depth[:-1])) <= step + 1e-6
        touched[courses.start] = (depth > 0)[courses.start]
        ended = np.zeros(len(courses), bool)
        ended[courses.ended()] = True
        frames, depths, margins, touches = (a.tolist() for a in (courses.frame, depth, margin, touched))
        events = []  # in order of time, since a visitor may be the double of one who is inside already
        for course in self._busy(zone, courses, touched, depth - margin, ended):
            rows = range(int(courses.start[course]), int(courses.stop[course]))
            events += [(frames[row], True, course, row) for row in rows if frames[row] >= 0]
            if ended[course]:
                events.append((frames[rows[-1]] + 1, False, course, rows[-1]))
        ids = courses.track_id.tolist()
        for frame, seen, course, row in sorted(events):
            key, visit = (zone, ids[course]), None
            stay = self._stays.get(key)
            if stay is None and not (seen and touches[row]):
                continue  # far outside
            if not seen:
                visit = self._end(self._stays.pop(key), courses, row, "lost")
            elif stay is None or not stay.told or stay.left is not None or depths[row] <= margins[row]:
                visit = self._step(key, courses, row, (depths[row], margins[row], touches[row]))
            if visit is not None:
                yield frame, visit

    def _busy(
        self, zone: int, courses: Courses, touched: np.ndarray, clear: np.ndarray, ended: np.ndarray
    ) -> list[int]:
        """Courses with which something happens: not those far outside, or told of and clear inside, all along."""
        busy = np.logical_or.reduceat(touched, courses.start)
        shallow = np.minimum.reduceat(clear, courses.start) <= 0
        for of, track_id in self._stays:
            if of == zone:
                course = int(np.searchsorted(courses.track_id, track_id))
                stay = self._stays[of, track_id]
                busy[course] = ended[course] or shallow[course] or not stay.told or stay.left is not None
        return np.flatnonzero(busy).tolist()

    def _step(self, key: tuple[int, int], courses: Courses, row: int, at: tuple[float, float, bool]) -> Visit | None:
        """One row of a track. at: its depth in the zone, from which depth on it is clear, px; the step may have touched
        the border."""
        depth, edge, touched = at
        pts_s, stay = float(courses.pts_s[row]), self._stays.get(key)
        if stay is None:
            entered = self._cut(key[0], courses, row, 0)
            if entered is None and depth <= 0:
                return None
            entered = entered or _here(courses, row)
            stay = self._stays[key] = Stay(*key, entered, _is_first(courses, row))
        if (depth > 0) == (stay.left is not None):  # it came back in, or went out
            stay.left = None if depth > 0 else self._cut(key[0], courses, row, -1) or _here(courses, row)
            stay.since_s = None
        elif depth <= 0 and touched:  # it went through again, between two observations
            stay.left = self._cut(key[0], courses, row, -1) or stay.left
        stay.depth = max(stay.depth, depth)
        if abs(depth) > edge:
            stay.since_s = pts_s if stay.since_s is None else stay.since_s
            if pts_s - stay.since_s >= self.settings.settle_s:
                if depth < 0:
                    del self._stays[key]
                    return self._end(stay, courses, row, "edge")
                stay.certain = True
        if stay.certain and not stay.told and courses.evident(self.settings.evidence, row):
            stay.told, stay.double = True, self._is_double(stay, courses, row)
            return None if stay.double else self._visit(stay, courses, row, None, None)
        return None

    def _cut(self, zone: int, courses: Courses, row: int, which: int) -> Moment | None:
        """Where and when the last step of a track cut the border, for the first (0) or last (-1) time, if it did."""
        if _is_first(courses, row):
            return None
        columns = [X, Y, SEEN_S, SEEN_SEQ]
        x, y, now_s, seq = courses.row[columns, row].tolist()
        x0, y0, before_s, before_seq = courses.row[columns, row - 1].tolist()
        cuts = self._polygons[zone].cuts((x0, y0), (x, y))
        if not cuts:
            return None
        share = cuts[which]
        later = math.ceil(share * (seq - before_seq))
        place = x0 + share * (x - x0), y0 + share * (y - y0)
        return Moment(*place, before_seq + later, before_s + share * (now_s - before_s))

    def _end(self, stay: Stay, courses: Courses, row: int, how: Left) -> Visit | None:
        """A stay is over: the visit, if it was one."""
        if stay.double or not courses.evident(self.settings.evidence, row):
            return None
        left = stay.left or _here(courses, row)
        how = how if stay.left is None else "edge"
        if not stay.certain and (how != "edge" or not self._went_through(stay, left, courses, row)):
            return None
        return self._visit(stay, courses, row, left, how)

    def _went_through(self, stay: Stay, left: Moment, courses: Courses, row: int) -> bool:
        """Whether it came in at one place and out at another, with a way between them that is clear inside."""
        edge = float(_margin(courses, self.settings)[row])
        x, y = np.array([(stay.entered.x + left.x) / 2]), np.array([(stay.entered.y + left.y) / 2])
        deepest = max(stay.depth, float(self._polygons[stay.zone].depth(x, y)[0]))
        return deepest > edge and math.hypot(left.x - stay.entered.x, left.y - stay.entered.y) >= 2 * edge

    def _is_double(self, stay: Stay, courses: Courses, row: int) -> bool:
        """Whether the track is a second box of a visitor who is inside already, or of the machine it rides."""
        others = [o.track_id for o in self._stays.values() if o.zone == stay.zone and o.told and not o.double]
        rows = courses.at(np.array([track_id for track_id in others if track_id != stay.track_id], np.int64),
                          int(courses.frame[row]))  # fmt: skip
        rows = rows[rows >= 0]
        mine = np.full(len(rows), row)
        (box, label), (other_box, other_label) = (
            (courses.boxes(of), courses.row[LABEL, of].astype(np.int64)) for of in (mine, rows)
        )
        return bool(are_doubles(box, label, other_box, other_label, self.settings.duplicate_overlap).any())

    def _visit(self, stay: Stay, courses: Courses, row: int, left: Moment | None, how: Left | None) -> Visit:
        return Visit(
            camera=self.scene.camera,
            zone=self.scene.zones[stay.zone].name,
            track_id=stay.track_id,
            label=LABELS[int(courses.row[LABEL, row])],
            entered_seq=int(stay.entered.seq),
            entered_s=stay.entered.pts_s,
            entered="born" if stay.born else "edge",
            left_seq=None if left is None else int(left.seq),
            left_s=None if left is None else left.pts_s,
            left=how,
        )


def _margin(courses: Courses, settings: CountingSettings) -> np.ndarray:
    """px from the border at which a track of this size stands clear: f64 (R,)."""
    return np.maximum(settings.margin_px, settings.margin * np.sqrt(courses.row[W] * courses.row[H]))


def _here(courses: Courses, row: int) -> Moment:
    """Where and when the track was last seen."""
    x, y, seen_s, seen_seq = courses.row[[X, Y, SEEN_S, SEEN_SEQ], row].tolist()
    return Moment(x, y, seen_seq, seen_s)


def _is_first(courses: Courses, row: int) -> bool:
    """Whether the track was born with this row."""
    course = int(np.searchsorted(courses.start, row, side="right")) - 1
    return bool(row == courses.start[course])
