"""The crossings of the last seconds, so that a vehicle with two boxes, or a rider on a machine, is counted once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream.counting.courses import Courses
from stream.counting.passing import Passing
from stream.counting.sides import Crossed
from stream.tracking.doubles import are_doubles, are_parts

RECENT_S = 5.0  # crossings are compared with those of so long ago
APART_S = 1.0  # the boxes of one road user pass a line within this; nor is a way known for longer from the speed there
YOUNG_S = 1.0  # a track that lies in another may be a part of that vehicle unless it was followed for longer than this
LINE, SIGN, TRACK_ID, PTS_S, LABEL, KNOWN_S = range(6)
VELOCITY, BOX = slice(6, 8), slice(8, 12)


class Recent:
    """What was counted of late."""

    def __init__(self, least_iou: float) -> None:
        self.passings: list[Passing] = []
        self._least_iou = least_iou

    def admit(self, courses: Courses, certain: Sequence[Crossed], now_s: np.ndarray) -> list[Crossed]:
        """Those of the crossings, in order, that are of a road user not counted yet. now_s f64 (N,): when they became
        certain. Two crossings of one line in one direction, soon after each other, are one road user when their boxes
        are doubles at the line, each moved along to the moment of the other, or where both tracks are now."""
        n, every = len(self.passings), [*self.passings, *(one.passing for one in certain)]
        p = np.array([(q.line, q.sign, q.track_id, q.pts_s, q.label, q.known_s, *q.velocity, *q.box) for q in every]).T
        doubles = self._doubles(courses, np.array([one.frame for one in certain]), p, now_s)
        counted = [True] * n
        for of_one in doubles:
            counted.append(not any(counted[j] for j in of_one))
        late = now_s[-1] - p[PTS_S] < RECENT_S
        self.passings = [passing for passing, good, kept in zip(every, counted, late, strict=True) if good and kept]
        return [one for one, good in zip(certain, counted[n:], strict=True) if good]

    def _doubles(self, courses: Courses, frame: np.ndarray, p: np.ndarray, now_s: np.ndarray) -> list[list[int]]:
        """Of each crossing: the ones before it, as columns of p, that are the same road user. p f64 (12, M): what was
        counted, then the N crossings, which became certain with these frames (N,) at now_s (N,)."""
        n, before = len(frame), p.shape[1] - len(frame)
        alike = (p[TRACK_ID] != p[TRACK_ID, before:, None]) & (np.arange(before + n) < before + np.arange(n)[:, None])
        alike &= (p[LINE] == p[LINE, before:, None]) & (p[SIGN] == p[SIGN, before:, None])
        k, j = np.nonzero(alike & (now_s[:, None] - p[PTS_S] < RECENT_S))
        mine, other = p[:, before + k], p[:, j]
        wait_s = other[PTS_S] - mine[PTS_S]
        ahead, back = (np.tile(wait_s * one[VELOCITY], (2, 1)) for one in (mine, other))
        same = self._one_user(mine, mine[BOX] + ahead, other, other[BOX])
        same |= self._one_user(other, other[BOX] - back, mine, mine[BOX])
        rows, other_rows = (courses.at(one[TRACK_ID].astype(np.int64), frame[k]) for one in (mine, other))
        now, other_now = courses.boxes(rows), courses.boxes(other_rows)
        for one in (mine, other):
            one[KNOWN_S] += now_s[k] - one[PTS_S]
        doubles = self._one_user(mine, now, other, other_now) | self._one_user(other, other_now, mine, now)
        same |= doubles & (rows >= 0) & (other_rows >= 0)
        same &= np.abs(wait_s) <= APART_S
        found: list[list[int]] = [[] for _ in range(n)]
        for of_one, earlier in zip(k[same].tolist(), j[same].tolist(), strict=True):
            found[of_one].append(earlier)
        return found

    def _one_user(self, a: np.ndarray, a_box: np.ndarray, b: np.ndarray, b_box: np.ndarray) -> np.ndarray:
        """Whether each a, in this box f64 (4, K), is a second box or a part of its b: columns of p -> bool (K,)."""
        a_label, b_label = a[LABEL].astype(np.int64), b[LABEL].astype(np.int64)
        part = are_parts(a_box, a_label, b_box, b_label) & (a[KNOWN_S] < YOUNG_S)
        return part | are_doubles(a_box, a_label, b_box, b_label, self._least_iou)
