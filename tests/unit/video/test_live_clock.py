"""The time of a live camera, with given stamps and given times of arrival."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.video.backoff import BackOff
from stream.video.live_clock import DayClock, LiveClock

FRAME_S = 0.04


def stamps(raw_s: list[float | None], arrived_s: list[float]) -> list[float]:
    clock = LiveClock(25)
    return [clock.stamp(raw, arrived) for raw, arrived in zip(raw_s, arrived_s, strict=True)]


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.floats(-1e6, 1e6)), st.floats(0, 10), st.booleans()), min_size=2, max_size=60
    )
)
def test_time_never_runs_back_whatever_comes(pictures: list[tuple[float | None, float, bool]]) -> None:
    clock, arrived_s, times_s = LiveClock(25), 0.0, []
    for raw_s, later_s, new_connection in pictures:
        arrived_s += later_s
        if new_connection:
            clock.restart()
        times_s.append(clock.stamp(raw_s, arrived_s))
    assert all(before < after for before, after in pairwise(times_s))


def test_distances_are_those_of_the_stamps_when_arrival_jitters() -> None:
    chance = Random(1)
    raw_s = [1000 + FRAME_S * k for k in range(500)]
    times_s = stamps(list(raw_s), [5 + FRAME_S * k + chance.uniform(0, 0.2) for k in range(500)])
    assert [b - a for a, b in pairwise(times_s)] == pytest.approx([FRAME_S] * 499, abs=FRAME_S * 0.006)


def test_drift_is_followed_when_the_clock_of_the_camera_is_slow() -> None:
    """A crystal that is off by a hundred parts in a million gains nine seconds a day."""
    hours, slow = 5, 1 - 1e-4
    arrived_s = [float(k) for k in range(hours * 3600)]
    times_s = stamps([slow * at_s for at_s in arrived_s], arrived_s)
    assert times_s[-1] == pytest.approx(arrived_s[-1], abs=0.2)


def test_burst_leaves_the_time_straight_when_the_network_held_up() -> None:
    raw_s = [FRAME_S * k for k in range(300)]
    arrived_s = [raw if not 4 < raw < 8 else 8.0 for raw in raw_s]
    assert stamps(list(raw_s), arrived_s) == pytest.approx(raw_s, abs=0.01)


@pytest.mark.parametrize("jump_s", [-1e6, -1.5, 2.5, 95443.7])
def test_time_goes_on_when_the_clock_of_the_camera_jumps(jump_s: float) -> None:
    """95443.7 s is the wrap of MPEG-TS, upside down."""
    arrived_s = [FRAME_S * k for k in range(200)]
    times_s = stamps([at_s + (jump_s if at_s > 4 else 0) for at_s in arrived_s], arrived_s)
    assert times_s == pytest.approx(arrived_s, abs=FRAME_S)


def test_missing_stamps_are_filled_when_some_come_without() -> None:
    raw_s: list[float | None] = [7 + FRAME_S * k for k in range(20)]
    raw_s[5] = raw_s[6] = raw_s[13] = None
    assert stamps(raw_s, [FRAME_S * k for k in range(20)]) == pytest.approx([FRAME_S * k for k in range(20)], abs=1e-3)


def test_time_spans_the_outage_when_the_camera_starts_anew() -> None:
    clock = LiveClock(25)
    clock.stamp(500.0, 1.0)
    clock.restart()
    assert clock.stamp(0.0, 31.0) == pytest.approx(31.0)


def test_day_is_told_anew_only_when_it_changes() -> None:
    day = DayClock()
    assert day.look(0.0, None, 1000.0) and day.source == "arrival"
    assert not day.look(1.0, None, 1000.02)
    assert [day.look(2.0 + k, 1003.5 + k, 1000.0) for k in range(3)] == [False, False, True]
    assert day.source == "rtcp" and day.utc_s(5.0) == pytest.approx(1006.5)
    assert not day.look(5.0, None, 1000.0), "between two reports the camera's time holds"
    assert not day.look(6.0, 1007.52, 1000.0)
    assert [day.look(7.0 + k, 1020.0 + k, 1000.0) for k in range(3)] == [False, False, True], "its clock was set"
    day.restart()
    assert day.look(6.0, None, 1000.0) and day.source == "arrival"


def test_time_of_day_stays_when_a_single_report_is_damaged() -> None:
    day = DayClock()
    for k in range(20):
        day.look(float(k), 5000.0 + k + (15.3 if k in (7, 12) else 0), 1000.0)
        if k >= 3:
            assert day.utc_s(float(k)) == pytest.approx(5000.0 + k)


@pytest.mark.parametrize(("away_s", "expected_s"), [(0, 0.25), (1, 0.25), (10, 1.0), (120, 12.0), (86400, 30.0)])
def test_wait_is_a_tenth_of_the_outage_when_a_camera_is_tried_again(away_s: float, expected_s: float) -> None:
    back_off = BackOff(100.0, Random(3))
    delays_s = [back_off.lose(100.0 + away_s) for _ in range(200)]
    assert expected_s * 0.75 <= min(delays_s) < expected_s < max(delays_s) <= expected_s * 1.25


@pytest.mark.parametrize(
    ("shown_s", "away_s", "times", "expected_s"),
    [
        (0.0, 1.0, 60, 6.0),  # gives one picture at each try
        (0.0, 5.0, 200, 30.0),
        (1.5, 8.0, 100, 0.8),  # was once asked less and less: it never held for two seconds
        (0.5, 4.0, 100, 0.4),
        (60.0, 60.0, 3, 6.0),
    ],
)
def test_wait_adds_up_when_a_camera_shows_next_to_nothing_in_between(
    shown_s: float, away_s: float, times: int, expected_s: float
) -> None:
    back_off, now_s, delay_s = BackOff(0.0, Random(3)), 0.0, 0.0
    for _ in range(times):
        back_off.see(now_s)
        back_off.see(now_s + shown_s)
        delay_s = back_off.lose(now_s + shown_s + away_s)
        now_s += shown_s + away_s
    assert expected_s * 0.7 <= delay_s <= expected_s * 1.3
