"""Which boxes are of one road user: a second box, a part of a vehicle, a rider on the machine, a box round several."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from stream.settings import TrackerSettings
from stream.tracking.association import near_pairs, outward, shared_area
from stream.tracking.found import Found

RIDER_SHARE = 0.35  # of a person's box that lies in the box of a two-wheeler: the person rides it
TWIN_IOU = 0.7  # two boxes of one group that overlap so much are two opinions on one road user
PART_SHARE = 0.7  # of a box that lies in one of the same group: a part of that vehicle, its cab or its load
FILL_SHARE = 0.85  # of a box that lies in one which may be drawn round several
PERSON, TWO_WHEELER, VEHICLE = 0, 1, 2
GROUP = np.array([PERSON, TWO_WHEELER, VEHICLE, TWO_WHEELER, VEHICLE, VEHICLE])  # of each of messages.LABELS

Pairs = tuple[np.ndarray, np.ndarray]


def area_of(box: np.ndarray) -> np.ndarray:
    """px² of boxes (4, N), outward -> (N,)."""
    sides = box[:2] + box[2:]
    return sides[0] * sides[1]


def redundant(near: Pairs, areas: np.ndarray, found: Found, settings: TrackerSettings) -> Pairs:
    """Which detections of one picture say nothing of their own, and which may be parts of others -> indices of each.

    Nothing of its own says a weak one that lies on or in a confident one of its group, one in the place of a better one
    of its group (the detector suppresses by class: a car is not also a truck), and one that is drawn round several
    others. What else lies in a confident one may be its cab or its load, or a vehicle before or behind it.
    near: pairs of the detections among themselves that may touch; areas: their association.pair_areas.
    """
    i, j = near
    none, score = i[:0], found.score
    if len(i) == len(score):  # nothing touches anything but itself
        return none, none
    rules = _inclusions(settings.double_iou) @ areas[:3] >= 0
    close = rules[0] | rules[1]
    close &= i != j
    close = close.nonzero()[0]
    if len(close):
        group = GROUP.take(found.label)
        close = close.compress(group.take(i.take(close)) == group.take(j.take(close)))
    if not len(close):
        return none, none
    i, j, i_area, j_area = i.take(close), j.take(close), areas[0].take(close), areas[1].take(close)
    _, inside, twin, fills = rules.take(close, axis=1)
    i_score, j_score = score.take(i), score.take(j)
    sure, better = j_score >= settings.confident_score, (j_score > i_score) | ((j_score == i_score) & (j < i))
    drop, part = np.zeros(len(score), bool), np.zeros(len(score), bool)
    drop[i[(sure & (i_score < settings.confident_score)) | (better & twin)]] = True
    filling = (fills & (i_area < 0.75 * j_area) & (i_score >= 0.5 * j_score)).nonzero()[0]
    if len(filling) > 1:
        drop |= _spanned(j.take(filling), i.take(filling), found.box, area_of(found.box))
    part[i[inside & sure & (i_area < j_area) & ~drop[j]]] = True
    return drop.nonzero()[0], part.nonzero()[0]


@lru_cache(maxsize=8)
def _inclusions(double_iou: float) -> np.ndarray:
    """How much i has of j, (4, 3): each a sum of the area of i, of j, and of both that is not negative where it is so.

    Their IoU is that of a double; i lies in j; their IoU is that of a twin; i fills a part of j.
    """
    same = [[-least, -least, 1 + least] for least in (double_iou, TWIN_IOU)]
    inside = [[-least, 0.0, 1.0] for least in (PART_SHARE, FILL_SHARE)]
    return np.array([same[0], inside[0], same[1], inside[1]])


def _spanned(i: np.ndarray, j: np.ndarray, box: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Which boxes i are filled from end to end by the boxes j in them: bool (N,)."""
    reach = np.full_like(box, -np.inf)
    for of_side, of_box in zip(reach, box, strict=True):
        np.maximum.at(of_side, i, of_box[j])
    filled: np.ndarray = (reach[:2] + reach[2:] >= 0.85 * (box[:2] + box[2:])).all(axis=0)
    return filled & (np.bincount(i, area[j], len(area)) >= 0.6 * area)


def doubles(a_box: np.ndarray, a_label: np.ndarray, b_box: np.ndarray, b_label: np.ndarray, least_iou: float) -> Pairs:
    """Pairs (i, j) where a is a second box of the road user in b, or lies in one of its group: boxes (4, A), (4, B)
    outward, labels (A,), (B,)."""
    i, j = near_pairs(a_box, b_box)
    if not len(i):
        return i, j
    a, b = a_box.take(i, axis=1), b_box.take(j, axis=1)
    a_label, b_label = a_label.take(i), b_label.take(j)
    found = _double(a, a_label, b, b_label, least_iou) | _part(a, a_label, b, b_label)
    return i.compress(found), j.compress(found)


def are_doubles(
    a_xyxy: np.ndarray, a_label: np.ndarray, b_xyxy: np.ndarray, b_label: np.ndarray, least_iou: float
) -> np.ndarray:
    """Whether each a is a second box of the road user in its b: xyxy f64 (4, N), labels (N,) -> bool (N,).

    Two boxes of one group (car, bus and truck are one) with at least this IoU, or a person on a two-wheeler.
    """
    return _double(outward(a_xyxy), a_label, outward(b_xyxy), b_label, least_iou)


def are_parts(a_xyxy: np.ndarray, a_label: np.ndarray, b_xyxy: np.ndarray, b_label: np.ndarray) -> np.ndarray:
    """Whether each a lies in its b and may be a part of it: of one group, or a two-wheeler in a vehicle, whose lamp
    looks like one by night: xyxy f64 (4, N), labels (N,) -> bool (N,)."""
    lamp = (GROUP.take(a_label) == TWO_WHEELER) & (GROUP.take(b_label) == VEHICLE)
    return _part(outward(a_xyxy), np.where(lamp, b_label, a_label), outward(b_xyxy), b_label)


def _part(a: np.ndarray, a_label: np.ndarray, b: np.ndarray, b_label: np.ndarray) -> np.ndarray:
    inside: np.ndarray = shared_area(a, b) >= PART_SHARE * area_of(a)
    return inside & (GROUP.take(a_label) == GROUP.take(b_label))


def _double(a: np.ndarray, a_label: np.ndarray, b: np.ndarray, b_label: np.ndarray, least_iou: float) -> np.ndarray:
    shared, a_area, b_area = shared_area(a, b), area_of(a), area_of(b)
    same = GROUP.take(a_label) == GROUP.take(b_label)
    same &= shared >= least_iou * (a_area + b_area - shared)
    same |= (a_label == PERSON) & (GROUP.take(b_label) == TWO_WHEELER) & (shared >= RIDER_SHARE * a_area)
    return same & (shared > 0)
