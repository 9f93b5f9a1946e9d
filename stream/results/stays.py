"""A track, cut where it left over a line and came back over it.

A vehicle that leaves a junction and returns makes two movements, as a person at the roadside would note. It also
happens at the border of the picture that the track of one who leaves goes on with another who comes in there just then:
the cut parts them again. Who crosses one line only, there and back, turned round inside and is not cut, unless it left
first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import msgspec

from stream.counting.riders import known_as
from stream.messages import Crossing
from stream.records.store import RoadUser

Gate = tuple[str, str]  # line and direction


class Stay(msgspec.Struct, frozen=True):
    """A road user from when it came until it left, and its crossings in order of time."""

    user: RoadUser
    crossings: Sequence[Crossing]


def split(user: RoadUser, crossings: Sequence[Crossing], leaving: set[Gate]) -> list[Stay]:
    """The stays of a track, one mostly. crossings: in order of time; leaving: the gates by which road users leave."""
    stays, rest = [], Stay(user, crossings)
    for out, cut_s in _cuts(user, crossings, leaving):
        before = [point for point in rest.user.path if point[0] <= cut_s]
        after = [point for point in rest.user.path if point[0] >= cut_s]
        if len(before) > 1 and len(after) > 1:
            until = rest.crossings.index(out) + 1
            stays.append(_part(rest.user, before, rest.crossings[:until]))
            rest = _part(rest.user, after, rest.crossings[until:])
    return [_named(stay) for stay in (*stays, rest)]


def _cuts(user: RoadUser, crossings: Sequence[Crossing], leaving: set[Gate]) -> Iterator[tuple[Crossing, float]]:
    """The crossings over which it left and came back, and when it was farthest from there.

    Who waits on a line may be counted there and back, and then there for good: an odd number of crossings is no return.
    """
    runs = [list(run) for _, run in groupby(crossings, key=lambda crossing: crossing.line)]
    for run in runs:
        left = len(runs) > 1 or (run[0].line, run[0].direction) in leaving
        if left and len(run) % 2 == 0:
            out, back = max(list(pairwise(run))[::2], key=lambda pair: pair[1].pts_s - pair[0].pts_s)
            away = [point for point in user.path if out.pts_s <= point[0] <= back.pts_s]
            if away:
                yield out, max(away, key=lambda point: math.hypot(point[1] - out.x, point[2] - out.y))[0]


def _part(user: RoadUser, path: Sequence[tuple[float, float, float]], crossings: Sequence[Crossing]) -> Stay:
    of = msgspec.structs.replace(user, first_pts_s=path[0][0], last_pts_s=path[-1][0], path=tuple(path))
    return Stay(of, crossings)


def _named(stay: Stay) -> Stay:
    label = known_as(stay.user.label, (crossing.label for crossing in stay.crossings))
    return Stay(msgspec.structs.replace(stay.user, label=label), stay.crossings)
