"""Which detection belongs to which track: near pairs, how alike they are, and the best assignment of all at once.

Only pairs that can touch are ever looked at, as flat index arrays (i: track, j: detection), so that the cost grows with
the number of objects and not with its square. Boxes are f64 (4, N), outward: how far they reach to the left, up, to the
right and down (-x1, -y1, x2, y2), so that two overlap as far as the lesser of each, and to grow is to add.
"""

from __future__ import annotations

import numpy as np

from stream.tracking.fewpairs import FEW, best_of_few

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


_NONE = np.zeros(0, np.intp)
_DENSE = 1000  # up to so many pairs, looking at each is quicker than sorting


def outward(xyxy: np.ndarray) -> np.ndarray:
    """Boxes f64 (4, N) as they reach outward."""
    return np.concatenate([-xyxy[:2], xyxy[2:]])


def shared_area(a_box: np.ndarray, b_box: np.ndarray) -> np.ndarray:
    """px² that box pairs (4, P) and (4, P) have in common -> (P,)."""
    reach = np.minimum(a_box, b_box)
    sides = reach[:2] + reach[2:]
    np.maximum(sides, 0.0, out=sides)
    return sides[0] * sides[1]


def near_pairs(a_box: np.ndarray, b_box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of boxes (4, N) and (4, M) that may touch; none is inverted. i never falls."""
    if not b_box.shape[1]:
        return _NONE, _NONE
    if a_box.shape[1] * b_box.shape[1] <= _DENSE:
        reach = np.minimum(a_box[:, :, None], b_box[:, None])
        sides = reach[:2] + reach[2:]
        return (np.minimum(sides[0], sides[1]) >= 0).nonzero()
    order, width = b_box[0].argsort(), b_box[0] + b_box[2]
    left, widest = b_box[0].take(order), width[width.argmax()]
    high = left.searchsorted(a_box[0] + widest)
    count = high - left.searchsorted(-a_box[2])
    i = np.arange(len(count)).repeat(count)
    j = order.take(np.arange(len(i)) + (high - count.cumsum()).repeat(count))
    gap = a_box[3::-2].take(i, axis=1) + b_box[1::2].take(j, axis=1)  # down of a, up of b; up of a, down of b
    touching = (np.minimum(gap[0], gap[1]) >= 0).nonzero()[0]
    return i.take(touching), j.take(touching)


def pair_areas(a_box: np.ndarray, b_box: np.ndarray, growth: np.ndarray | float = 0.0) -> np.ndarray:
    """px² of near box pairs (4, P) and (4, P): of a, of b, of what they share, and of what they would share if their
    centres were the same -> (4, P). growth (P,): how much longer the sides of both boxes become first."""
    sides = np.empty((4, 2, a_box.shape[1]))
    np.add(a_box[:2], a_box[2:], out=sides[0])
    np.add(b_box[:2], b_box[2:], out=sides[1])
    shared = np.minimum(a_box, b_box)
    np.add(shared[:2], shared[2:], out=sides[2])
    grown = sides[:3]
    grown += growth
    np.minimum(sides[0], sides[1], out=sides[3])
    areas: np.ndarray = sides[:, 0] * sides[:, 1]
    return areas


def likeness(areas: np.ndarray, shape: float, gate: float) -> np.ndarray:
    """How well pairs of pair_areas fit: their IoU, less what they differ in size, less the gate -> (P,).

    shape: what boxes of wholly different size lose; like ones (IoU 1 if their centres were the same) lose nothing.
    """
    shared = areas[2:]
    worth: np.ndarray
    worth, same_size = shared / (areas[0] + areas[1] - shared)
    same_size *= shape
    worth += same_size
    worth -= shape + gate
    return worth


def flicker_cost(a_label: np.ndarray, b_label: np.ndarray) -> np.ndarray:
    """What the change from one label to the other costs, in IoU: two index arrays (P,) -> (P,)."""
    return _FLICKER.take(a_label * len(_FLICKER) + b_label)


def cascade(i: np.ndarray, j: np.ndarray, worth: np.ndarray, stages: tuple[np.ndarray, ...]) -> np.ndarray:
    """The pairs that are assigned when each stage (a boolean mask over the pairs) only gets what those before left."""
    taken_i, taken_j = np.zeros(_room(i), bool), np.zeros(_room(j), bool)
    free, chosen = np.ones(len(i), bool), [_NONE]
    for stage in stages:
        open_pairs = (stage & free).nonzero()[0]
        if len(open_pairs):
            won = open_pairs.take(assign(i.take(open_pairs), j.take(open_pairs), worth.take(open_pairs)))
            chosen.append(won)
            taken_i[i.take(won)] = taken_j[j.take(won)] = True
            free = ~(taken_i.take(i) | taken_j.take(j))
            if not np.count_nonzero(free):
                break
    return np.concatenate(chosen)


def _room(index: np.ndarray) -> int:
    """How long an array must be that these indices point into."""
    return int(index[index.argmax()]) + 1 if len(index) else 0


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
    best_of_i, best_of_j = np.zeros(_room(i), np.intp), np.zeros(_room(j), np.intp)
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
    solve = best_of_few if len(rest) <= FEW else _hungarian
    return np.concatenate([sure_pairs, rest.take(solve(i.take(rest), j.take(rest), worth.take(rest)))])


def _hungarian(i: np.ndarray, j: np.ndarray, worth: np.ndarray) -> np.ndarray:
    from scipy.optimize import linear_sum_assignment  # slow to import, and hardly ever needed

    rows, row = np.unique(i, return_inverse=True)
    columns, column = np.unique(j, return_inverse=True)
    table = np.zeros((len(rows), len(columns)))
    which = np.zeros(table.shape, np.intp)
    table[row, column] = worth
    which[row, column] = np.arange(len(i))
    a, b = linear_sum_assignment(table, maximize=True)
    return which[a, b][table[a, b] > 0]
