"""Tracks break where vehicles hide: one that ends right behind a line need not settle there, and one that is born
right behind it is prolonged backwards."""

from __future__ import annotations

import numpy as np

from stream.counting.courses import (
    FIRST_S,
    FIRST_SEQ,
    FIRST_X,
    FIRST_Y,
    POINT,
    SEEN_S,
    SEEN_SEQ,
    VELOCITY,
    Courses,
)
from stream.counting.passing import Moment, passing_of
from stream.counting.sides import BORN, LOST, Crossed, Sides, Stand


def bridge_deaths(sides: Sides, courses: Courses, stand: Stand, dead: np.ndarray, behind: float = 0.0) -> list[Crossed]:
    """Of the courses `dead` i64 (D,), which are seen no more: who had passed a line and was on the way from it.

    behind: of the distance at which a track is clear of the line, how much it must have gone.

    Nobody is prolonged over a line: where nothing was seen behind it, a box that fell apart is likelier than a vehicle.
    """
    if not len(dead):
        return []
    last = courses.stop[dead] - 1
    r = courses.row[:, last]
    ahead = sides.lines.distance(r[POINT] + r[VELOCITY] * sides.settings.bridge_s)
    net = stand.net[:, dead]
    completed = (net != 0) & (net == -stand.side[:, dead]) & (ahead * net > stand.margin[last])
    completed &= stand.distance[:, last] * net >= behind * stand.margin[last]
    found = []
    for line, k in zip(*(index.tolist() for index in np.nonzero(completed)), strict=True):
        row, track_id = int(last[k]), int(courses.track_id[dead[k]])
        frame = min(int(courses.frame[row]) + 1, courses.frames - 1)
        found.append(Crossed(frame, LOST, track_id, line, row, sides.passed[line, track_id]))
    return found


def bridge_births(
    sides: Sides, courses: Courses, proven: np.ndarray, open_: np.ndarray, began_s: float
) -> list[Crossed]:
    """Prolong tracks backwards, as soon as their direction is known: open_ bool (C,) who was not yet, and is updated.

    proven: bool (R,), of Courses.proven. began_s: pts of the first frame; what passed before it was not observed.
    """
    due = np.flatnonzero(proven & courses.spread(open_) & (courses.frame >= 0))
    if not len(due):
        return []
    course, at = np.unique(np.searchsorted(courses.start, due, side="right") - 1, return_index=True)
    open_[course] = False
    rows, first, bridge_s = due[at], courses.first[:, course], sides.settings.bridge_s
    r = courses.row[:, rows]
    life_s = np.maximum(r[SEEN_S] - first[FIRST_S], 1e-6)
    start = first[[FIRST_X, FIRST_Y]]
    velocity = (r[POINT] - start) / life_s
    ends = sides.lines.distance(start - velocity * bridge_s), sides.lines.distance(start)
    found = []
    for line, k in zip(*(index.tolist() for index in np.nonzero(ends[0] * ends[1] < 0)), strict=True):
        behind, there = ends[0][line, k].item(), ends[1][line, k].item()
        earlier_s, row = there / (there - behind) * bridge_s, int(rows[k])
        if first[FIRST_S, k] - earlier_s < began_s:
            continue
        x, y = (start[:, k] - earlier_s * velocity[:, k]).tolist()
        if sides.reaches(line, x, y, courses, row):
            moment = _moment(courses, int(course[k]), row, (x, y, float(first[FIRST_S, k]) - earlier_s))
            passing = passing_of(courses, row, line, 1 if there > 0 else -1, moment)
            found.append(Crossed(int(courses.frame[row]), BORN, passing.track_id, line, row, passing))
    return found


def _moment(courses: Courses, course: int, row: int, at: tuple[float, float, float]) -> Moment:
    """A place x, y at pts_s, outside the life of a track up to this row, if frames come as they came during it."""
    x, y, pts_s = at
    first_s, first_seq = courses.first[[FIRST_S, FIRST_SEQ], course].tolist()
    seen_s, seen_seq = courses.row[[SEEN_S, SEEN_SEQ], row].tolist()
    pace = (seen_seq - first_seq) / max(seen_s - first_s, 1e-6)
    return Moment(x, y, max(0.0, first_seq + pace * (pts_s - first_s)), pts_s)
