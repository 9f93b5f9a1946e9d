"""Which detection belongs to which track: near pairs, how alike they are, and the best assignment of all at once.

Only pairs that can touch are ever looked at, as flat index arrays (i: track, j: detection), so that the cost grows with
the number of objects and not with its square.
"""

from __future__ import annotations

import numpy as np

RIDER_SHARE = 0.35  # of a person's box that lies in the box of a two-wheeler: the person rides it
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


def near_pairs(a_box: np.ndarray, reach: np.ndarray, b_box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of boxes that may touch when a's grows by reach.

    a_box f64 (4, N) and b_box f64 (4, M) are x1, y1, x2, y2; reach f64 (N,) px.
    """
    order = b_box[0].argsort()
    left = b_box[0, order]
    low = left.searchsorted(a_box[0] - reach - (b_box[2] - b_box[0]).max(initial=0.0))
    count = left.searchsorted(a_box[2] + reach) - low
    i = np.arange(len(count)).repeat(count)
    start = low - count.cumsum() + count
    j = order[np.arange(len(i)) + start[i]]
    if len(i) > 4 * (len(count) + len(order)):  # a crowd: most of these are apart along y
        touching = ((b_box[1, j] <= a_box[3, i] + reach[i]) & (b_box[3, j] >= a_box[1, i] - reach[i])).nonzero()[0]
        i, j = i[touching], j[touching]
    return i, j


def shared_area(a_box: np.ndarray, b_box: np.ndarray) -> np.ndarray:
    """px² that box pairs (4, P) and (4, P) share -> (P,)."""
    sides = np.minimum(a_box[2:], b_box[2:]) - np.maximum(a_box[:2], b_box[:2])
    np.maximum(sides, 0, out=sides)
    return sides[0] * sides[1]


def box_area(box: np.ndarray) -> np.ndarray:
    """px² of boxes (4, N) -> (N,)."""
    return (box[2] - box[0]) * (box[3] - box[1])


def buffered_iou(a_box: np.ndarray, b_box: np.ndarray, buffer: np.ndarray, shape: float = 0.0) -> np.ndarray:
    """IoU of box pairs (4, P) and (4, P) after both grew by buffer (P,) px on every side -> (P,).

    Small or fast objects that do not overlap between two frames become comparable (Yang et al., Hard to Track Objects
    with Irregular Motions and Similar Appearances? Make It Easier by Buffering the Matching Space, WACV 2023).
    shape: what boxes of wholly different size lose; like ones (IoU 1 if their centres were the same) lose nothing.
    """
    twice = 2 * buffer
    sides = np.minimum(a_box[2:], b_box[2:]) - np.maximum(a_box[:2], b_box[:2]) + twice
    np.maximum(sides, 0, out=sides)
    a_sides, b_sides = a_box[2:] - a_box[:2] + twice, b_box[2:] - b_box[:2] + twice
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
    return _FLICKER[a_label, b_label]


def cascade(i: np.ndarray, j: np.ndarray, worth: np.ndarray, stages: tuple[np.ndarray, ...]) -> np.ndarray:
    """The pairs that are assigned when each stage (a boolean mask over the pairs) only gets what those before left."""
    taken_i, taken_j = np.zeros(i.max(initial=-1) + 1, bool), np.zeros(j.max(initial=-1) + 1, bool)
    chosen = []
    for stage in stages:
        open_pairs = (stage & ~(taken_i[i] | taken_j[j])).nonzero()[0]
        if len(open_pairs):
            won = open_pairs[assign(i[open_pairs], j[open_pairs], worth[open_pairs])]
            taken_i[i[won]] = taken_j[j[won]] = True
            chosen.append(won)
    return np.concatenate(chosen) if chosen else np.zeros(0, np.intp)


def contested(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Indices of the pairs whose track or detection stands in another pair as well."""
    return ((np.bincount(i)[i] > 1) | (np.bincount(j)[j] > 1)).nonzero()[0]


def assign(i: np.ndarray, j: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """The pairs of the assignment with the greatest total worth: indices into i.

    i, j: int (P,); worth f64 (P,) > 0. Every i and every j is used once at most. Exact: a pair worth at least as much
    as the best other pairs of its row and of its column together is in some best assignment (giving it up frees only
    those two), so such pairs are taken at once, and only the rest goes to the Hungarian algorithm.
    """
    if len(i) < 2 or (np.bincount(i).max() == 1 and np.bincount(j).max() == 1):
        return np.arange(len(i))
    best_of_i, best_of_j = np.zeros(i.max() + 1, np.intp), np.zeros(j.max() + 1, np.intp)
    order = worth.argsort(kind="stable")
    best_of_i[i[order]] = order  # the last write, the greatest worth, stays
    best_of_j[j[order]] = order
    each = np.arange(len(i))
    top_i, top_j = best_of_i[i] == each, best_of_j[j] == each
    rival_i, rival_j = np.zeros(len(best_of_i)), np.zeros(len(best_of_j))
    order_i, order_j = order[~top_i[order]], order[~top_j[order]]
    rival_i[i[order_i]] = worth[order_i]
    rival_j[j[order_j]] = worth[order_j]
    sure = top_i & top_j & (worth >= rival_i[i] + rival_j[j])
    taken_i, taken_j = np.zeros(len(best_of_i), bool), np.zeros(len(best_of_j), bool)
    taken_i[i[sure]] = taken_j[j[sure]] = True
    rest = (~(taken_i[i] | taken_j[j])).nonzero()[0]
    sure_pairs = sure.nonzero()[0]
    if not len(rest):
        return sure_pairs
    return np.concatenate([sure_pairs, rest[_hungarian(i[rest], j[rest], worth[rest])]])


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
    """Which detections of one picture say nothing of their own: box f64 (4, N), score (N,), label (N,) -> bool (N,).

    A weak one that lies on or in a confident one of its group, and one that is drawn round several others.
    """
    i, j = near_pairs(box, np.zeros(len(score)), box)
    if len(i) == len(score):  # nothing touches anything but itself
        return np.zeros(len(score), bool)
    group = GROUP[label]
    other = ((i != j) & (group[i] == group[j])).nonzero()[0]
    if not len(other):
        return np.zeros(len(score), bool)
    i, j = i[other], j[other]
    shared, area = shared_area(box[:, i], box[:, j]), box_area(box)
    close = (shared >= 0.5 * np.minimum(area[i], area[j])).nonzero()[0]  # what all rules below ask for at least
    if not len(close):
        return np.zeros(len(score), bool)
    i, j, shared = i[close], j[close], shared[close]
    confident = score >= confident_score
    weak = (shared >= least_iou * (area[i] + area[j] - shared)) | (shared >= PART_SHARE * area[i])
    drop = np.zeros(len(score), bool)
    drop[i[weak & ~confident[i] & confident[j]]] = True
    part = (shared >= 0.85 * area[j]) & (area[j] < 0.75 * area[i]) & (score[j] >= 0.5 * score[i])
    i, j = i[part], j[part]
    if len(i) > 1:
        low, high = np.full_like(box[:2], np.inf), np.full_like(box[:2], -np.inf)
        for axis in (0, 1):
            np.minimum.at(low[axis], i, box[axis, j])
            np.maximum.at(high[axis], i, box[2 + axis, j])
        spanned = (high - low >= 0.85 * (box[2:] - box[:2])).all(axis=0)
        drop |= spanned & (np.bincount(i, area[j], len(score)) >= 0.6 * area)
    return drop


def doubles(
    a_box: np.ndarray, a_label: np.ndarray, b_box: np.ndarray, b_label: np.ndarray, least_iou: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) where a is a second box of the road user in b: boxes f64 (4, A), (4, B), labels (A,), (B,)."""
    i, j = near_pairs(a_box, np.zeros(a_box.shape[1]), b_box)
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
