"""Tracks break where vehicles hide: one that ends shortly before a line is prolonged, and one that is born shortly
behind it is prolonged backwards."""

from __future__ import annotations

import numpy as np

from stream.counting.courses import (
    CONFIRMED,
    FIRST_S,
    FIRST_SEQ,
    FIRST_X,
    FIRST_Y,
    SEEN_S,
    SEEN_SEQ,
    VX,
    VY,
    Courses,
    H,
    W,
    X,
    Y,
)
from stream.counting.passing import Moment, passing_of
from stream.counting.sides import BORN, LOST, Crossed, Sides, Stand


def bridge_deaths(sides: Sides, courses: Courses, stand: Stand) -> list[Crossed]:
    """Of the tracks that ended: who had passed a line and was on the way from it, and who was about to reach one."""
    ended = courses.ended()
    if not len(ended):
        return []
    last, bridge_s = courses.stop[ended] - 1, sides.settings.bridge_s
    r, distance = courses.row[:, last], stand.distance[:, last]
    ahead = sides.lines.distance(r[[X, Y]] + r[[VX, VY]] * bridge_s)
    passed = _passed(stand, ended)
    completed = passed & (ahead * stand.net[:, ended] > stand.margin[last])
    reached = ~passed & (distance * ahead < 0) & (r[CONFIRMED] > 0)
    found = []
    for line, k in zip(*(index.tolist() for index in np.nonzero(completed | reached)), strict=True):
        row, course = int(last[k]), int(ended[k])
        track_id = int(courses.track_id[course])
        if completed[line, k]:
            passing = sides.passed[line, track_id]
        else:
            share = distance[line, k].item() / (distance[line, k] - ahead[line, k]).item()
            x, y = (r[[X, Y], k] + share * bridge_s * r[[VX, VY], k]).tolist()
            at = _moment(courses, course, row, (x, y, float(r[SEEN_S, k]) + share * bridge_s))
            if not sides.reaches(line, x, y, courses, row) or _taken_over(courses, row):
                continue
            passing = passing_of(courses, row, line, 1 if ahead[line, k] > 0 else -1, at)
        found.append(Crossed(int(courses.frame[row]) + 1, LOST, track_id, line, row, passing))
    return found


def complete_all(sides: Sides, courses: Courses, stand: Stand) -> list[Crossed]:
    """The stream has ended: who had passed a line and was on the way from it. Nobody is prolonged over a line."""
    last = courses.stop - 1
    r = courses.row[:, last]
    ahead = sides.lines.distance(r[[X, Y]] + r[[VX, VY]] * sides.settings.bridge_s)
    completed = _passed(stand, np.arange(len(courses))) & (ahead * stand.net > stand.margin[last])
    found = []
    for line, k in zip(*(index.tolist() for index in np.nonzero(completed)), strict=True):
        track_id = int(courses.track_id[k])
        passing = sides.passed[line, track_id]
        found.append(Crossed(int(courses.frame[last[k]]), LOST, track_id, line, int(last[k]), passing))
    return found


def bridge_births(sides: Sides, courses: Courses, proven: np.ndarray, open_: np.ndarray) -> list[Crossed]:
    """Prolong tracks backwards, as soon as their direction is known: open_ bool (C,) who was not yet, and is updated.

    proven: bool (R,), of Courses.proven.
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
    velocity = (r[[X, Y]] - start) / life_s
    ends = sides.lines.distance(start - velocity * bridge_s), sides.lines.distance(start)
    found = []
    for line, k in zip(*(index.tolist() for index in np.nonzero(ends[0] * ends[1] < 0)), strict=True):
        behind, there = ends[0][line, k].item(), ends[1][line, k].item()
        earlier_s, row = there / (there - behind) * bridge_s, int(rows[k])
        x, y = (start[:, k] - earlier_s * velocity[:, k]).tolist()
        if sides.reaches(line, x, y, courses, row):
            moment = _moment(courses, int(course[k]), row, (x, y, float(first[FIRST_S, k]) - earlier_s))
            passing = passing_of(courses, row, line, 1 if there > 0 else -1, moment)
            found.append(Crossed(int(courses.frame[row]), BORN, passing.track_id, line, row, passing))
    return found


def _passed(stand: Stand, courses: np.ndarray) -> np.ndarray:
    """Whether a course went over a line and did not settle since: bool (lines, C)."""
    net = stand.net[:, courses]
    return (net != 0) & (net == -stand.side[:, courses])


def _moment(courses: Courses, course: int, row: int, at: tuple[float, float, float]) -> Moment:
    """A place x, y at pts_s, outside the life of a track up to this row, if frames come as they came during it."""
    x, y, pts_s = at
    first_s, first_seq = courses.first[[FIRST_S, FIRST_SEQ], course].tolist()
    seen_s, seen_seq = courses.row[[SEEN_S, SEEN_SEQ], row].tolist()
    pace = (seen_seq - first_seq) / max(seen_s - first_s, 1e-6)
    return Moment(x, y, max(0.0, first_seq + pace * (pts_s - first_s)), pts_s)


def _taken_over(courses: Courses, row: int) -> bool:
    """Whether a track was born where the track of this row would have been at that moment."""
    mine = courses.row[:, row]
    others = np.flatnonzero(courses.frame == courses.frame[row])
    first = courses.first[:, np.searchsorted(courses.start, others, side="right") - 1]
    gap_s = first[FIRST_S] - mine[SEEN_S]
    off_x = first[FIRST_X] - mine[X] - gap_s * mine[VX]
    off_y = first[FIRST_Y] - mine[Y] - gap_s * mine[VY]
    size = courses.row[[W, H]][:, others]
    return bool(((gap_s > 0) & (off_x * off_x + off_y * off_y < size[0] * size[1])).any())
