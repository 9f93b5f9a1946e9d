"""Passing and settling: for each line and track, on which side it stands clear, and when it went over.

The path of a track is the way of its anchor point between observations. Each piece of it is tested against each line,
segment against segment, so that nothing is too fast to be seen. A piece that passes the finite line is remembered; it
becomes a crossing when the track has settled on the other side, farther from the line than its box jitters and for a
moment. So standing on the line, or a box that trembles across it, counts nothing; a U-turn counts both ways.

    side of the track      left  left  left | here: passed, not settled | right  right
    what is remembered                        Passing (frame, place)      -> Crossed
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from stream.counting.courses import POINT, SEEN_S, SEEN_SEQ, Courses, H, W, X, Y
from stream.counting.lines import LineSet
from stream.counting.passing import Moment, Passing, passing_of
from stream.scene import Line
from stream.settings import CountingSettings

LOST, SETTLED, BORN, CLEARED = range(4)  # what made a crossing certain: also the order within a frame


class Crossed(msgspec.Struct, frozen=True, order=True):
    """A track has crossed: known with `frame`. first, second put those of one frame in order."""

    frame: int
    cause: int  # LOST, SETTLED, ...
    first: int
    second: int
    row: int  # of the courses, which tells whether the track is proven
    passing: Passing


class Stand(msgspec.Struct):
    """state f64 (3, lines, C): side, net and since_s. By row: px to the right of each line, f64 (lines, R); px from a
    line at which the track is clear of it, f64 (R,)."""

    state: np.ndarray
    distance: np.ndarray
    margin: np.ndarray

    @property
    def side(self) -> np.ndarray:
        """The side where a track settled last (0: not yet), f64 (lines, C)."""
        return self.state[0]

    @property
    def net(self) -> np.ndarray:
        """Passes to the right less passes to the left since then, f64 (lines, C)."""
        return self.state[1]

    @property
    def since_s(self) -> np.ndarray:
        """When a track was first seen settled on the other side (0: it is not), f64 (lines, C)."""
        return self.state[2]


class Sides:
    """The lines of a scene, and how each track stands to them."""

    def __init__(self, lines: Sequence[Line], settings: CountingSettings) -> None:
        self.lines, self.settings = LineSet(lines), settings
        self.state = np.zeros((3, len(lines), 0))  # of Stand, by remembered track
        self.passed: dict[tuple[int, int], Passing] = {}  # the last pass of (line, track id)

    def follow(self, courses: Courses) -> tuple[Stand, list[Crossed]]:
        """How the tracks pass through the lines, and who settled behind one."""
        state = courses.recall(self.state, np.zeros((3, len(self.lines), len(courses))))
        distance = self.lines.distance(courses.row[POINT])
        size = np.sqrt(courses.row[W] * courses.row[H])
        margin = np.maximum(self.settings.margin_px, self.settings.margin * size)
        stand = Stand(state, distance, margin)
        clear = (distance > margin).astype(np.int8) - (distance < -margin)
        low, high = (f.reduceat(clear, courses.start, axis=1) for f in (np.minimum, np.maximum))
        # Most tracks are far from most lines. Nothing happens to one that stands clear on its side all the time.
        side = np.where(stand.side == 0, high, stand.side)
        quiet = (low == high) & (high != 0) & (side == high) & (stand.net == 0) & (stand.since_s == 0)
        stand.side[quiet] = side[quiet]
        lines, tracks = np.nonzero(~quiet)
        return stand, self._step(courses, stand, clear, (lines, tracks)) if len(lines) else []

    def keep(self, stand: Stand, courses: Courses, on: np.ndarray) -> None:
        """Remember how the courses `on` stand."""
        self.state = stand.state.take(on, axis=2)
        if self.passed:
            kept = set(courses.track_id[on].tolist())
            self.passed = {key: passing for key, passing in self.passed.items() if key[1] in kept}

    def _step(
        self, courses: Courses, stand: Stand, clear: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]
    ) -> list[Crossed]:
        """Go with the tracks of these (line, course) pairs from row to row."""
        lines, tracks = pairs
        pair, row = _rows_of(courses.start[tracks], courses.stop[tracks])
        at = lines[pair]
        here, far = clear[at, row], stand.distance[at, row]
        flipped = self._flipped(pair, far)
        events = np.flatnonzero(self._eventful(courses, pair, row, here, flipped) & (courses.frame[row] >= 0))
        side, net, since_s = (values[lines, tracks].tolist() for values in (stand.side, stand.net, stand.since_s))
        found = []
        columns = (pair[events], row[events], here[events], flipped[events], courses.pts_s[row[events]])
        for p, r, c, flip, pts_s in zip(*(column.tolist() for column in columns), strict=True):
            line = int(lines[p])
            if flip and (passing := self._pass(courses, stand, line, r)) is not None:
                net[p] += passing.sign
                self.passed[line, passing.track_id] = passing
            if c == 0:
                continue
            if c != side[p]:
                since_s[p] = since_s[p] or pts_s
                if side[p] and pts_s - since_s[p] < self.settings.settle_s:
                    continue
                if net[p] * c > 0:
                    track_id = int(courses.track_id[tracks[p]])
                    passing = self.passed[line, track_id]
                    found.append(Crossed(int(courses.frame[r]), SETTLED, line, track_id, r, passing))
                side[p] = c
            net[p] = since_s[p] = 0
        for values, now in ((stand.side, side), (stand.net, net), (stand.since_s, since_s)):
            values[lines, tracks] = now
        return found

    @staticmethod
    def _flipped(pair: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Whether the anchor came to the other side of the endless line since the row before: bool, by row of pair."""
        flipped = np.zeros(len(pair), bool)
        flipped[1:] = ((distance[1:] > 0) != (distance[:-1] > 0)) & (pair[1:] == pair[:-1])
        return flipped

    def _eventful(
        self, courses: Courses, pair: np.ndarray, row: np.ndarray, here: np.ndarray, flipped: np.ndarray
    ) -> np.ndarray:
        """Rows in which something can change: who stands clear on one side for longer than it takes has settled."""
        changed = np.ones(len(pair), bool)
        changed[1:] = (here[1:] != here[:-1]) | (pair[1:] != pair[:-1])
        since = np.maximum.accumulate(np.where(changed, np.arange(len(pair)), 0))
        before = np.maximum(np.arange(len(pair)) - 1, since)
        stood_s = courses.pts_s[row[before]] - courses.pts_s[row[since]]
        return changed | flipped | ((here != 0) & (stood_s < self.settings.settle_s))

    def _pass(self, courses: Courses, stand: Stand, line: int, row: int) -> Passing | None:
        """The anchor changed sides: where and when, if that was on the finite line."""
        columns = [X, Y, SEEN_S, SEEN_SEQ]
        before_x, before_y, before_s, before_seq = courses.row[columns, row - 1].tolist()
        x, y, seen_s, seen_seq = courses.row[columns, row].tolist()
        before, now = stand.distance[line, row - 1].item(), stand.distance[line, row].item()
        share, frames = before / (before - now), seen_seq - before_seq
        later = math.ceil(share * frames) / frames  # the first frame past the line, also after a gap
        x, y = before_x + share * (x - before_x), before_y + share * (y - before_y)
        at = Moment(x, y, before_seq + later * frames, before_s + later * (seen_s - before_s))
        if not self.reaches(line, x, y, courses, row):
            return None
        return passing_of(courses, row, line, 1 if now > 0 else -1, at)

    def reaches(self, line: int, x: float, y: float, courses: Courses, row: int) -> bool:
        """Whether a place on the endless line is on the line; its ends are tolerant, as large as the track's box is."""
        size = math.sqrt(courses.row[W, row] * courses.row[H, row])
        return self.lines.reaches(line, np.array((x, y)), self.settings.end_tolerance * size)


def _rows_of(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows from each start to its stop, one after the other: (which of them, row), both i64."""
    length = stop - start
    pair = np.repeat(np.arange(len(start)), length)
    return pair, np.arange(len(pair)) + (start - np.cumsum(length) + length)[pair]
