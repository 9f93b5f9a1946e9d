"""A passage of a track over a line before it is counted."""

from __future__ import annotations

import msgspec
import numpy as np

from stream.counting.courses import FIRST_S, LABEL, VX, VY, Courses
from stream.messages import LABELS, Crossing


class Passing(msgspec.Struct, frozen=True):
    """A track's anchor went over a line."""

    line: int  # index into the scene's lines
    track_id: int
    sign: int  # +1: in, -1: out
    seq: int
    pts_s: float
    x: float
    y: float
    label: int
    box: tuple[float, float, float, float]  # xyxy at that moment, px
    velocity: tuple[float, float]  # px/s
    known_s: float  # for how long the track had been followed

    def crossing(self, camera: str, line: str) -> Crossing:
        """The event that is counted."""
        return Crossing(
            camera=camera,
            line=line,
            direction="in" if self.sign > 0 else "out",
            track_id=self.track_id,
            label=LABELS[self.label],
            seq=self.seq,
            pts_s=self.pts_s,
            x=self.x,
            y=self.y,
        )


class Moment(msgspec.Struct, frozen=True):
    """Where and when a track was on a line."""

    x: float
    y: float
    seq: float
    pts_s: float


def passing_of(courses: Courses, row: int, line: int, sign: int, at: Moment) -> Passing:
    """The track of a row, as it was there, put on the line."""
    course = int(np.searchsorted(courses.start, row, side="right")) - 1
    vx, vy, label = courses.row[[VX, VY, LABEL], row].tolist()
    box = courses.box(row, at.x, at.y)
    track_id = int(courses.track_id[course])
    known_s = max(0.0, at.pts_s - float(courses.first[FIRST_S, course]))
    return Passing(line, track_id, sign, int(at.seq), at.pts_s, at.x, at.y, int(label), box, (vx, vy), known_s)
