"""Detections in, tracks out: one camera, one table, no loop over tracks.

A frame takes five steps: every track is predicted to the time of the frame; confident detections are associated with
trusted tracks; weak ones rescue those left over (Zhang et al., ByteTrack, ECCV 2022); young tracks and lost tracks
get what remains; unclaimed confident detections are born as tracks on trial. Motion between competing tracks and the
correction after a gap follow the observations rather than the prediction (Cao et al., OC-SORT, CVPR 2023).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from stream.messages import Detections, Tracks
from stream.settings import TrackerSettings
from stream.tracking import doubles, found, kalman
from stream.tracking.found import Found, usable
from stream.tracking.matching import match
from stream.tracking.table import (
    BELIEF,
    BORN_S,
    EVIDENCE,
    GROWTH,
    HEIGHT,
    HITS,
    LABEL,
    LAST,
    MISSES,
    PATIENCE_S,
    ROWS,
    SCORE,
    SEEN_BOX,
    SEEN_S,
    SIDES,
    STANDING,
    SUMS,
    VELOCITY,
    VOTES,
    corners,
    nothing,
    outward,
)

BRIEF_S = 0.1  # an absence that the filter bridges as well as the path between observations


class Tracker:
    """The tracks of one camera.

    rejected: detections refused so far because their box was inverted, without area, or not finite.
    """

    def __init__(self, settings: TrackerSettings) -> None:
        self.settings = settings
        self.rejected = 0
        self._noise = settings.place_noise**2, settings.size_noise**2
        self._table = nothing()
        self._id = np.zeros(0, np.int64)
        self._next_id = 1
        self._clock_s: float | None = None

    def update(self, detections: Detections | None, pts_s: float) -> Tracks:
        """The tracks after a frame at pts_s; None: the detector did not look at it, so tracks are only predicted.

        Time that stands still or runs backwards moves nothing; the tracker goes on from the new time.
        """
        self._predict(pts_s)
        if detections is None:
            return self._tracks(np.zeros(len(self._id), bool), self._id[:0])
        ended = self._expire(pts_s)
        detected, refused = usable(detections, pts_s, self.settings)
        self.rejected += refused
        i, j = match(self._table, detected, self.settings)
        self._observe(i, detected.table.take(j, axis=1), pts_s)
        seen = np.zeros(len(self._id), bool)
        seen[i] = True
        if len(j) < len(detected.label):
            free = detected.score >= self.settings.birth_score
            free[j] = False
            if np.count_nonzero(free):
                born = self._give_birth(detected.take(free.nonzero()[0]), pts_s)
                seen = np.concatenate([seen, np.ones(born, bool)])
        return self._tracks(seen, ended)

    def reset(self) -> Tracks:
        """End every track: nothing is left but the ids that ended. Ids are not used again."""
        ended = self._id
        self._table, self._id, self._clock_s = nothing(), self._id[:0], None
        return self._tracks(np.zeros(0, bool), ended)

    def state(self) -> bytes:
        """Everything that `restore` needs to go on from here, as msgpack."""
        return msgspec.msgpack.encode(
            (self._table.tobytes(), self._id.tobytes(), self._next_id, self._clock_s, self.rejected)
        )

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned. Raises msgspec.DecodeError or ValueError on other bytes."""
        table, ids, self._next_id, self._clock_s, self.rejected = msgspec.msgpack.decode(
            state, type=tuple[bytes, bytes, int, float | None, int]
        )
        self._id = np.frombuffer(ids, np.int64).copy()
        self._table = np.frombuffer(table).reshape(ROWS, len(self._id)).copy()

    def _predict(self, pts_s: float) -> None:
        dt_s = 0.0 if self._clock_s is None else pts_s - self._clock_s
        self._clock_s = pts_s
        if dt_s < 0:
            self._table[[BORN_S, SEEN_S]] += dt_s
        elif dt_s > 0 and len(self._id):
            t = self._table
            np.multiply(t[HEIGHT], t[HEIGHT], out=t[kalman.UNIT])
            kalman.predict(t[BELIEF], round(dt_s, 9), self._noise)
            sides, growth, missed = t[SIDES], t[GROWTH], t[MISSES] > 0
            if np.count_nonzero(missed):
                np.multiply(growth, math.exp(-dt_s / self.settings.growth_memory_s), out=growth, where=missed)
            np.maximum(sides, 1.0, out=sides)  # a shrinking box never inverts

    def _expire(self, pts_s: float) -> np.ndarray:
        """Drop the tracks that were unseen for too long; the ids that ended."""
        t, s = self._table, self.settings
        due_s = t[SEEN_S] + t[PATIENCE_S]
        if not len(due_s) or pts_s <= due_s.item(due_s.argmin()):
            return self._id[:0]
        unseen_s = pts_s - t[SEEN_S]
        stale = (pts_s > due_s) & ((t[MISSES] >= s.coast_passes) | (unseen_s > 3 * s.coast_s))
        slow = np.hypot(*t[VELOCITY]) * unseen_s <= s.linger_travel * t[HEIGHT]
        known = unseen_s <= np.minimum(t[SEEN_S] - t[BORN_S], s.linger_s)  # for as long as it has been seen
        stale &= ~(slow & known & (t[STANDING] > 1))
        if not np.count_nonzero(stale):
            return self._id[:0]
        ended = self._id[stale]
        self._table = t.compress(~stale, axis=1)  # stays C-ordered, unlike t[:, ~stale]: rows stay together
        self._id = self._id[~stale]
        return ended

    def _observe(self, i: np.ndarray, seen: np.ndarray, pts_s: float) -> None:
        """Update the tracks i with their detections, columns of Found.table."""
        t, s = self._table, self.settings
        misses = t[MISSES]
        misses += 1
        if not len(i):
            return
        rows = t.take(i, axis=1)
        deviation = s.box_noise * rows[HEIGHT]
        variance = deviation * deviation
        place = seen[found.PLACE]
        kalman.update(rows[BELIEF], place, variance)
        if s.reupdate:
            gap = (rows[SEEN_S] < pts_s - BRIEF_S).nonzero()[0]
            if len(gap):
                gap = gap.compress(rows[MISSES].take(gap) > 1)
            if len(gap):
                self._correct(rows, gap, place.take(gap, axis=1), variance.take(gap), pts_s)
        rows[LAST] = seen[found.LAST]
        sums = rows[SUMS]
        sums += seen[found.SUMS]
        rows[LABEL] = rows[VOTES].argmax(axis=0)
        if np.count_nonzero(rows[STANDING] > 1) < len(i):
            self._judge(rows)
        t[:, i] = rows

    def _judge(self, rows: np.ndarray) -> None:
        """Confirm or trust the tracks of these columns that have earned it, and say how long each may hide."""
        s, evidence = self.settings, rows[EVIDENCE]
        known = rows[HITS] >= s.confirm_hits
        confirmed, trusted = known & (evidence >= s.confirm_evidence), known & (evidence >= s.trust_evidence)
        np.add(confirmed, trusted, out=rows[STANDING], dtype=float)
        rows[PATIENCE_S] = np.where(trusted, s.coast_s, s.trial_gap_s)

    @staticmethod
    def _correct(rows: np.ndarray, gap: np.ndarray, observed: np.ndarray, variance: np.ndarray, pts_s: float) -> None:
        """After a gap, steer the columns `gap` of rows by the straight path between their observations."""
        late = rows.take(gap, axis=1)
        gap_s = np.maximum(pts_s - late[SEEN_S], 1e-3)
        velocity = (observed - late[SEEN_BOX]) / gap_s
        kalman.steer(late[BELIEF], velocity, 2 * variance / gap_s**2)
        rows[:, gap] = late

    def _give_birth(self, free: Found, pts_s: float) -> int:
        """Begin tracks on unclaimed detections that are no second box of a seen road user; how many were born."""
        s, t = self.settings, self._table
        keep = np.ones(len(free.label), bool)
        if len(keep) > 1:  # the more certain stays, and a rider gives way to the machine
            free = free.take(np.lexsort((-free.score, free.label == doubles.PERSON)))
            i, j = doubles.doubles(free.box, free.label, free.box, free.label, s.duplicate_iou)
            keep[i.compress(j < i)] = False
        t = t.compress(t[MISSES] == 0, axis=1)
        i, _ = doubles.doubles(free.box, free.label, outward(t), t[LABEL].astype(np.intp), s.duplicate_iou)
        keep[i] = False
        free = free.take(keep.nonzero()[0])
        n, place = len(free.label), free.table[found.PLACE]
        height2 = place[3] * place[3]
        rows = np.zeros((ROWS, n))
        speeds = np.array([[s.birth_speed**2], [s.birth_growth**2]])
        rows[BELIEF] = kalman.begin(place, s.box_noise**2 * height2, speeds * height2)
        rows[LAST], rows[SUMS], rows[LABEL] = free.table[found.LAST], free.table[found.SUMS], free.label
        rows[BORN_S] = pts_s
        self._judge(rows)
        self._table = np.concatenate([self._table, rows], axis=1)
        self._id = np.concatenate([self._id, np.arange(self._next_id, self._next_id + n)])
        self._next_id += n
        return n

    def _tracks(self, seen: np.ndarray, ended: np.ndarray) -> Tracks:
        t = self._table
        return Tracks(
            track_id=self._id.copy(),
            xyxy=corners(t),
            velocity=t[VELOCITY].T.astype(np.float32),
            label=t[LABEL].astype(np.int16),
            score=t[SCORE].astype(np.float32),
            observed=seen,
            confirmed=t[STANDING] > 0,
            ended=ended,
        )
