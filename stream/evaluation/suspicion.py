"""Why a crossing was probably missed or counted too often, where only the run's own tracks are known.

Less certain than stream.evaluation.causes: a strange track near the line may be another road user's.

Missed crossing, from the tracks that were not counted on this line in this direction within a second:
  id switch        one on the line jumped back then: it left a road user that was over the line for the next one
  counting rule    a confirmed one went over the line in this direction then
  lost track       one moved across the line in this direction then, but not from side to side, or never confirmed
  missed detection none did
Extra crossing:
  double count     another track was counted on this line in this direction within a second, and lies on the same place
  counting rule    its track was counted in the other direction too, to and fro; or a road user truly went over the
                   line within a second, in the other direction
  unexplained      otherwise: look at the audit strip
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stream.evaluation.causes import LIES_ON_IOU, Cause, RunTracks, side_of, touches
from stream.evaluation.counts import SLACK_S, Score
from stream.geometry import iou
from stream.messages import Crossing
from stream.scene import Line
from stream.truth import TrueCrossing

MOVED = 0.25  # of the height of its box: what moves less along the way over the line stands


def probable_causes(
    score: Score, counted: Sequence[Crossing], lines: Mapping[str, Line], run: RunTracks, fps: float
) -> tuple[list[Cause], list[Cause]]:
    """Of score.missed and of score.extra, in order. counted: all crossings of the camera; fps: frames a second."""
    slack = round(SLACK_S * fps)
    side = {name: side_of(line, run.boxes.xyxy) for name, line in lines.items()}
    on = {name: touches(line, run.boxes.xyxy) for name, line in lines.items()}
    missed = []
    for true in score.missed:
        others = np.isin(run.boxes.track_id, list(_near(true, counted, slack)))
        onward = side[true.line] * (1 if true.direction == "in" else -1)
        missed.append(_of_missed((true.first - slack, true.last + slack), on[true.line] & ~others, onward, run))
    return missed, [_of_extra(one, counted, score.missed, (run, slack)) for one in score.extra]


def _near(true: TrueCrossing, counted: Sequence[Crossing], slack: int) -> set[int]:
    """Tracks that were counted here then: they are other road users."""
    return {
        c.track_id
        for c in counted
        if (c.line, c.direction) == (true.line, true.direction) and true.first - slack <= c.seq <= true.last + slack
    }


def _of_missed(frames: tuple[int, int], on: np.ndarray, side: np.ndarray, run: RunTracks) -> Cause:
    """on: bool (N,), boxes on the line of tracks that come into question; side f64 (N,): px past the line."""
    boxes = run.boxes
    near = (boxes.frame >= frames[0]) & (boxes.frame <= frames[1])
    moved = False
    for track in np.unique(boxes.track_id[near & on]):
        rows = np.flatnonzero(near & (boxes.track_id == track))
        step = MOVED * float((boxes.xyxy[rows, 3] - boxes.xyxy[rows, 1]).mean())
        back = np.flatnonzero(np.diff(side[rows]) < -step)
        if len(back) and side[rows[back[0]]] > 0 and side[rows[-1]] - side[rows[back[0] + 1]] >= step:
            return "id switch"
        if side[rows[-1]] - side[rows[0]] < step:
            continue
        if side[rows[0]] < 0 < side[rows[-1]] and run.confirmed[rows[-1]]:
            return "counting rule"
        moved = True
    return "lost track" if moved else "missed detection"


def _of_extra(
    one: Crossing, counted: Sequence[Crossing], missed: Sequence[TrueCrossing], scene: tuple[RunTracks, int]
) -> Cause:
    run, slack = scene
    for other in counted:
        same = (other.line, other.direction) == (one.line, one.direction) and other.track_id != one.track_id
        if same and abs(other.seq - one.seq) <= slack and _together(run, one, other, slack):
            return "double count"
    back = (one.line, one.track_id)
    if any((c.line, c.track_id) == back and c.direction != one.direction for c in counted):
        return "counting rule"
    turned = (
        true.line == one.line and true.direction != one.direction and true.first - slack <= one.seq <= true.last + slack
        for true in missed
    )
    return "counting rule" if any(turned) else "unexplained"


def _together(run: RunTracks, one: Crossing, other: Crossing, slack: int) -> bool:
    """The two tracks lie on the same place in a picture, or the one goes on where the other ended."""
    boxes = run.boxes
    near = np.abs(boxes.frame - one.seq) <= slack
    mine, its = (np.flatnonzero(near & (boxes.track_id == c.track_id)) for c in (one, other))
    if not len(mine) or not len(its):
        return False
    common = np.intersect1d(boxes.frame[mine], boxes.frame[its])
    if len(common):
        mine, its = mine[np.isin(boxes.frame[mine], common)], its[np.isin(boxes.frame[its], common)]
        return bool((np.diag(iou(boxes.xyxy[mine], boxes.xyxy[its])) >= LIES_ON_IOU).any())
    before, after = sorted((mine, its), key=lambda rows: int(boxes.frame[rows[0]]))
    return bool(iou(boxes.xyxy[before[-1:]], boxes.xyxy[after[:1]])[0, 0] >= LIES_ON_IOU)
