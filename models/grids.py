"""The cells of the grids that a network's rows stand for. Importing this needs no torch."""

from __future__ import annotations

from functools import cache

import numpy as np


@cache
def cells(input_hw: tuple[int, int], strides: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Column and row f32 (A, 2), and stride f32 (A, 1), of every cell of an input: grid after grid in the order of the
    strides, row by row. A grid's size is rounded up."""
    places, sizes = [], []
    for stride in strides:
        rows, columns = np.mgrid[: -(-input_hw[0] // stride), : -(-input_hw[1] // stride)]
        places.append(np.stack((columns, rows), -1).reshape(-1, 2))
        sizes.append(np.full((len(places[-1]), 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(sizes).astype(np.float32)
