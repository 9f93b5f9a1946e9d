"""Where lines are proposed, and which are warned of."""

import numpy as np
import pytest

from stream.results.suggestion import lint_line, suggest_lines
from stream.scene import Line, Scene

SCENE = Scene("cam", 640, 480)


def road(count: int, seed: int = 0, span: tuple[float, float] = (20, 620)) -> list[np.ndarray]:
    """Road users along y = 240, both ways, some pixels beside each other."""
    random = np.random.default_rng(seed)
    xs = np.linspace(*span, 40)
    paths = [np.stack([xs, 240 + random.uniform(-25, 25) + random.normal(0, 1, 40)], axis=1) for _ in range(count)]
    return [path[::-1] if k % 2 else path for k, path in enumerate(paths)]


def turned(paths: list[np.ndarray], x: float) -> list[np.ndarray]:
    """The same along another road, down the picture."""
    return [np.stack([x + path[:, 1] - 240, path[:, 0] * 0.75], axis=1) for path in paths]


def crosses(line: Line, path: np.ndarray) -> bool:
    side = (line.x2 - line.x1) * (path[:, 1] - line.y1) - (line.y2 - line.y1) * (path[:, 0] - line.x1)
    return bool(side.min() < 0 < side.max())


def test_one_line_is_proposed_across_both_directions_of_a_road() -> None:
    paths = road(20)
    (line,) = suggest_lines(paths, SCENE)
    assert line.name == "A" and abs(line.x1 - line.x2) < 15 and abs(line.y2 - line.y1) > 60
    assert all(crosses(line, path) for path in paths)


def test_a_line_is_proposed_for_every_flow() -> None:
    """Only the largest flow was seen before."""
    paths = [*road(20), *turned(road(8, 1), 120), *turned(road(8, 2), 520)]
    lines = suggest_lines(paths, SCENE)
    assert [line.name for line in lines] == ["A", "B", "C"]
    assert all(any(crosses(line, path) for line in lines) for path in paths)


def test_a_line_stands_where_tracks_are_long() -> None:
    """A line where half of the tracks are born would miss them or guess."""
    paths = [*road(10), *road(10, 3, (200, 620))]
    (line,) = suggest_lines(paths, SCENE)
    assert min(line.x1, line.x2) > 240
    assert lint_line(line, paths, SCENE) is None


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_is_proposed_for_what_hardly_moves(count: int) -> None:
    assert suggest_lines([np.array([[100.0, 100.0], [110.0, 105.0]])] * count, SCENE) == []
    assert suggest_lines([], SCENE) == []


def test_a_line_is_warned_of_when_tracks_are_born_or_die_at_it() -> None:
    line = Line("A", 200, 180, 200, 300)
    assert lint_line(line, road(20), SCENE) is None
    reason = lint_line(line, [*road(10), *road(6, 3, (190, 620))], SCENE)
    assert reason is not None and "of 16 tracks at this line 3 begin and 3 end" in reason


def test_a_line_is_not_warned_of_for_what_ends_far_beside_it() -> None:
    assert lint_line(Line("A", 200, 20, 200, 100), road(20, 0, (190, 620)), SCENE) is None


@pytest.mark.parametrize("seed", range(3))
def test_a_proposed_line_can_be_pasted_when_flows_run_along_the_border(seed: int) -> None:
    paths = [path + np.array([0, 215]) for path in road(12, seed)]
    for line in suggest_lines(paths, SCENE):
        assert min(line.x1, line.x2) >= 0 and max(line.x1, line.x2) <= 640
        assert min(line.y1, line.y2) >= 0 and max(line.y1, line.y2) <= 480
