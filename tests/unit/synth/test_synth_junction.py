"""Rendered junctions: nobody drives through anybody, and the true movements are those that the traffic made."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from stream.evaluation.counts import read_truth
from stream.evaluation.movements import read_turns
from stream.synth import SynthSettings, make
from stream.synth.arms import plan_junction
from stream.synth.camera import junction_camera
from stream.synth.cast import Present
from stream.synth.ground import Ground
from stream.synth.junction_traffic import Driver, play_junction, speed_limits, turn_of
from stream.synth.settings import Where

WIDTH_M = {"bus": 2.5, "lorry": 2.4, "articulated": 2.5, "motorcycle": 0.8, "bicycle": 0.6, "pedestrian": 0.5}
PLACES: tuple[Where, ...] = ("crossroads", "t-junction")


def corners(user: Present) -> tuple[np.ndarray, np.ndarray]:
    """The rectangle (4, 2) that a road user stands on, and its two directions (2, 2)."""
    ahead = np.array(user.forward)
    aside = np.array([-ahead[1], ahead[0]])
    half = np.array([user.length_m, WIDTH_M.get(user.kind, 1.8)]) / 2
    signs = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)])
    return np.array(user.place_m) + (signs * half) @ np.stack([ahead, aside]), np.stack([ahead, aside])


def overlap(one: Present, other: Present) -> bool:
    (a, axes_a), (b, axes_b) = corners(one), corners(other)
    apart = [(a @ v).max() < (b @ v).min() + 0.05 or (b @ v).max() < (a @ v).min() + 0.05 for v in (*axes_a, *axes_b)]
    return not any(apart)


@pytest.mark.parametrize("place", PLACES)
def test_nobody_drives_through_anybody(place: Where) -> None:
    settings = SynthSettings(place=place, seed=1, duration_s=60, fps=4)
    turns, stood = set(), 0
    junction = plan_junction("crossroads" if place == "crossroads" else "t-junction", 1)
    for users in play_junction(junction, settings):
        near = [
            pair for pair in combinations(users, 2) if np.hypot(*np.subtract(pair[0].place_m, pair[1].place_m)) < 15
        ]
        both_walk = {pair for pair in near if not any(isinstance(user, Driver) for user in pair)}
        assert [(a.kind, b.kind) for a, b in near if (a, b) not in both_walk and overlap(a, b)] == []
        drivers = [user for user in users if isinstance(user, Driver)]
        turns |= {turn_of(driver.way) for driver in drivers}
        stood += sum(driver.speed < 0.1 for driver in drivers)
    assert {"right", "straight", "left"} <= turns and stood > 0


@pytest.mark.parametrize("place", PLACES)
def test_who_turns_drives_slower_than_who_goes_straight_on(place: Where) -> None:
    junction = plan_junction("crossroads" if place == "crossroads" else "t-junction", 3)
    slowest = {turn: [speed_limits(way).min() for way in junction.ways if turn_of(way) == turn]
               for turn in ("round", "right", "left", "straight")}  # fmt: skip
    assert max(slowest["round"]) < min(slowest["right"] + slowest["left"])
    assert max(slowest["right"] + slowest["left"]) < 7 < min(slowest["straight"])


def test_true_movements_are_from_a_line_to_a_line_that_was_crossed_when_read_back(tmp_path: Path) -> None:
    settings = SynthSettings(place="t-junction", seed=1, duration_s=40, fps=5, width=320, height=180)
    made = make(settings, tmp_path)
    assert made.movements is not None
    turns, crossings = read_turns(made.movements), read_truth(made.crossings)
    names = {line.name for line in made.lines}
    assert len(names) == 3 and {row.line for row in crossings} == names
    sure = [turn for turn in turns if not turn.flag]
    assert len(sure) >= 3 and {turn.label for turn in turns} != {"person"}
    for turn in sure:
        came = [row for row in crossings if (row.line, row.direction, row.frame) == (turn.origin, "in", turn.frame)]
        assert [row.label for row in came] == [turn.label] and not came[0].flag
        assert [row for row in crossings if (row.line, row.direction) == (turn.destination, "out")
                and row.label == turn.label and row.frame > turn.frame and not row.flag]  # fmt: skip
    crossed_in = [row for row in crossings if row.direction == "in" and row.label != "person" and not row.flag]
    assert {(row.line, row.frame) for row in crossed_in} <= {(turn.origin, turn.frame) for turn in turns}


def test_the_ground_has_no_seam_before_the_camera() -> None:
    """A regression: noise that repeats did not end as it begins, so a line ran up the middle of the picture."""
    ground = Ground(junction_camera((320, 180), 1), np.random.default_rng(1))
    rows = slice(90, 180)
    steps = np.abs(np.diff(ground.noise(6.0)[rows], axis=1))
    middle = int(np.flatnonzero(np.diff(np.signbit(ground.x_m[-1])))[0])
    assert steps[:, middle].mean() < 2 * np.median(steps)
