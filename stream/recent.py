"""The crossings of the last seconds, so that a vehicle with two boxes, or a rider on a machine, is counted once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream.courses import Courses
from stream.doubles import are_doubles
from stream.passing import Passing
from stream.sides import Crossed

RECENT_S = 5.0  # crossings are compared with those of so long ago
LINE, SIGN, TRACK_ID, PTS_S, LABEL = range(5)
VELOCITY, BOX = slice(5, 7), slice(7, 11)


class Recent:
    """What was counted of late."""

    def __init__(self, least_iou: float) -> None:
        self.passings: list[Passing] = []
        self._least_iou = least_iou

    def admit(self, courses: Courses, certain: Sequence[Crossed], now_s: np.ndarray) -> list[Passing]:
        """Those of the crossings, in order, that are of a road user not counted yet. now_s f64 (N,): when they became
        certain. Two crossings of one line in one direction are one road user when their boxes are doubles at the line,
        each moved along to the moment of the other, or where both tracks are now."""
        n, every = len(self.passings), [*self.passings, *(one.passing for one in certain)]
        p = np.array([(q.line, q.sign, q.track_id, q.pts_s, q.label, *q.velocity, *q.box) for q in every]).T
        doubles = self._doubles(courses, np.array([one.frame for one in certain]), p, now_s)
        counted = [True] * n
        for of_one in doubles:
            counted.append(not any(counted[j] for j in of_one))
        late = now_s[-1] - p[PTS_S] < RECENT_S
        self.passings = [passing for passing, good, kept in zip(every, counted, late, strict=True) if good and kept]
        return [one.passing for one, good in zip(certain, counted[n:], strict=True) if good]

    def _doubles(self, courses: Courses, frame: np.ndarray, p: np.ndarray, now_s: np.ndarray) -> list[list[int]]:
        """Of each crossing: the ones before it, as columns of p, that are the same road user. p f64 (11, M): what was
        counted, then the N crossings, which became certain with these frames (N,) at now_s (N,)."""
        n, before = len(frame), p.shape[1] - len(frame)
        alike = (p[TRACK_ID] != p[TRACK_ID, before:, None]) & (np.arange(before + n) < before + np.arange(n)[:, None])
        alike &= (p[LINE] == p[LINE, before:, None]) & (p[SIGN] == p[SIGN, before:, None])
        k, j = np.nonzero(alike & (now_s[:, None] - p[PTS_S] < RECENT_S))
        mine, other = p[:, before + k], p[:, j]
        label, other_label = mine[LABEL].astype(np.int64), other[LABEL].astype(np.int64)
        wait_s = other[PTS_S] - mine[PTS_S]
        ahead, back = (np.tile(wait_s * one[VELOCITY], (2, 1)) for one in (mine, other))
        same = are_doubles(mine[BOX] + ahead, label, other[BOX], other_label, self._least_iou)
        same |= are_doubles(other[BOX] - back, other_label, mine[BOX], label, self._least_iou)
        rows, other_rows = (courses.at(one[TRACK_ID].astype(np.int64), frame[k]) for one in (mine, other))
        now, other_now = courses.boxes(rows), courses.boxes(other_rows)
        doubles = are_doubles(now, label, other_now, other_label, self._least_iou)
        doubles |= are_doubles(other_now, other_label, now, label, self._least_iou)
        same |= doubles & (rows >= 0) & (other_rows >= 0)
        found: list[list[int]] = [[] for _ in range(n)]
        for of_one, earlier in zip(k[same].tolist(), j[same].tolist(), strict=True):
            found[of_one].append(earlier)
        return found
