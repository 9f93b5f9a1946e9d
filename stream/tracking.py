"""Detections in, tracks out: one camera, one table, no loop over tracks.

A frame takes five steps: every track is predicted to the time of the frame; confident detections are associated with
confirmed tracks; weak ones rescue those left over (Zhang et al., ByteTrack, ECCV 2022); tracks on trial and lost tracks
get what remains; unclaimed confident detections are born as tracks on trial. Motion between competing tracks and the
correction after a gap follow the observations rather than the prediction (Cao et al., OC-SORT, CVPR 2023).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from stream import association, kalman
from stream.messages import LABELS, Detections, Tracks
from stream.settings import TrackerSettings

# Rows of the table of tracks: one column a track, so that a birth or a death is one copy.
MEAN = slice(0, 8)
COV = slice(8, 14)
SEEN_BOX = slice(14, 18)  # cx, cy, w, h of the last observation, px
VOTES = slice(18, 18 + len(LABELS))  # sum of scores by class
SEEN_S, SCORE, EVIDENCE, HITS, MISSES, CONFIRMED, LABEL = range(24, 31)  # LABEL: the class with most votes
ROWS = 31
LIMIT = 1e6  # px: a box that reaches beyond this is nonsense


class Tracker:
    """The tracks of one camera.

    rejected: detections refused so far because their box was inverted, without area, or not finite.
    """

    def __init__(self, settings: TrackerSettings) -> None:
        self.settings = settings
        self.rejected = 0
        self._noise = np.array([[settings.place_noise**2], [settings.size_noise**2]])
        self._table = np.zeros((ROWS, 0))
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
        box, score, label = self._accept(detections)
        i, j = self._associate(box, score, label)
        self._observe(i, box.take(j, axis=1), score.take(j), label.take(j), pts_s)
        seen = np.zeros(len(self._id), bool)
        seen[i] = True
        if len(j) < len(score):
            free = score >= self.settings.birth_score
            free[j] = False
            if np.count_nonzero(free):
                born = self._give_birth(box[:, free], score[free], label[free], pts_s)
                seen = np.concatenate([seen, np.ones(born, bool)])
        return self._tracks(seen, ended)

    def reset(self) -> Tracks:
        """End every track: nothing is left but the ids that ended. Ids are not used again."""
        ended = self._id
        self._table, self._id, self._clock_s = np.zeros((ROWS, 0)), self._id[:0], None
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
            self._table[SEEN_S] += dt_s
        elif dt_s > 0 and len(self._id):
            mean, cov = self._belief()
            height = mean[0, 1, 1]
            kalman.predict(mean, cov, dt_s, self._noise * (height * height))
            fading = 1 - math.exp(-dt_s / self.settings.growth_memory_s)
            mean[1, 1] *= 1 - fading * (self._table[MISSES] > 0)
            np.maximum(mean[0, 1], 1.0, out=mean[0, 1])  # a shrinking box never inverts

    def _expire(self, pts_s: float) -> np.ndarray:
        """Drop the tracks that were unseen for too long; the ids that ended."""
        if not len(self._id):
            return self._id
        t, s = self._table, self.settings
        unseen_s = pts_s - t[SEEN_S]
        if unseen_s.max() <= min(s.coast_s, s.trial_gap_s):
            return self._id[:0]
        patience_s = np.where(t[CONFIRMED] > 0, s.coast_s, s.trial_gap_s)
        stale = (unseen_s > patience_s) & ((t[MISSES] >= s.coast_passes) | (unseen_s > 3 * s.coast_s))
        if not stale.any():
            return self._id[:0]
        ended = self._id[stale]
        self._table = t.compress(~stale, axis=1)  # stays C-ordered, unlike t[:, ~stale]: _belief needs views
        self._id = self._id[~stale]
        return ended

    def _accept(self, detections: Detections) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The usable detections: box f64 (4, M) as x1, y1, x2, y2, score (M,), label (M,)."""
        s = self.settings
        box, score = detections.xyxy.T.astype(np.float64), detections.score.astype(np.float64)
        label = detections.label.astype(np.intp)
        sides = box[2:] - box[:2]
        if not len(score):
            return box, score, label
        # Comparisons are written so that NaN and infinity fail them.
        if not (sides.min() > 0 and box.min() > -LIMIT and box.max() < LIMIT):
            sound = (sides > 0).all(axis=0) & (np.abs(box) < LIMIT).all(axis=0)
            self.rejected += int(np.count_nonzero(~sound))
            box, score, label = box[:, sound], score[sound], label[sound]
        strong = score >= s.weak_score
        if np.count_nonzero(strong) < len(strong):
            box, score, label = box.compress(strong, axis=1), score.compress(strong), label.compress(strong)
        spare = association.redundant(box, score, label, s.confident_score, s.double_iou)
        if len(spare):
            box, score, label = np.delete(box, spare, axis=1), np.delete(score, spare), np.delete(label, spare)
        return box, score, label

    def _associate(self, box: np.ndarray, score: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the tracks and of the detections that belong together."""
        s, t = self.settings, self._table
        none = np.zeros(0, np.intp)
        if not len(self._id) or not len(score):
            return none, none
        mean, cov = self._belief()
        buffer = np.minimum(s.buffer_sigmas * np.sqrt(cov[0, 0]), s.buffer_limit * mean[0, 1, 1])
        reach = mean[0, 1] / 2 + buffer
        corner = np.concatenate([mean[0, 0] - reach, mean[0, 0] + reach])
        # boxes touch when the track's grows by twice its buffer, or both by it
        i, j = association.near_pairs(corner + np.array([[-1], [-1], [1], [1]]) * buffer, box)
        worth = association.likeness(corner.take(i, axis=1), box.take(j, axis=1), buffer.take(i), s.shape)
        worth -= s.gate
        if s.class_aware:
            worth -= association.flicker_cost(t[LABEL].astype(np.intp).take(i), label.take(j))
        possible = (worth > 0).nonzero()[0]
        i, j, worth = i.take(possible), j.take(possible), worth.take(possible)
        weak = (score < s.confident_score).take(j)
        often = association.contested(i, j)
        if not np.count_nonzero(often):
            won = (~weak | (worth > s.weak_gate - s.gate)).nonzero()[0]
            return self._recover(i.take(won), j.take(won), box, score, label)
        rival = often.nonzero()[0]
        worth[rival] = self._favour_momentum(i.take(rival), j.take(rival), worth.take(rival), box)
        likely = ~weak | (worth > s.weak_gate - s.gate)
        steady = t[CONFIRMED].take(i) > 0
        won = association.cascade(i, j, worth, (steady & ~weak, steady & likely, likely))
        return self._recover(i.take(won), j.take(won), box, score, label)

    def _favour_momentum(self, i: np.ndarray, j: np.ndarray, worth: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Where tracks compete for a detection, take from those it would make turn."""
        if not self.settings.momentum:
            return worth
        rows = self._table.take(i, axis=1)
        velocity, height = rows[MEAN][4:6], rows[3]
        found = box.take(j, axis=1)
        step = (found[:2] + found[2:]) / 2 - rows[SEEN_BOX][:2]
        speed2, step2 = (velocity**2).sum(axis=0), (step**2).sum(axis=0)
        known = speed2 / (speed2 + 2 * rows[COV][4])  # a velocity that is mostly noise says nothing
        moved = step2 / (step2 + (0.3 * height) ** 2)  # nor does a step within the jitter of the box
        cosine = (velocity * step).sum(axis=0) / np.sqrt(speed2 * step2 + 1e-12)
        turned: np.ndarray = np.maximum(worth - self.settings.momentum * known * moved * (1 - cosine) / 2, 1e-6)
        return turned

    def _recover(
        self, i: np.ndarray, j: np.ndarray, box: np.ndarray, score: np.ndarray, label: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add pairs of lost tracks, at the place where they were last seen, with confident detections that are left."""
        s, t = self.settings, self._table
        if not s.recover or len(i) == len(self._id) or len(j) == len(score):
            return i, j
        lost = t[MISSES] > 0
        lost[i] = False
        free = score >= s.confident_score
        free[j] = False
        if not (np.count_nonzero(lost) and np.count_nonzero(free)):
            return i, j
        tracks, found = np.flatnonzero(lost), np.flatnonzero(free)
        seen, spare = t[SEEN_BOX][:, tracks], box[:, found]
        corner = np.concatenate([seen[:2] - seen[2:] / 2, seen[:2] + seen[2:] / 2])
        a, b = association.near_pairs(corner, spare)
        worth = association.likeness(corner[:, a], spare[:, b], 0.0, 0.0) - max(s.gate, s.weak_gate)
        if s.class_aware:
            worth -= association.flicker_cost(t[LABEL].astype(np.intp)[tracks[a]], label[found[b]])
        possible = worth > 0
        a, b = a[possible], b[possible]
        won = association.assign(a, b, worth[possible])
        return np.concatenate([i, tracks[a[won]]]), np.concatenate([j, found[b[won]]])

    def _observe(self, i: np.ndarray, box: np.ndarray, score: np.ndarray, label: np.ndarray, pts_s: float) -> None:
        """Update the tracks i with their detections."""
        t, s = self._table, self.settings
        t[MISSES] += 1
        if not len(i):
            return
        rows = t.take(i, axis=1)
        mean, cov = rows[MEAN].reshape(2, 2, 2, -1), rows[COV].reshape(3, 2, -1)
        size = box[2:] - box[:2]
        observed = np.array([box[:2] + size / 2, size])
        deviation = s.box_noise * mean[0, 1, 1]
        variance = deviation * deviation
        kalman.update(mean, cov, observed, variance)
        if s.reupdate:
            gap = (rows[MISSES] > 1).nonzero()[0]
            if len(gap):
                self._correct(rows, gap, observed[:, :, gap], variance[gap], pts_s)
        rows[SEEN_BOX] = observed.reshape(4, -1)
        votes = rows[VOTES]
        votes[label, np.arange(len(i))] += score
        rows[LABEL] = votes.argmax(axis=0)
        rows[SEEN_S], rows[SCORE], rows[MISSES] = pts_s, score, 0
        rows[EVIDENCE] += score * (score >= s.confident_score)
        rows[HITS] += 1
        sure = (rows[HITS] >= s.confirm_hits) & (rows[EVIDENCE] >= s.confirm_evidence)
        np.maximum(rows[CONFIRMED], sure, out=rows[CONFIRMED])
        t[:, i] = rows

    @staticmethod
    def _correct(rows: np.ndarray, gap: np.ndarray, observed: np.ndarray, variance: np.ndarray, pts_s: float) -> None:
        """After a gap, steer the columns `gap` of rows by the straight path between their observations."""
        late = rows.take(gap, axis=1)
        gap_s = np.maximum(pts_s - late[SEEN_S], 1e-3)
        velocity = (observed - late[SEEN_BOX].reshape(2, 2, -1)) / gap_s
        mean, cov = late[MEAN].reshape(2, 2, 2, -1), late[COV].reshape(3, 2, -1)
        kalman.steer(mean, cov, velocity, 2 * variance / gap_s**2)
        rows[:, gap] = late

    def _give_birth(self, box: np.ndarray, score: np.ndarray, label: np.ndarray, pts_s: float) -> int:
        """Begin tracks on unclaimed detections that are no second box of a seen road user; how many were born."""
        s = self.settings
        best_first = np.lexsort((-score, label == association.PERSON))  # a rider gives way to the machine
        box, score, label = box[:, best_first], score[best_first], label[best_first]
        seen = self._table[MISSES] == 0
        mean = self._belief()[0][0][..., seen]
        others = np.concatenate([np.concatenate([mean[0] - mean[1] / 2, mean[0] + mean[1] / 2]), box], axis=1)
        labels = np.concatenate([self._table[LABEL, seen].astype(np.intp), label])
        i, j = association.doubles(box, label, others, labels, s.duplicate_iou)
        newborn = j - (len(labels) - len(label))
        keep = np.ones(len(label), bool)
        keep[i[newborn < i]] = False  # among newborns the more certain stays
        box, score, label = box[:, keep], score[keep], label[keep]
        n = len(score)
        size = box[2:] - box[:2]
        observed = np.array([box[:2] + size / 2, size])
        height2 = size[1] ** 2
        speeds = np.array([[s.birth_speed**2], [s.birth_growth**2]])
        mean, cov = kalman.begin(observed, s.box_noise**2 * height2, speeds * height2)
        rows = np.zeros((ROWS, n))
        rows[MEAN], rows[COV], rows[SEEN_BOX] = mean.reshape(8, n), cov.reshape(6, n), observed.reshape(4, n)
        rows[VOTES][label, np.arange(n)] = score
        rows[SEEN_S], rows[SCORE], rows[EVIDENCE], rows[HITS], rows[LABEL] = pts_s, score, score, 1, label
        rows[CONFIRMED] = (s.confirm_hits <= 1) & (score >= s.confirm_evidence)
        self._table = np.concatenate([self._table, rows], axis=1)
        self._id = np.concatenate([self._id, np.arange(self._next_id, self._next_id + n)])
        self._next_id += n
        return n

    def _belief(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of every track as views into the table, shaped as kalman wants them."""
        return self._table[MEAN].reshape(2, 2, 2, -1), self._table[COV].reshape(3, 2, -1)

    def _tracks(self, seen: np.ndarray, ended: np.ndarray) -> Tracks:
        t = self._table
        half = t[2:4] / 2
        xyxy = np.empty((len(self._id), 4), np.float32)
        np.subtract(t[:2], half, out=xyxy.T[:2], casting="same_kind")
        np.add(t[:2], half, out=xyxy.T[2:], casting="same_kind")
        return Tracks(
            track_id=self._id.copy(),
            xyxy=xyxy,
            velocity=t[4:6].T.astype(np.float32),
            label=t[LABEL].astype(np.int16),
            score=t[SCORE].astype(np.float32),
            observed=seen,
            confirmed=t[CONFIRMED] > 0,
            ended=ended,
        )
