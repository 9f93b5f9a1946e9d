"""Turning movements: from which line to which every road user went, once.

A track that crossed a line and then another went from the first to the last; one that left over a line and came back
over it made two movements (stays.py). Tracks are also born late and cut short
inside a junction. The whole paths of complete tracks are the prototypes of each movement, and a piece of a path gets
the movement that it is like: near enough, agreeing with the line that it did cross, and clearly nearer than any other.
People on foot are compared with people on foot only: they go beside the ways of vehicles.
Pieces that follow each other on one way in the time that it takes are one road user.

    crossed both lines             gates       ____A_______________B____
    crossed one, or none           path        ____A______                      alone: the movement that it is like
                                                      . . ._______B____         after such a piece: the same road user
"""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal

import msgspec
import numpy as np

from stream.messages import Crossing
from stream.records.store import RoadUser
from stream.results.prototypes import Fit, Prototypes
from stream.results.stays import Gate, Stay, split
from stream.scene import Scene

Way = tuple[Gate, Gate]  # first and last gate

ON_FOOT = "person"
MOVED = 0.05  # of the picture's diagonal, between two points of a path: less is a parked car
COVERED = 0.25  # of its movement's length: a piece that crossed no line must be as long
CLEARER = 1.5  # the next best movement must be so many times as far, or else nobody can tell
TELLING = 0.125  # of what a path may be off its movement: less is the jitter of boxes, and tells nothing
JOIN_S = 8.0  # a road user is hidden for so long at most
EARLY_S = 0.3  # boxes overlap in time where a track takes over from another
OFF_TIME_S = 3.0  # between when the next piece should come and when it does
STEPS = 4  # of a kept path, on each side of a gap, by which the speed is judged that it was passed with
BACK = 0.03  # of the diagonal: a piece may begin so far before the end of the one before it


class Turn(msgspec.Struct, frozen=True):
    """One road user made one movement. pts_s: when it crossed the origin, or was first seen; by: how it is known."""

    camera: str
    movement: str
    origin: str
    destination: str
    track_id: int
    label: str
    pts_s: float
    by: Literal["gates", "path"]


class _Piece(msgspec.Struct):
    """A track that crossed fewer than two lines, and the movements that it can belong to."""

    user: RoadUser
    crossings: Sequence[Crossing]
    gates: list[Gate]
    fits: dict[Way, Fit]
    after: _Piece | None = None  # the same road user, before
    followed: bool = False


def find_turns(scene: Scene, users: Iterable[RoadUser], crossings: Iterable[Crossing]) -> list[Turn]:
    """The movements of one camera's road users, in order of time. users, crossings: of any cameras."""
    if not scene.movements:
        return []
    passed: dict[int, list[Crossing]] = {}
    for crossing in sorted((c for c in crossings if c.camera == scene.camera), key=lambda c: c.pts_s):
        passed.setdefault(crossing.track_id, []).append(crossing)
    leaving = _leaving(passed.values())
    stays = [
        stay
        for user in users
        if user.camera == scene.camera
        for stay in split(user, passed.get(user.track_id, []), leaving)
        if has_moved(stay.user, scene)
    ]
    kinds = ([stay for stay in stays if (stay.user.label == ON_FOOT) is on_foot] for on_foot in (False, True))
    found = [turn for kind in kinds for turn in _turns(scene, kind)]
    return sorted(found, key=lambda turn: (turn.pts_s, turn.track_id))


def _turns(scene: Scene, stays: Sequence[Stay]) -> Iterator[Turn]:
    """Of road users of a kind: people on foot go other ways than vehicles."""
    diagonal = math.hypot(scene.width, scene.height)
    complete = [(stay, way) for stay in stays if (way := _way(stay.crossings)) is not None]
    turns = [_turn(scene, stay, way, "gates") for stay, way in complete]
    ways = _learn(complete, diagonal)
    pieces = [_piece(stay, ways) for stay in stays if _way(stay.crossings) is None]
    _join(pieces, diagonal)
    for piece in pieces:
        if not piece.followed and (way := _judge(piece, ways)) is not None:
            first = piece
            while first.after is not None:
                first = first.after
            user = msgspec.structs.replace(first.user, label=piece.user.label)  # the last vote is of the most pictures
            turns.append(_turn(scene, Stay(user, first.crossings), way, "path"))
    return (turn for turn in turns if turn is not None)


def _leaving(tracks: Iterable[Sequence[Crossing]]) -> set[Gate]:
    """The gates by which more left for good than came in, of those who crossed several lines."""
    balance: Tally[Gate] = Tally()
    for crossings in tracks:
        gates = [(c.line, c.direction) for c in crossings]
        if len({line for line, _ in gates}) > 1:
            balance.update(gates[-1:])
            balance.subtract(gates[:1])
    return {gate for gate, more in balance.items() if more > 0}


def _way(crossings: Sequence[Crossing]) -> Way | None:
    """From the first line of a track to its last; None where it did not cross two, or the same one twice.

    Who waits on the first line may be counted there and back: the gate is the one by which it left that line for good.
    """
    gates = [(c.line, c.direction) for c in crossings]
    first = next((k for k, (line, _) in enumerate(gates) if line != gates[0][0]), 1) - 1
    return (gates[first], gates[-1]) if gates and gates[first] != gates[-1] else None


def _learn(complete: Sequence[tuple[Stay, Way]], diagonal_px: float) -> dict[Way, Prototypes]:
    paths: dict[Way, list[np.ndarray]] = {}
    for stay, way in complete:
        paths.setdefault(way, []).append(_points(stay.user))
    return {way: Prototypes(of_way, diagonal_px) for way, of_way in paths.items()}


def _piece(stay: Stay, ways: dict[Way, Prototypes]) -> _Piece:
    gates: list[Gate] = list(dict.fromkeys((c.line, c.direction) for c in stay.crossings))
    path = _points(stay.user)
    fits: dict[Way, Fit] = {}
    for way, prototypes in ways.items():
        if all(gate in way for gate in gates):
            fit = prototypes.fit(path)
            if fit is not None and fit.distance <= prototypes.reach_px:
                fits[way] = fit
    return _Piece(stay.user, stay.crossings, gates, fits)


def _join(pieces: Sequence[_Piece], diagonal_px: float) -> None:
    """Find for every piece the one that it goes on from, if any: on one way, and at the time when it should come."""
    by_start = sorted(pieces, key=lambda piece: piece.user.first_pts_s)
    by_end = sorted(pieces, key=lambda piece: piece.user.last_pts_s)
    ends_s = np.array([piece.user.last_pts_s for piece in by_end])
    for piece in by_start:
        from_s, to_s = piece.user.first_pts_s - JOIN_S, piece.user.first_pts_s + EARLY_S
        low, high = np.searchsorted(ends_s, [from_s, to_s]).tolist()
        best, best_off_s = None, OFF_TIME_S
        for earlier in by_end[low:high]:
            off_s = math.inf if earlier.followed or earlier is piece else _off_time(earlier, piece, diagonal_px)
            if off_s < best_off_s:
                best, best_off_s = earlier, off_s
        if best is not None:
            piece.after, best.followed = best, True
            shared = piece.fits.keys() & best.fits.keys()
            piece.fits = {way: _both(best.fits[way], piece.fits[way]) for way in shared}
            piece.gates = [*best.gates, *piece.gates]


def _off_time(earlier: _Piece, later: _Piece, diagonal_px: float) -> float:
    """Seconds between when the later piece should begin and when it does, on the way where both fit best."""
    wait_s, best = later.user.first_pts_s - earlier.user.last_pts_s, math.inf
    gates = {*earlier.gates, *later.gates}
    for way in earlier.fits.keys() & later.fits.keys():
        before, after = earlier.fits[way], later.fits[way]
        gap_px = after.start - before.stop
        entered_late, left_early = way[0] in later.gates, way[1] in earlier.gates
        if gap_px < -BACK * diagonal_px or entered_late or left_early or not gates <= {*way}:
            continue
        best = min(best, abs(wait_s - max(0.0, gap_px) / _speed_px_s(earlier, later)))
    return best


def _speed_px_s(earlier: _Piece, later: _Piece) -> float:
    """What is usual beside the gap: over its whole life who waited in a queue looks too slow to have come so far."""
    steps = [*pairwise(earlier.user.path[-STEPS - 1 :]), *pairwise(later.user.path[: STEPS + 1])]
    return float(np.median([math.dist(a[1:], b[1:]) / max(b[0] - a[0], 1e-3) for a, b in steps]))


def _both(first: Fit, second: Fit) -> Fit:
    return Fit((first.distance + second.distance) / 2, first.start, second.stop)


def _judge(piece: _Piece, ways: dict[Way, Prototypes]) -> Way | None:
    """The movement of a piece and of those before it, or None where it cannot be told."""
    order = sorted(piece.fits, key=lambda way: piece.fits[way].distance)
    if not order:
        return None
    best = order[0]
    fit = piece.fits[best]
    if not piece.gates and fit.stop - fit.start < COVERED * ways[best].length_px:
        return None
    others = [way for way in order[1:] if (way[0][0], way[1][0]) != (best[0][0], best[1][0])]
    if others and piece.fits[others[0]].distance < CLEARER * max(fit.distance, TELLING * ways[best].reach_px):
        return None
    return best


def _turn(scene: Scene, stay: Stay, way: Way, by: Literal["gates", "path"]) -> Turn | None:
    """None where the scene asks for other movements only."""
    user = stay.user
    ends = way[0][0], way[1][0]
    name = next((m.name for m in scene.movements if (m.origin, m.destination) == ends), None)
    if name is None:
        return None
    at_s = max((c.pts_s for c in stay.crossings if (c.line, c.direction) == way[0]), default=user.first_pts_s)
    return Turn(scene.camera, name, *ends, user.track_id, user.label, at_s, by)


def _points(user: RoadUser) -> np.ndarray:
    return np.array(user.path)[:, 1:]


def has_moved(user: RoadUser, scene: Scene) -> bool:
    """Whether a road user went anywhere: it is no parked car."""
    _, x0, y0 = user.path[0]
    return max(math.hypot(x - x0, y - y0) for _, x, y in user.path) >= MOVED * math.hypot(scene.width, scene.height)
