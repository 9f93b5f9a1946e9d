"""Which detection belongs to which track: near pairs, how alike they are, and the best assignment of all at once.

Only pairs that can touch are ever looked at, as flat index arrays (i: track, j: detection), so that the cost grows with
the number of objects and not with its square.
"""

from __future__ import annotations

import numpy as np

RIDER_SHARE = 0.35  # of a person's box that lies in the box of a two-wheeler: the person rides it
TWIN_IOU = 0.7  # two boxes of one group that overlap so much are two opinions on one road user
PART_SHARE = 0.7  # of a box that lies in one of the same group: a part of that vehicle, its cab or its load
PERSON, TWO_WHEELER, VEHICLE = 0, 1, 2
GROUP = np.array([PERSON, TWO_WHEELER, VEHICLE, TWO_WHEELER, VEHICLE, VEHICLE])  # of each of messages.LABELS

# What a change of class costs a pair, in IoU. Detectors waver between car, bus and truck; a rider may look like a
# person for a moment; a small motorcycle like a car. A person is never a car, bus or truck (2 is out of reach).
_FLICKER = np.array(
    [  # person bicycle car motorcycle bus truck
        [0.0, 0.2, 2.0, 0.2, 2.0, 2.0],
        [0.2, 0.0, 0.3, 0.05, 2.0, 2.0],
        [2.0, 0.3, 0.0, 0.2, 0.05, 0.05],
        [0.2, 0.05, 0.2, 0.0, 2.0, 2.0],
        [2.0, 2.0, 0.05, 2.0, 0.0, 0.05],
        [2.0, 2.0, 0.05, 2.0, 0.05, 0.0],
    ]
)


def near_pairs(a_box: np.ndarray, b_box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of boxes f64 (4, N) and (4, M), as x1, y1, x2, y2, that may touch. i never falls."""
    order = b_box[0].argsort()
    left = b_box[0].take(order)
    widest = (b_box[2] - b_box[0]).max(initial=0.0)
    low = left.searchsorted(a_box[0] - widest)
    count = left.searchsorted(a_box[2]) - low
    np.maximum(count, 0, out=count)
    i = np.arange(len(count)).repeat(count)
    start = low - count.cumsum() + count
    j = order.take(np.arange(len(i)) + start.take(i))
    if len(i) > 4 * (len(count) + len(order)):  # a crowd: most of these are apart along y
        touching = ((b_box[1].take(j) <= a_box[3].take(i)) & (b_box[3].take(j) >= a_box[1].take(i))).nonzero()[0]
        i, j = i.take(touching), j.take(touching)
    return i, j


def shared_area(a_box: np.ndarray, b_box: np.ndarray) -> np.ndarray:
    """px² that box pairs (4, P) and (4, P) share -> (P,)."""
    sides = np.minimum(a_box[2:], b_box[2:]) - np.maximum(a_box[:2], b_box[:2])
    np.maximum(sides, 0, out=sides)
    return sides[0] * sides[1]


def box_area(box: np.ndarray) -> np.ndarray:
    """px² of boxes (4, N) -> (N,)."""
    sides = box[2:] - box[:2]
    return sides[0] * sides[1]


def likeness(a_box: np.ndarray, b_box: np.ndarray, buffer: np.ndarray | float, shape: float) -> np.ndarray:
    """How well box pairs (4, P) and (4, P) fit: 1 at best, 0 where they do not touch -> (P,).

    The IoU after b grew by buffer (P,) px on every side, as a has already. Small or fast objects that do not overlap
    between two frames become comparable (Yang et al., Hard to Track Objects with Irregular Motions and Similar
    Appearances? Make It Easier by Buffering the Matching Space, WACV 2023). shape: what boxes of wholly different size
    lose; like ones (IoU 1 if their centres were the same) lose nothing.
    """
    a_sides, b_sides = a_box[2:] - a_box[:2], b_box[2:] - b_box[:2]
    sides = np.minimum(a_box[2:], b_box[2:] + buffer)
    sides -= np.maximum(a_box[:2], b_box[:2] - buffer)
    np.maximum(sides, 0.0, out=sides)
    b_sides += 2 * buffer
    both = a_sides[0] * a_sides[1] + b_sides[0] * b_sides[1]
    shared = sides[0] * sides[1]
    overlap: np.ndarray = shared / (both - shared)
    if shape:
        least = np.minimum(a_sides, b_sides)
        common = least[0] * least[1]
        overlap += shape * (common / (both - common) - 1)
    return overlap


def flicker_cost(a_label: np.ndarray, b_label: np.ndarray) -> np.ndarray:
    """What the change from one label to the other costs, in IoU: two index arrays (P,) -> (P,)."""
    return _FLICKER.take(6 * a_label + b_label)


def contested(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Whether the track or the detection of a pair stands in another pair as well: bool (P,)."""
    often: np.ndarray = (np.bincount(i).take(i) > 1) | (np.bincount(j).take(j) > 1)
    return often


def cascade(i: np.ndarray, j: np.ndarray, worth: np.ndarray, stages: tuple[np.ndarray, ...]) -> np.ndarray:
    """The pairs that are assigned when each stage (a boolean mask over the pairs) only gets what those before left."""
    taken_i, taken_j = np.zeros(i.max(initial=-1) + 1, bool), np.zeros(j.max(initial=-1) + 1, bool)
    chosen = []
    for stage in stages:
        open_pairs = (stage & ~(taken_i.take(i) | taken_j.take(j))).nonzero()[0]
        if len(open_pairs):
            won = open_pairs.take(assign(i.take(open_pairs), j.take(open_pairs), worth.take(open_pairs)))
            taken_i[i.take(won)] = taken_j[j.take(won)] = True
            chosen.append(won)
    return np.concatenate(chosen) if chosen else np.zeros(0, np.intp)


def assign(i: np.ndarray, j: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """The pairs of the assignment with the greatest total worth: indices into i.

    i, j: int (P,); worth f64 (P,) > 0. Every i and every j is used once at most. Exact: a pair worth at least as much
    as the best other pairs of its row and of its column together is in some best assignment (giving it up frees only
    those two), so such pairs are taken at once, and only the rest goes to the Hungarian algorithm.
    """
    each = np.arange(len(i))
    if len(i) < 2:
        return each
    order = worth.argsort(kind="stable")
    sorted_i, sorted_j = i.take(order), j.take(order)
    best_of_i, best_of_j = np.zeros(i.max() + 1, np.intp), np.zeros(j.max() + 1, np.intp)
    best_of_i[sorted_i] = best_of_j[sorted_j] = order  # the last write, the greatest worth, stays
    top_i, top_j = best_of_i.take(i) == each, best_of_j.take(j) == each
    sure = top_i & top_j
    if np.count_nonzero(sure) == len(i):  # no row and no column has two
        return each
    rival_i, rival_j = np.zeros(len(best_of_i)), np.zeros(len(best_of_j))
    order_i, order_j = order.compress(~top_i.take(order)), order.compress(~top_j.take(order))
    rival_i[i.take(order_i)] = worth.take(order_i)
    rival_j[j.take(order_j)] = worth.take(order_j)
    sure &= worth >= rival_i.take(i) + rival_j.take(j)
    taken_i, taken_j = np.zeros(len(best_of_i), bool), np.zeros(len(best_of_j), bool)
    sure_pairs = sure.nonzero()[0]
    taken_i[i.take(sure_pairs)] = taken_j[j.take(sure_pairs)] = True
    rest = (~(taken_i.take(i) | taken_j.take(j))).nonzero()[0]
    if not len(rest):
        return sure_pairs
    return np.concatenate([sure_pairs, rest.take(_hungarian(i.take(rest), j.take(rest), worth.take(rest)))])


def _hungarian(i: np.ndarray, j: np.ndarray, worth: np.ndarray) -> np.ndarray:
    from scipy.optimize import linear_sum_assignment  # slow to import, and many scenes never need it

    rows, row = np.unique(i, return_inverse=True)
    columns, column = np.unique(j, return_inverse=True)
    table = np.zeros((len(rows), len(columns)))
    which = np.zeros(table.shape, np.intp)
    table[row, column] = worth
    which[row, column] = np.arange(len(i))
    a, b = linear_sum_assignment(table, maximize=True)
    return which[a, b][table[a, b] > 0]


def redundant(
    box: np.ndarray, score: np.ndarray, label: np.ndarray, confident_score: float, least_iou: float
) -> np.ndarray:
    """Which detections of one picture say nothing of their own: box f64 (4, N), score (N,), label (N,) -> indices.

    A weak one that lies on or in a confident one of its group, one in the place of a better one of its group (the
    detector suppresses by class: a car is not also a truck), and one that is drawn round several others.
    """
    i, j = near_pairs(box, box)
    none = i[:0]
    if len(i) == len(score):  # nothing touches anything but itself
        return none
    group = GROUP.take(label)
    other = ((i != j) & (group.take(i) == group.take(j))).nonzero()[0]
    if not len(other):
        return none
    i, j = i.take(other), j.take(other)
    area = box_area(box)
    shared, i_area, j_area = shared_area(box.take(i, axis=1), box.take(j, axis=1)), area.take(i), area.take(j)
    close = (shared >= 0.5 * np.minimum(i_area, j_area)).nonzero()[0]  # what all rules below ask for at least
    if not len(close):
        return none
    i, j, shared, i_area, j_area = (x.take(close) for x in (i, j, shared, i_area, j_area))
    confident = score >= confident_score
    union = i_area + j_area - shared
    weak = (shared >= least_iou * union) | (shared >= PART_SHARE * i_area)
    better = (score[j] > score[i]) | ((score[j] == score[i]) & (j < i))
    drop = np.zeros(len(score), bool)
    drop[i[(weak & ~confident[i] & confident[j]) | (better & (shared >= TWIN_IOU * union))]] = True
    part = (shared >= 0.85 * j_area) & (j_area < 0.75 * i_area) & (score[j] >= 0.5 * score[i])
    i, j = i[part], j[part]
    if len(i) > 1:
        drop |= _spanned(i, j, box, area)
    return drop.nonzero()[0]


def _spanned(i: np.ndarray, j: np.ndarray, box: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Which boxes i are filled from end to end by the boxes j in them: bool (N,)."""
    low, high = np.full_like(box[:2], np.inf), np.full_like(box[:2], -np.inf)
    for axis in (0, 1):
        np.minimum.at(low[axis], i, box[axis, j])
        np.maximum.at(high[axis], i, box[2 + axis, j])
    filled: np.ndarray = (high - low >= 0.85 * (box[2:] - box[:2])).all(axis=0)
    return filled & (np.bincount(i, area[j], len(area)) >= 0.6 * area)


def doubles(
    a_box: np.ndarray, a_label: np.ndarray, b_box: np.ndarray, b_label: np.ndarray, least_iou: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) where a is a second box of the road user in b: boxes f64 (4, A), (4, B), labels (A,), (B,)."""
    i, j = near_pairs(a_box, b_box)
    found = are_doubles(a_box[:, i], a_label[i], b_box[:, j], b_label[j], least_iou)
    return i[found], j[found]


def are_doubles(
    a_box: np.ndarray, a_label: np.ndarray, b_box: np.ndarray, b_label: np.ndarray, least_iou: float
) -> np.ndarray:
    """Whether each a is a second box of the road user in its b: boxes f64 (4, N), labels (N,) -> bool (N,).

    Two boxes of one group (car, bus and truck are one) with at least this IoU, or a inside b, or a person on a
    two-wheeler.
    """
    shared, a_area, b_area = shared_area(a_box, b_box), box_area(a_box), box_area(b_box)
    same = GROUP[a_label] == GROUP[b_label]
    same &= (shared >= least_iou * (a_area + b_area - shared)) | (shared >= PART_SHARE * a_area)
    same |= (a_label == PERSON) & (GROUP[b_label] == TWO_WHEELER) & (shared >= RIDER_SHARE * a_area)
    return same & (shared > 0)
