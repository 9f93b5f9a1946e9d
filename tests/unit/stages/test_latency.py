"""Delays in a histogram: percentiles as right as it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.stages.latency import Latency


@given(st.lists(st.floats(1e-3, 100), min_size=1, max_size=200), st.sampled_from([50.0, 95.0, 100.0]))
def test_percentile_is_right_to_two_percent_whatever_was_added(delays_s: list[float], percent: float) -> None:
    latency = Latency()
    for delay_s in delays_s:
        latency.add(delay_s)
    expected_s = float(np.percentile(delays_s, percent, method="inverted_cdf"))
    assert latency.percentile_s(percent) == pytest.approx(expected_s, rel=0.021)
    assert latency.most_s == max(delays_s)


def test_there_are_no_figures_when_nothing_was_added() -> None:
    assert Latency().figures() == {}


def test_delays_outside_count_when_they_are_impossible() -> None:
    latency = Latency()
    for delay_s in (0.0, -1.0, 1e9):
        latency.add(delay_s)
    assert latency.percentile_s(50) < 1e-3 and latency.most_s == 1e9
