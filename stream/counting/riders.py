"""A rider and the machine below are one road user, of the machine's class, also where the rider crossed first."""

from __future__ import annotations

import numpy as np

from stream.counting.courses import CONFIRMED, LABEL, VELOCITY, Courses
from stream.counting.sides import Crossed
from stream.doubles import GROUP, PERSON, TWO_WHEELER, are_doubles

TOGETHER = 0.5  # of the rider's speed: their velocities differ by no more; a parked machine is nobody's


def ridden(courses: Courses, one: Crossed) -> int:
    """The class of who crossed, as an index into messages.LABELS: a person's that of the two-wheeler below."""
    label, track_id = one.passing.label, one.passing.track_id
    if label != PERSON:
        return label
    row = int(courses.at(np.array([track_id]), one.frame)[0])
    row = row if row >= 0 else one.row  # a track that has ended
    machines = np.flatnonzero((courses.frame == courses.frame[row]) & (courses.row[CONFIRMED] > 0))
    machines = machines[GROUP[courses.row[LABEL, machines].astype(np.int64)] == TWO_WHEELER]
    labels = courses.row[LABEL, machines].astype(np.int64)
    rider = np.full(len(machines), row)
    below = are_doubles(courses.boxes(rider), np.full(len(machines), PERSON), courses.boxes(machines), labels, 1.0)
    mine, others = courses.row[VELOCITY, row][:, None], courses.row[VELOCITY][:, machines]
    below &= np.hypot(*(others - mine)) <= TOGETHER * np.hypot(*mine)
    return int(labels[below][0]) if below.any() else label
