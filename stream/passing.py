"""A passage of a track over a line before it is counted, and whether two passages were one vehicle's."""

from __future__ import annotations

import msgspec
import numpy as np

from stream.association import doubles
from stream.courses import LABEL, VX, VY, Courses
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
    return Passing(line, track_id, sign, int(at.seq), at.pts_s, at.x, at.y, int(label), box, (vx, vy))


def same_vehicle(a: Passing, b: Passing, least_iou: float) -> bool:
    """Whether two tracks that crossed one line in one direction were boxes of one road user.

    Each box is moved along to the moment of the other; they are the same when they would cover each other, or when a
    person would sit on a two-wheeler. A track that crosses again after a U-turn is not its own double.
    """
    if a.line != b.line or a.sign != b.sign or a.track_id == b.track_id:
        return False
    return _covers(a, b, least_iou) or _covers(b, a, least_iou)


def _covers(a: Passing, b: Passing, least_iou: float) -> bool:
    """Whether a's box, moved to the moment of b, is a double of b's box."""
    wait_s = b.pts_s - a.pts_s
    dx, dy = wait_s * a.velocity[0], wait_s * a.velocity[1]
    left, top, right, bottom = a.box
    if left + dx > b.box[2] or right + dx < b.box[0] or top + dy > b.box[3] or bottom + dy < b.box[1]:
        return False  # most are far apart, and doubles() is made for many boxes at a time
    moved = np.array((left + dx, top + dy, right + dx, bottom + dy))
    label_a, label_b = np.array([a.label]), np.array([b.label])
    return len(doubles(moved[:, None], label_a, np.array(b.box)[:, None], label_b, least_iou)[0]) > 0
