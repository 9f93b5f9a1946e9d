"""Why a crossing was missed, counted too often or called by a wrong class, where true tracks are known too.

A box *lies on* the true road user that it overlaps most in its frame, at IoU >= 0.3: true boxes are whole, what is
detected may be half hidden. Of a true crossing we look at the pictures from a second before it to a second after it,
of those only at pictures in which the detector was asked. The first that holds is the cause.

Missed crossing:
  unexplained      no true track crosses the line then
  missed detection boxes of detections lie on the road user in less than half of the pictures that show it
  counting rule    one track lies on it in at least half of the pictures before and half of those after, and still
                   nothing was counted
  id switch        no such track, and one that lies on it also lies on another road user
  lost track       no such track otherwise: it was broken, or never confirmed
Extra crossing:
  unexplained      the track has no picture then
  false detection  the track lies on a road user in less than half of its pictures
  id switch        before the crossing it lies on one road user mostly, after it on another
  double count     its road user did cross this line in this direction then, and was counted already
  counting rule    its road user did not cross then
Matched, but of another class:
  wrong class
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
import numpy as np

from stream.evaluation.counts import SLACK_S, Score
from stream.evaluation.mot import TrackBoxes
from stream.geometry import iou
from stream.messages import LABELS, Crossing
from stream.scene import Line
from stream.truth import TrueCrossing

Cause = Literal[
    "missed detection", "lost track", "id switch", "wrong class", "double count", "false detection", "counting rule",
    "unexplained",
]  # fmt: skip

Owned = tuple[TrueCrossing, int]
"""A true crossing and the id of its true track."""

LIES_ON_IOU = 0.3
REACH_S = 1.0
HALF = 0.5
SWITCH_FRAMES = 2  # on another road user for a single picture: two passed each other


class RunTracks(msgspec.Struct, frozen=True):
    """All tracks of a finished run. boxes in frames by seq, considered where they were shown; observed, confirmed: bool
    (N,), see messages.Tracks; asked i64 (K,): frames in which the detector was asked, in order."""

    boxes: TrackBoxes
    observed: np.ndarray
    confirmed: np.ndarray
    asked: np.ndarray


class Inquiry:
    """Looks into the differences of one camera. lines: by name; truth: all true boxes; fps: frames a second."""

    def __init__(self, lines: dict[str, Line], truth: TrackBoxes, run: RunTracks, fps: float) -> None:
        self._lines, self._truth, self._run, self._fps = lines, truth, run, fps
        self._reach = round(REACH_S * fps)
        rows = _lying_on(run.boxes, truth)
        self._on = np.where(rows >= 0, truth.track_id[rows], -1) if len(truth) else rows

    def causes(self, score: Score, crossings: Iterable[TrueCrossing]) -> tuple[list[Cause], list[Cause]]:
        """Of score.missed and of score.extra, in order. crossings: all true ones, with the flagged."""
        owned = self._owned(list(crossings))
        owners = {id(true): owner for true, owner in owned}  # two rows may be the same in every field
        missed = [self._of_missed(true, owners.get(id(true))) for true in score.missed]
        return missed, [self._of_extra(counted, owned) for counted in score.extra]

    def _owned(self, crossings: list[TrueCrossing]) -> list[Owned]:
        """Whose crossing each is: the true track whose box is on the line in the same frames, going the same way."""
        owned: list[Owned] = []
        for place in dict.fromkeys((c.line, c.direction) for c in crossings):
            mine = [c for c in crossings if (c.line, c.direction) == place]
            owned += self._paired(self._lines[place[0]], mine)
        return owned

    def _paired(self, line: Line, crossings: list[TrueCrossing]) -> list[Owned]:
        from scipy.optimize import linear_sum_assignment

        truth = self._truth
        ids, number = np.unique(truth.track_id, return_inverse=True)
        touching, side = touches(line, truth.xyxy), side_of(line, truth.xyxy)
        total = np.bincount(number[touching], minlength=len(ids))
        gain = np.zeros((len(crossings), len(ids)))
        for k, c in enumerate(crossings):
            inside = touching & (truth.frame >= c.first) & (truth.frame <= c.last)
            shared = np.bincount(number[inside], minlength=len(ids))
            gain[k] = shared / np.maximum(1, c.last - c.first + 1 + total - shared)
            near = (truth.frame >= c.first - self._reach) & (truth.frame <= c.last + self._reach)
            for owner in np.flatnonzero(gain[k]):
                rows = np.flatnonzero(near & (number == owner))
                onward = side[rows[-1]] > side[rows[0]]
                gain[k, owner] *= onward == (c.direction == "in")
                same = truth.label[rows[0]] == LABELS.index(c.label)
                gain[k, owner] *= 1.1 if same else 1.0
        pairs = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
        return [(crossings[i], int(ids[j])) for i, j in pairs if gain[i, j] > 0]

    def _of_missed(self, true: TrueCrossing, owner: int | None) -> Cause:
        low, high = true.first - self._reach, true.last + self._reach
        truth = self._truth
        own = truth.frame[(truth.track_id == owner) & (truth.frame >= low) & (truth.frame <= high)]
        shown = np.intersect1d(own, self._run.asked)
        if owner is None or not len(shown):
            return "unexplained"
        boxes = self._run.boxes
        lying = (self._on == owner) & np.isin(boxes.frame, shown)
        if len(np.unique(boxes.frame[lying & self._run.observed])) < HALF * len(shown):
            return "missed detection"
        lying &= self._run.confirmed
        ids = np.unique(boxes.track_id[lying])
        halves = (shown[shown <= true.frame], shown[shown > true.frame])
        for track in ids:
            frames = boxes.frame[lying & (boxes.track_id == track)]
            if all(np.isin(half, frames).sum() >= HALF * len(half) for half in halves):
                return "counting rule"
        near = (boxes.frame >= low) & (boxes.frame <= high) & np.isin(boxes.track_id, ids)
        elsewhere = near & (self._on >= 0) & (self._on != owner)
        return "id switch" if elsewhere.sum() >= SWITCH_FRAMES else "lost track"

    def _of_extra(self, counted: Crossing, owned: list[Owned]) -> Cause:
        boxes = self._run.boxes
        near = (boxes.track_id == counted.track_id) & (np.abs(boxes.frame - counted.seq) <= self._reach)
        near &= np.isin(boxes.frame, self._run.asked)
        on, frame = self._on[near], boxes.frame[near]
        if not len(on):
            return "unexplained"
        if (on >= 0).mean() < HALF:
            return "false detection"
        before, after = _mostly(on[frame <= counted.seq]), _mostly(on[frame > counted.seq])
        if before is not None and after is not None and before != after:
            return "id switch"
        slack = SLACK_S * self._fps
        crossed = any(
            owner == _mostly(on)
            and (true.line, true.direction) == (counted.line, counted.direction)
            and true.first - slack <= counted.seq <= true.last + slack
            for true, owner in owned
        )
        return "double count" if crossed else "counting rule"


def _lying_on(boxes: TrackBoxes, truth: TrackBoxes) -> np.ndarray:
    """Row of the true box that each box lies on, i64 (N,); -1: none."""
    found = np.full(len(boxes), -1)
    frames = int(max([0, *boxes.frame[-1:] + 1, *truth.frame[-1:] + 1]))
    ends, true_ends = boxes.bounds(frames), truth.bounds(frames)
    for k in range(frames):
        rows, true_rows = slice(ends[k], ends[k + 1]), slice(true_ends[k], true_ends[k + 1])
        overlap = iou(boxes.xyxy[rows], truth.xyxy[true_rows])
        if overlap.size:
            found[rows] = np.where(overlap.max(axis=1) >= LIES_ON_IOU, true_ends[k] + overlap.argmax(axis=1), -1)
    return found


def _mostly(on: np.ndarray) -> int | None:
    """The true track that a track lies on in most of its pictures; None: on none at all."""
    ids, count = np.unique(on[on >= 0], return_counts=True)
    return int(ids[count.argmax()]) if len(ids) else None


def side_of(line: Line, xyxy: np.ndarray) -> np.ndarray:
    """Signed distance of the ground points of boxes from the line, px; positive on the side that `in` leads to."""
    dx, dy = line.x2 - line.x1, line.y2 - line.y1
    x, y = (xyxy[:, 0] + xyxy[:, 2]) / 2, xyxy[:, 3]
    return (dx * (y - line.y1) - dy * (x - line.x1)) / float(np.hypot(dx, dy))


def touches(line: Line, xyxy: np.ndarray) -> np.ndarray:
    """bool (N,): the line passes through the box. Liang and Barsky's clipping of a segment."""
    start, way = np.array([line.x1, line.y1]), np.array([line.x2 - line.x1, line.y2 - line.y1])
    safe = np.where(way == 0, 1e-12, way)
    near, far = (xyxy[:, :2] - start) / safe, (xyxy[:, 2:] - start) / safe
    enter = np.minimum(near, far).max(axis=1)
    leave = np.maximum(near, far).min(axis=1)
    return np.maximum(enter, 0) <= np.minimum(leave, 1)
