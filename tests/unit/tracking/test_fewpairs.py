"""Few pairs are assigned as the Hungarian algorithm would."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from stream.tracking.fewpairs import FEW, best_of_few

pairs = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 5)), st.floats(0.01, 1.0), min_size=1, max_size=FEW)


def columns_of(worths: dict[tuple[int, int], float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    i, j = np.array(list(worths)).T
    return i, j, np.array(list(worths.values()))


@given(pairs)
def test_total_is_that_of_the_hungarian_algorithm_when_pairs_are_few(worths: dict[tuple[int, int], float]) -> None:
    i, j, worth = columns_of(worths)
    chosen = best_of_few(i, j, worth)
    table = np.zeros((5, 6))
    table[i, j] = worth
    assert worth[chosen].sum() == pytest.approx(table[linear_sum_assignment(table, maximize=True)].sum())
    assert len(set(i[chosen])) == len(set(j[chosen])) == len(chosen)


def test_the_better_sum_wins_when_the_best_pair_stands_in_its_way() -> None:
    i, j, worth = columns_of({(0, 0): 0.9, (0, 1): 0.8, (1, 0): 0.7})
    assert sorted(best_of_few(i, j, worth).tolist()) == [1, 2]


def test_scipy_is_not_loaded_when_two_tracks_compete() -> None:
    """It was loaded in the middle of nearly every run, and held the recorder up for half a second."""
    code = (
        "import sys, numpy as np; from stream.tracking.association import assign;"
        "won = assign(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([0.9, 0.8, 0.7, 0.1]));"
        "assert sorted(won.tolist()) == [1, 2], won; assert not any(m.startswith('scipy') for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
