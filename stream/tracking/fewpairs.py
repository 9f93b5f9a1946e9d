"""The assignment with the greatest total worth among few pairs, without SciPy.

What a picture leaves to the Hungarian algorithm is nearly always one to ten pairs. SciPy takes half a second to load,
and it would be loaded in the middle of a run.
"""

from __future__ import annotations

from functools import cache

import numpy as np

FEW = 12
"""So many pairs are searched at once; more are better left to the Hungarian algorithm."""


def best_of_few(i: np.ndarray, j: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """The pairs of the best assignment, indices into i: exact, by looking at every choice.

    i, j: int (P,), P <= FEW; worth f64 (P,) > 0. Every i and every j is used once at most.
    """
    rows: dict[int, list[tuple[int, float, int]]] = {}
    bits = {column: 1 << k for k, column in enumerate(dict.fromkeys(j.tolist()))}
    for pair, (row, column, value) in enumerate(zip(i.tolist(), j.tolist(), worth.tolist(), strict=True)):
        rows.setdefault(row, []).append((bits[column], value, pair))
    choices = list(rows.values())

    @cache
    def best(k: int, taken: int) -> tuple[float, tuple[int, ...]]:
        """Total and pairs of the rows from k on, where the columns of these bits are taken."""
        if k == len(choices):
            return 0.0, ()
        total, pairs = best(k + 1, taken)  # this row gets nothing
        for bit, value, pair in choices[k]:
            if not taken & bit:
                rest, others = best(k + 1, taken | bit)
                if value + rest > total:
                    total, pairs = value + rest, (pair, *others)
        return total, pairs

    return np.array(best(0, 0)[1], np.intp)
