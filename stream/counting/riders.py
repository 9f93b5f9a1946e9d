"""A rider and the machine below are one road user, of the machine's class, also where the rider crossed first."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stream.counting.courses import FIRST_X, FIRST_Y, LABEL, POINT, Courses
from stream.counting.sides import Crossed
from stream.messages import LABELS
from stream.tracking.doubles import GROUP, PERSON, TWO_WHEELER, are_doubles

SAME_WAY = 0.7  # cosine between the ways that rider and machine have come


def ridden(courses: Courses, one: Crossed, proven: np.ndarray) -> int:
    """The class of who crossed, as an index into messages.LABELS: a person's that of the two-wheeler below, if it has
    gone the same way; a parked one is nobody's. proven: bool (R,), of Courses.proven."""
    label = one.passing.label
    if label != PERSON:
        return label
    row = int(courses.at(np.array([one.passing.track_id]), one.frame)[0])
    row = row if row >= 0 else one.row  # a track that has ended
    machines = np.flatnonzero((courses.frame == courses.frame[row]) & proven)
    machines = machines[GROUP[courses.row[LABEL, machines].astype(np.int64)] == TWO_WHEELER]
    labels, rider = courses.row[LABEL, machines].astype(np.int64), np.full(len(machines), row)
    below = are_doubles(courses.boxes(rider), np.full(len(rider), PERSON), courses.boxes(machines), labels, 1.0)
    mine, others = _way(courses, rider), _way(courses, machines)
    below &= (mine * others).sum(axis=0) >= SAME_WAY * np.hypot(*mine) * np.hypot(*others)
    return int(labels[below][0]) if below.any() else label


def known_as(label: str, counted_as: Iterable[str]) -> str:
    """The class of a road user. label: what its track was taken for; counted_as: the classes of its crossings: a person
    that was counted as rider is of the machine's class in all that is told of it."""
    if label != LABELS[PERSON]:
        return label
    return next((machine for machine in counted_as if GROUP[LABELS.index(machine)] == TWO_WHEELER), label)


def _way(courses: Courses, rows: np.ndarray) -> np.ndarray:
    """From where the tracks of these rows began to where they are, px: f64 (2, K)."""
    course = np.searchsorted(courses.start, rows, side="right") - 1
    way: np.ndarray = courses.row[POINT][:, rows] - courses.first[[FIRST_X, FIRST_Y]][:, course]
    return way
