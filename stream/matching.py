"""Tracks and the detections of a picture: who is whose.

Confident detections are associated with confirmed tracks first; weak ones rescue those left over (Zhang et al.,
ByteTrack, ECCV 2022); tracks on trial get what remains, and lost tracks what lies where they were last seen. Where
tracks compete, motion follows the observations rather than the prediction (Cao et al., OC-SORT, CVPR 2023).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stream.association import assign, cascade, contested, flicker_cost, likeness, near_pairs
from stream.doubles import Pairs, redundant
from stream.settings import TrackerSettings
from stream.tracktable import (
    CONFIRMED,
    HEIGHT,
    LABEL,
    MISSES,
    PLACE,
    PLACE_VARIANCE,
    SEEN_BOX,
    SIDES,
    SPEED_VARIANCE,
    VELOCITY,
)


class Found(NamedTuple):
    """The usable detections of a picture. A score of 0 stands for one that says nothing of its own."""

    box: np.ndarray  # f64 (4, M), outward
    place: np.ndarray  # f64 (4, M): cx, cy, w, h, px
    score: np.ndarray  # f64 (M,)
    label: np.ndarray  # intp (M,)
    proof: np.ndarray  # f64 (M,): how much it says that there is a road user of its own

    def take(self, at: np.ndarray) -> Found:
        """The detections at these indices."""
        one = self.score.take(at), self.label.take(at), self.proof.take(at)
        return Found(self.box.take(at, axis=1), self.place.take(at, axis=1), *one)


def match(table: np.ndarray, found: Found, settings: TrackerSettings) -> Pairs:
    """Indices of the tracks and of the detections that belong together. Takes the score of redundant detections,
    and what parts of others would prove."""
    n = table.shape[1]
    buffer = np.minimum(settings.buffer_sigmas * np.sqrt(table[PLACE_VARIANCE]), settings.buffer_limit * table[HEIGHT])
    reach = table[SIDES] / 2 + buffer
    grown = np.concatenate([reach - table[PLACE], reach + table[PLACE]])
    # A track's box touches one that grows as well when it grows once more. Detections are paired among themselves in
    # the same pass.
    i, j = near_pairs(np.concatenate([grown + buffer, found.box], axis=1), found.box)
    own = int(i.searchsorted(n))
    spare, parts = redundant(
        (i[own:] - n, j[own:]), found.box, found.label, found.score, settings.confident_score, settings.double_iou
    )
    i, j = i[:own], j[:own]
    worth = likeness(grown.take(i, axis=1), found.box.take(j, axis=1) + buffer.take(i), settings.shape) - settings.gate
    if settings.class_aware:
        worth -= flicker_cost(table[LABEL].astype(np.intp).take(i), found.label.take(j))
    found.proof[parts] = 0.0
    if len(spare):
        found.score[spare] = 0.0
        worth[found.score.take(j) == 0] = 0.0
    possible = (worth > 0).nonzero()[0]
    i, j = _choose(table, found, settings, (i.take(possible), j.take(possible)), worth.take(possible))
    return _recover(table, found, settings, (i, j))


def _choose(table: np.ndarray, found: Found, settings: TrackerSettings, pairs: Pairs, worth: np.ndarray) -> Pairs:
    """Of the pairs with a worth above 0, those of the best assignment, stage after stage."""
    i, j = pairs
    rival = contested(i, j).nonzero()[0]
    if len(rival) and settings.momentum:
        turn = _turn(table.take(i.take(rival), axis=1), found.place.take(j.take(rival), axis=1))
        worth[rival] = np.maximum(worth[rival] - settings.momentum * turn, 1e-6)
    weak = found.score.take(j) < settings.confident_score
    likely = ~weak | (worth > settings.weak_gate - settings.gate)
    if len(rival):
        steady = table[CONFIRMED].take(i) > 0
        won = cascade(i, j, worth, (steady & ~weak, steady & likely, likely))
    else:
        won = likely.nonzero()[0]
    return i.take(won), j.take(won)


def _turn(tracks: np.ndarray, place: np.ndarray) -> np.ndarray:
    """How much a pair would make the track turn, 0 to 1: columns of the table, and of Found.place -> (P,)."""
    velocity, step = tracks[VELOCITY], place[:2] - tracks[SEEN_BOX][:2]
    speed2, step2 = (velocity**2).sum(axis=0), (step**2).sum(axis=0)
    known = speed2 / (speed2 + 2 * tracks[SPEED_VARIANCE])  # a velocity that is mostly noise says nothing
    moved = step2 / (step2 + (0.3 * tracks[HEIGHT]) ** 2)  # nor does a step within the jitter of the box
    cosine = (velocity * step).sum(axis=0) / np.sqrt(speed2 * step2 + 1e-12)
    turn: np.ndarray = known * moved * (1 - cosine) / 2
    return turn


def _recover(table: np.ndarray, found: Found, settings: TrackerSettings, pairs: Pairs) -> Pairs:
    """Add pairs of lost tracks, at the place where they were last seen, with confident detections that are left."""
    i, j = pairs
    if not settings.recover or len(i) == table.shape[1] or len(j) == len(found.score):
        return pairs
    lost, free = table[MISSES] > 0, found.score >= settings.confident_score
    lost[i] = free[j] = False
    tracks, left = lost.nonzero()[0], free.nonzero()[0]
    if not len(tracks) or not len(left):
        return pairs
    seen, box = table[SEEN_BOX].take(tracks, axis=1), found.box.take(left, axis=1)
    there = np.concatenate([seen[2:] / 2 - seen[:2], seen[2:] / 2 + seen[:2]])
    a, b = near_pairs(there, box)
    worth = likeness(there.take(a, axis=1), box.take(b, axis=1), 0.0) - max(settings.gate, settings.weak_gate)
    if settings.class_aware:
        worth -= flicker_cost(table[LABEL].astype(np.intp)[tracks[a]], found.label[left[b]])
    possible = (worth > 0).nonzero()[0]
    a, b = a.take(possible), b.take(possible)
    won = assign(a, b, worth.take(possible))
    return np.concatenate([i, tracks[a[won]]]), np.concatenate([j, left[b[won]]])
