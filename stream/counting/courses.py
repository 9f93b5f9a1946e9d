"""The courses of all tracks through a stretch of frames: rows sorted by track, then by frame.

A course that goes on from the stretch before begins with the row that was remembered of it (frame -1), so that what
lies between two stretches is a step like any other, and how frames are cut into stretches changes nothing:

    frame       -1  0  1  2    -1  0         1  2
    track_id     4  4  4  4     5  5         9  9
    ends with    goes on        gone in 1    goes on
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from stream.counting.stretch import Stretch
from stream.settings import CountingSettings

# Columns of a row. A coasting track stays where it was last seen, with its vote and its state of now.
X, Y, SEEN_S, SEEN_SEQ, W, H, VX, VY, LABEL, CONFIRMED = range(10)  # px, px/s, s; X and Y are of the anchor
EVIDENCE, LEAP = 10, 11  # so far: the sum of the scores of all sights, and the longest step from sight to sight
POINT, VELOCITY = slice(X, Y + 1), slice(VX, VY + 1)
COLUMNS = 12
FIRST_X, FIRST_Y, FIRST_S, FIRST_SEQ, FIRST_AREA = range(5)  # of the first row of a course; the first four as in a row
FIRSTS = 5

Anchor = Literal["ground", "centre"]
Box = tuple[float, float, float, float]


class Remembered(msgspec.Struct, frozen=True):
    """The tracks after the last frame: track_id i64 (N,) rising, row f64 (COLUMNS, N), first f64 (FIRSTS, N)."""

    track_id: np.ndarray
    row: np.ndarray
    first: np.ndarray
    now_s: float  # pts of that frame

    @staticmethod
    def nothing() -> Remembered:
        return Remembered(np.zeros(0, np.int64), np.zeros((COLUMNS, 0)), np.zeros((FIRSTS, 0)), 0.0)

    def packed(self) -> Packed:
        """As plain data."""
        track_id, row, first = (np.ascontiguousarray(a).tobytes() for a in (self.track_id, self.row, self.first))
        return Packed(track_id, row, first, self.now_s)


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """Remembered tracks with their arrays as bytes: for a state that is stored."""

    track_id: bytes  # i64 (N,)
    row: bytes  # f64 (COLUMNS, N)
    first: bytes  # f64 (FIRSTS, N)
    now_s: float

    def unpacked(self) -> Remembered:
        """Raises ValueError on bytes of another form."""
        track_id = np.frombuffer(self.track_id, np.int64)
        row, first = (
            np.frombuffer(a).reshape(k, len(track_id)) for a, k in ((self.row, COLUMNS), (self.first, FIRSTS))
        )
        return Remembered(track_id, row, first, self.now_s)


class Courses(msgspec.Struct, frozen=True):
    """frames: of the stretch. By course, i64 (C,): track_id, start and stop of its rows, known (its index in what was
    remembered, or -1); first f64 (FIRSTS, C). By row: frame i64 (R,), pts_s f64 (R,), row f64 (COLUMNS, R)."""

    frames: int
    anchor: Anchor
    track_id: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    known: np.ndarray
    first: np.ndarray
    frame: np.ndarray
    pts_s: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        """How many courses."""
        return len(self.track_id)

    def spread(self, by_course: np.ndarray) -> np.ndarray:
        """Values by course (..., C) as values by row (..., R)."""
        return np.repeat(by_course, self.stop - self.start, axis=-1)

    def ended(self) -> np.ndarray:
        """Courses that do not reach the last frame: indices."""
        return (self.frame.take(self.stop - 1) < self.frames - 1).nonzero()[0]

    def evident(self, least: float, rows: slice | int = slice(None)) -> np.ndarray:
        """Whether the track is confirmed, and its sights add up to this evidence: no trick of the light. bool (R,)"""
        there: np.ndarray = (self.row[CONFIRMED, rows] > 0) & (self.row[EVIDENCE, rows] >= least)
        return there

    def proven(self, settings: CountingSettings, before: np.ndarray) -> np.ndarray:
        """Whether the track, evident, has ever gone settings.travel of its box size: it is no standing thing. bool (R,)

        before: bool (C,), whose tracks had done so before: who turns and comes back to where it began is still proven.
        The size is between that at first and that of now: the box of who comes near may grow as fast as it goes. The
        longest step is left out: a track that hops from one parked car to the next has moved once."""
        r, first = self.row, self.spread(self.first)
        way = np.hypot(r[X] - first[FIRST_X], r[Y] - first[FIRST_Y]) - r[LEAP]
        area2 = r[W] * r[H] * first[FIRST_AREA]
        far = (way >= settings.travel * np.sqrt(np.sqrt(area2))) & self.evident(settings.evidence)
        far[self.start] |= before
        times = far.cumsum()
        return times > self.spread(times[self.start] - far[self.start])

    def at(self, track_id: np.ndarray, frame: np.ndarray | int) -> np.ndarray:
        """The rows of tracks i64 (K,) after frames (K,), or -1 where one was not there: i64 (K,)."""
        born = self.frame[self.start] + 1  # from 0, and less than the frames there are
        n = self.frames + 1
        course = np.searchsorted(self.track_id * n + born, track_id * n + frame + 1, side="right") - 1
        row = self.start[course] + frame - self.frame[self.start[course]]
        there = (course >= 0) & (self.track_id[course] == track_id) & (row < self.stop[course])
        return np.where(there, row, -1)

    def box(self, row: int, x: float, y: float) -> Box:
        """xyxy of the track's box with its anchor at (x, y)."""
        w, h = self.row[W, row].item(), self.row[H, row].item()
        bottom = y if self.anchor == "ground" else y + h / 2
        return (x - w / 2, bottom - h, x + w / 2, bottom)

    def boxes(self, rows: np.ndarray) -> np.ndarray:
        """xyxy of rows i64 (K,): f64 (4, K)."""
        x, y, w, h = self.row.take(rows, axis=1)[[X, Y, W, H]]
        bottom = y if self.anchor == "ground" else y + h / 2
        return np.stack([x - w / 2, bottom - h, x + w / 2, bottom])

    def recall(self, before: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """Values by course (..., C): those remembered of it (..., N), or else those of a new one (..., C)."""
        old = self.known >= 0
        if not np.count_nonzero(old):
            return otherwise
        kept: np.ndarray = np.where(old, before.take(self.known, axis=-1, mode="clip"), otherwise)
        return kept

    def remember(self) -> tuple[np.ndarray, Remembered]:
        """The courses that go on, i64 (N,), and what the next stretch has to know of them."""
        last = self.stop - 1
        on = (self.frame.take(last) == self.frames - 1).nonzero()[0]
        row, first = self.row.take(last.take(on), axis=1), self.first.take(on, axis=1)
        return on, Remembered(self.track_id.take(on), row, first, 0.0)


def join(before: Remembered, stretch: Stretch, anchor: Anchor) -> Courses:
    """The courses through a stretch that follows what was remembered."""
    n = len(before.track_id)
    ids = np.concatenate([before.track_id, stretch.track_id])
    frame = np.concatenate([np.full(n, -1), stretch.frame])
    order = ids.argsort(kind="stable")  # rows were in the order of frames already
    ids, frame = ids.take(order), frame.take(order)
    begins = np.ones(len(ids), bool)
    begins[1:] = (ids[1:] != ids[:-1]) | (frame[1:] != frame[:-1] + 1)  # who was away in a frame comes as a new one
    row, seen = _rows(before, stretch, anchor)
    row, seen = row.take(order, axis=1), seen.take(order) | begins
    if np.count_nonzero(seen) < len(seen):
        at = np.maximum.accumulate(np.where(seen, np.arange(len(ids)), 0))
        row[:LABEL] = row[:LABEL].take(at, axis=1)
    row[LEAP] = _leaps(row, begins)
    start = begins.nonzero()[0]
    _add_up(row[EVIDENCE], start)
    bounds = np.append(start, len(ids))
    known = order.take(start)
    known[known >= n] = -1
    first = np.empty((FIRSTS, len(start)))
    first[:FIRST_AREA] = row[:FIRST_AREA].take(start, axis=1)
    first[FIRST_AREA] = (row[W] * row[H]).take(start)
    pts_s = np.concatenate([[before.now_s], stretch.pts_s]).take(frame + 1)
    courses = Courses(
        len(stretch), anchor, ids.take(start), bounds[:-1], bounds[1:], known, first, frame, pts_s, row
    )  # fmt: skip
    return msgspec.structs.replace(courses, first=courses.recall(before.first, first))


def _rows(before: Remembered, stretch: Stretch, anchor: Anchor) -> tuple[np.ndarray, np.ndarray]:
    """All rows f64 (COLUMNS, R) as observed, remembered ones first; and whether they were, bool (R,)."""
    n = len(before.track_id)
    row = np.empty((COLUMNS, n + len(stretch.track_id)))
    row[:, :n] = before.row
    new = row[:, n:]
    x1, y1, x2, y2 = stretch.xyxy.T.astype(np.float64)
    new[X], new[W], new[H] = (x1 + x2) / 2, x2 - x1, y2 - y1
    new[Y] = y2 if anchor == "ground" else (y1 + y2) / 2
    new[VELOCITY] = stretch.velocity.T
    new[SEEN_S], new[SEEN_SEQ] = stretch.pts_s.take(stretch.frame), stretch.seq.take(stretch.frame)
    new[LABEL], new[CONFIRMED], new[LEAP] = stretch.label, stretch.confirmed, 0.0
    np.multiply(stretch.score, stretch.observed, out=new[EVIDENCE])
    return row, np.concatenate([np.ones(n, bool), stretch.observed])


def _add_up(score: np.ndarray, start: np.ndarray) -> None:
    """Running sums within each course, in place: f64 (R,) of scores f32, exact, so that stretches may be cut anyhow."""
    first = score.take(start)
    np.cumsum(score, out=score)
    score -= (score.take(start) - first).repeat(np.diff(start, append=len(score)))


def _leaps(row: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """The longest step of each course up to each row, px: f32 (R,). begins: bool (R,), where a course does."""
    step = np.zeros(len(begins), np.float32)
    step[1:] = np.hypot(row[X, 1:] - row[X, :-1], row[Y, 1:] - row[Y, :-1])
    np.copyto(step, row[LEAP], where=begins, casting="same_kind")  # as remembered
    # Floats above 0 rise as their bits do: one running maximum of (course, step) serves all courses, exactly.
    key = (begins.cumsum() << 32) | step.view(np.int32)
    return np.maximum.accumulate(key, out=key).astype(np.int32).view(np.float32)
