"""The visits of one zone: who came in, since when, whether that is certain, and when it left.

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
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from stream.counting.courses import LABEL, SEEN_S, SEEN_SEQ, Courses, H, W, X, Y
from stream.counting.passing import Moment
from stream.counting.polygon import Polygon
from stream.messages import LABELS, Visit
from stream.scene import Zone
from stream.settings import CountingSettings
from stream.tracking.doubles import are_doubles

Left = Literal["edge", "lost", "unseen"]


class Stay(msgspec.Struct):
    """A track that is in the zone, or was a moment ago."""

    track_id: int
    entered: Moment
    born: bool  # it was first seen inside
    depth: float = 0.0  # px, the most so far
    since_s: float | None = None  # it stands clear on one side from then on
    left: Moment | None = None  # it is outside since
    certain: bool = False
    told: bool = False
    double: bool = False  # its box lies on that of another visitor: a rider, or a second box

    @property
    def is_settled(self) -> bool:
        """Nothing is to be learnt of it as long as it stands clear inside."""
        return self.told and self.left is None


class Step(NamedTuple):
    """A row of a track, and how it lies to the zone."""

    row: int
    depth: float  # px inside the border, negative outside
    clear: float  # px from the border from which on a track of this size stands clear
    touched: bool  # on the way from the row before it may have touched the border

    @property
    def is_clear(self) -> bool:
        return abs(self.depth) > self.clear


class ZoneVisits:
    """One zone of a camera. stays: by track id, of all who are inside or have just left."""

    def __init__(self, camera: str, zone: Zone, settings: CountingSettings) -> None:
        self._camera, self._name, self._settings = camera, zone.name, settings
        self._polygon = Polygon(zone)
        self.stays: dict[int, Stay] = {}

    def follow(self, courses: Courses, clear: np.ndarray) -> Iterator[tuple[int, Visit]]:
        """(frame, visit) of what began or ended for certain in these frames. clear: of clear_of()."""
        depth = self._polygon.depth(courses.row[X], courses.row[Y])
        touched = _may_touch(courses, depth)
        depths, clears, touches, ids = (a.tolist() for a in (depth, clear, touched, courses.track_id))
        for frame, is_there, course, row in self._moments(courses, touched, depth - clear):
            track_id, step = ids[course], Step(row, depths[row], clears[row], touches[row])
            stay = self.stays.get(track_id)
            visit = None
            if stay is None:
                if is_there and step.touched:
                    visit = self._enter(track_id, courses, step)
            elif not is_there:
                del self.stays[track_id]
                visit = self._end(stay, courses, row, step.clear, "lost")
            elif not stay.is_settled or step.depth <= step.clear:
                visit = self._go_on(stay, courses, step)
            if visit is not None:
                yield frame, visit

    def finish(self, courses: Courses, clear: np.ndarray) -> Iterator[Visit]:
        """Nothing more is seen: the visits of who is inside end as `unseen`. courses: their last rows."""
        rows = dict(zip(courses.track_id.tolist(), courses.start.tolist(), strict=True))
        stays, self.stays = self.stays, {}
        for track_id, stay in sorted(stays.items()):
            row = rows[track_id]
            visit = self._end(stay, courses, row, float(clear[row]), "unseen")
            if visit is not None:
                yield visit

    def _moments(self, courses: Courses, touched: np.ndarray, above: np.ndarray) -> list[tuple[int, bool, int, int]]:
        """(frame, whether the track is there or has ended, course, row), of courses with which something happens. In
        order of time, since a visitor may be the double of one who is inside already."""
        ended = np.zeros(len(courses), bool)
        ended[courses.ended()] = True
        frames, found = courses.frame.tolist(), []
        for course in self._busy(courses, touched, above, ended):
            rows = range(int(courses.start[course]), int(courses.stop[course]))
            found += [(frames[row], True, course, row) for row in rows if frames[row] >= 0]
            if ended[course]:
                found.append((frames[rows[-1]] + 1, False, course, rows[-1]))
        return sorted(found)

    def _busy(self, courses: Courses, touched: np.ndarray, above: np.ndarray, ended: np.ndarray) -> list[int]:
        """Courses but for those far outside, or settled and clear inside (above 0), all along."""
        busy = np.logical_or.reduceat(touched, courses.start)
        shallow = np.minimum.reduceat(above, courses.start) <= 0
        for track_id, stay in self.stays.items():
            course = int(np.searchsorted(courses.track_id, track_id))
            busy[course] = ended[course] or shallow[course] or not stay.is_settled
        return np.flatnonzero(busy).tolist()

    def _enter(self, track_id: int, courses: Courses, step: Step) -> Visit | None:
        """A track that was outside, or is new, may be inside now."""
        entered = self._cut(courses, step.row, 0)
        if entered is None and step.depth <= 0:
            return None
        stay = Stay(track_id, entered or _here(courses, step.row), _is_first(courses, step.row))
        self.stays[track_id] = stay
        return self._go_on(stay, courses, step)

    def _go_on(self, stay: Stay, courses: Courses, step: Step) -> Visit | None:
        """Another row of who is inside, or was a moment ago."""
        self._note_side(stay, courses, step)
        stay.depth = max(stay.depth, step.depth)
        pts_s = float(courses.pts_s[step.row])
        if step.is_clear:
            stay.since_s = pts_s if stay.since_s is None else stay.since_s
            if pts_s - stay.since_s >= self._settings.settle_s:
                if step.depth < 0:
                    del self.stays[stay.track_id]
                    return self._end(stay, courses, step.row, step.clear, "edge")
                stay.certain = True
        if stay.certain and not stay.told and courses.evident(self._settings.evidence, step.row):
            stay.told, stay.double = True, self._is_double(stay, courses, step.row)
            return None if stay.double else self._visit(stay, courses, step.row, None, None)
        return None

    def _note_side(self, stay: Stay, courses: Courses, step: Step) -> None:
        """Whether it is outside now, and since when."""
        is_inside = step.depth > 0
        if is_inside == (stay.left is not None):  # it came back in, or went out
            stay.left = None if is_inside else self._cut(courses, step.row, -1) or _here(courses, step.row)
            stay.since_s = None
        elif not is_inside and step.touched:  # it went through again, between two observations
            stay.left = self._cut(courses, step.row, -1) or stay.left

    def _cut(self, courses: Courses, row: int, which: int) -> Moment | None:
        """Where and when the last step of a track cut the border, for the first (0) or last (-1) time, if it did."""
        if _is_first(courses, row):
            return None
        columns = [X, Y, SEEN_S, SEEN_SEQ]
        x, y, now_s, seq = courses.row[columns, row].tolist()
        x0, y0, before_s, before_seq = courses.row[columns, row - 1].tolist()
        cuts = self._polygon.cuts((x0, y0), (x, y))
        if not cuts:
            return None
        share = cuts[which]
        later = math.ceil(share * (seq - before_seq))
        place = x0 + share * (x - x0), y0 + share * (y - y0)
        return Moment(*place, before_seq + later, before_s + share * (now_s - before_s))

    def _end(self, stay: Stay, courses: Courses, row: int, clear: float, how: Left) -> Visit | None:
        """A stay is over: the visit, if it was one."""
        if stay.double or not courses.evident(self._settings.evidence, row):
            return None
        left = stay.left or _here(courses, row)
        how = how if stay.left is None else "edge"
        if not stay.certain and (how != "edge" or not self._went_through(stay, left, clear)):
            return None
        return self._visit(stay, courses, row, left, how)

    def _went_through(self, stay: Stay, left: Moment, clear: float) -> bool:
        """Whether it came in at one place and out at another, with a way between them that is clear inside."""
        x, y = np.array([(stay.entered.x + left.x) / 2]), np.array([(stay.entered.y + left.y) / 2])
        deepest = max(stay.depth, float(self._polygon.depth(x, y)[0]))
        return deepest > clear and math.hypot(left.x - stay.entered.x, left.y - stay.entered.y) >= 2 * clear

    def _is_double(self, stay: Stay, courses: Courses, row: int) -> bool:
        """Whether the track is a second box of a visitor who is inside already, or of the machine it rides."""
        others = [o.track_id for o in self.stays.values() if o.told and not o.double and o is not stay]
        rows = courses.at(np.array(others, np.int64), int(courses.frame[row]))
        rows = rows[rows >= 0]
        mine = np.full(len(rows), row)
        (box, label), (other_box, other_label) = (
            (courses.boxes(of), courses.row[LABEL, of].astype(np.int64)) for of in (mine, rows)
        )
        return bool(are_doubles(box, label, other_box, other_label, self._settings.duplicate_overlap).any())

    def _visit(self, stay: Stay, courses: Courses, row: int, left: Moment | None, how: Left | None) -> Visit:
        return Visit(
            camera=self._camera,
            zone=self._name,
            track_id=stay.track_id,
            label=LABELS[int(courses.row[LABEL, row])],
            entered_seq=int(stay.entered.seq),
            entered_s=stay.entered.pts_s,
            entered="born" if stay.born else "edge",
            left_seq=None if left is None else int(left.seq),
            left_s=None if left is None else left.pts_s,
            left=how,
        )


def clear_of(courses: Courses, settings: CountingSettings) -> np.ndarray:
    """px from the border from which on a track of this size stands clear: f64 (R,)."""
    return np.maximum(settings.margin_px, settings.margin * np.sqrt(courses.row[W] * courses.row[H]))


def _may_touch(courses: Courses, depth: np.ndarray) -> np.ndarray:
    """Which rows begin inside, or end a step that can have touched the border: bool (R,). A step can only if it is as
    long as both its ends are away from it."""
    step = np.hypot(np.diff(courses.row[X], prepend=0), np.diff(courses.row[Y], prepend=0))
    touched: np.ndarray = np.abs(depth) + np.abs(np.append(0, depth[:-1])) <= step + 1e-6
    touched[courses.start] = (depth > 0)[courses.start]
    return touched


def _here(courses: Courses, row: int) -> Moment:
    """Where and when the track was last seen."""
    x, y, seen_s, seen_seq = courses.row[[X, Y, SEEN_S, SEEN_SEQ], row].tolist()
    return Moment(x, y, seen_seq, seen_s)


def _is_first(courses: Courses, row: int) -> bool:
    """Whether the track was born with this row."""
    course = int(np.searchsorted(courses.start, row, side="right")) - 1
    return bool(row == courses.start[course])
