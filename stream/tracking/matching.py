"""Tracks and the detections of a picture: who is whose.

Confident detections are associated with trusted tracks first; weak ones rescue those left over (Zhang et al.,
ByteTrack, ECCV 2022); tracks on trial get what remains, and lost tracks what lies where they were last seen. Where
tracks compete, motion follows the observations rather than the prediction (Cao et al., OC-SORT, CVPR 2023).
"""

from __future__ import annotations

import numpy as np

from stream.settings import TrackerSettings
from stream.tracking.association import assign, cascade, flicker_cost, likeness, near_pairs, pair_areas
from stream.tracking.doubles import Pairs, redundant
from stream.tracking.found import PLACE as FOUND_PLACE
from stream.tracking.found import PROOF, Found
from stream.tracking.table import (
    HEIGHT,
    LABEL,
    MISSES,
    PLACE_VARIANCE,
    SEEN_BOX,
    SPEED_VARIANCE,
    STANDING,
    VELOCITY,
    outward,
)


def match(table: np.ndarray, found: Found, settings: TrackerSettings) -> Pairs:
    """Indices of the tracks and of the detections that belong together. Takes the score of redundant detections,
    and what parts of others would prove."""
    n, score = table.shape[1], found.score
    # Tracks and detections are paired with detections in one pass. A box touches one that grows as well when it grows
    # twice; detections do not grow.
    growth = np.zeros(n + len(score))
    buffer = np.sqrt(table[PLACE_VARIANCE], out=growth[:n])
    buffer *= 2 * settings.buffer_sigmas
    np.minimum(buffer, 2 * settings.buffer_limit * table[HEIGHT], out=buffer)
    found_box = found.box
    box = np.concatenate([outward(table), found_box], axis=1)
    i, j = near_pairs(box + growth, found_box)
    areas = pair_areas(box.take(i, axis=1), found_box.take(j, axis=1), growth.take(i))
    own = int(i.searchsorted(n))
    spare, parts = redundant((i[own:] - n, j[own:]), areas[:, own:], found, settings)
    i, j = i[:own], j[:own]
    worth = likeness(areas[:, :own], settings.shape, settings.gate)
    if settings.class_aware:
        worth -= flicker_cost(table[LABEL].take(i).astype(np.intp), found.label.take(j))
    if len(parts):
        found.table[PROOF, parts] = 0.0
    if len(spare):
        score[spare] = 0.0
        worth[score.take(j) == 0] = 0.0
    possible = (worth > 0).nonzero()[0]
    i, j = _choose(table, found, settings, (i.take(possible), j.take(possible)), worth.take(possible))
    return _recover(table, found, settings, (i, j))


def _choose(table: np.ndarray, found: Found, settings: TrackerSettings, pairs: Pairs, worth: np.ndarray) -> Pairs:
    """Of the pairs with a worth above 0, those of the best assignment, stage after stage."""
    i, j = pairs
    sure = found.score.take(j) >= settings.confident_score
    least = (table[MISSES].take(i) > 0) * (settings.revive_gate - settings.weak_gate)
    least += settings.weak_gate - settings.gate
    likely = sure | (worth > least)
    of_i, of_j = np.bincount(i), np.bincount(j)
    if np.count_nonzero(of_i) + np.count_nonzero(of_j) == 2 * len(i):  # nothing competes
        won = likely.nonzero()[0]
        return i.take(won), j.take(won)
    alone = (of_i.take(i) == 1) & (of_j.take(j) == 1)
    rival = (~alone).nonzero()[0]
    rival_i, rival_j, sure, worth = i.take(rival), j.take(rival), sure.take(rival), worth.take(rival)
    tracks = table.take(rival_i, axis=1)
    if settings.momentum:
        turn = _turn(tracks, found.table[FOUND_PLACE].take(rival_j, axis=1))
        worth = np.maximum(worth - settings.momentum * turn, 1e-6)
    fit = sure | (worth > least.take(rival))
    steady = tracks[STANDING] > 1
    won = cascade(rival_i, rival_j, worth, (steady & sure, steady & fit, fit))
    won = np.concatenate([(alone & likely).nonzero()[0], rival.take(won)])
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
    areas = pair_areas(there.take(a, axis=1), box.take(b, axis=1))
    worth = likeness(areas, 0.0, max(settings.gate, settings.weak_gate))
    if settings.class_aware:
        worth -= flicker_cost(table[LABEL].astype(np.intp)[tracks[a]], found.label[left[b]])
    possible = (worth > 0).nonzero()[0]
    a, b = a.take(possible), b.take(possible)
    won = assign(a, b, worth.take(possible))
    return np.concatenate([i, tracks[a[won]]]), np.concatenate([j, left[b[won]]])
