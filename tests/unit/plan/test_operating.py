"""Which operating points a run moves between."""

from __future__ import annotations

from typing import Any

import pytest

from stream.budget.looks import Look, OperatingPoint
from stream.config.file import parse
from stream.plan.operating import points_of, priced


def points(budget: bool = True, **detector: Any) -> tuple[OperatingPoint, ...]:
    camera = {"source": "rtsp://camera/road"} | ({"budget": {"latency_p95_ms": 150}} if budget else {})
    return points_of(parse({"cameras": [camera], "detector": detector}, "test"), 25.0)


def test_there_is_one_point_when_no_camera_has_a_budget() -> None:
    assert points(budget=False)[0].look == Look(416) and len(points(budget=False)) == 1


@pytest.mark.parametrize(
    ("model", "lighter"),
    [
        ("roadtally-faster", {"roadtally-small", "roadtally-nano"}),
        ("roadtally-retinanet", {"roadtally-nano"}),
        ("roadtally-small", {"roadtally-nano"}),
        ("roadtally-nano", set()),
    ],
)
def test_the_most_accurate_comes_first_and_much_can_be_spared_when_nothing_was_measured(
    model: str, lighter: set[str]
) -> None:
    typical = points(model=model)
    assert typical[0].look == Look(416) and typical[0].every == 1
    costs, errors = [p.cost_ms for p in typical], [p.error for p in typical]
    assert costs == sorted(costs, reverse=True) and errors == sorted(errors)
    assert costs[0] / costs[-1] > 25
    assert {p.look.model for p in typical} == {"", *lighter}


def test_a_profile_is_taken_at_its_word_when_there_is_one() -> None:
    profile = [
        {"model": "roadtally-small", "precision": "bf16", "input": 416, "ms": 20, "error": 0.01, "gate": False},
        {
            "model": "roadtally-nano",
            "precision": "int8",
            "input": 320,
            "region": "lines",
            "every": 2,
            "ms": 4,
            "error": 0.1,
        },
    ]
    first, second = points(model="roadtally-small", precision="bf16", points=profile)
    assert first == OperatingPoint(Look(416), 1, 20.0, 0.01, gate=False)
    assert second == OperatingPoint(Look(320, "lines", "roadtally-nano", "int8"), 2, 4.0, 0.1)
    assert (first.name, second.name) == ("416, no gate", "roadtally-nano int8 320 at lines, every 2")


def test_a_part_that_is_the_whole_costs_as_much_when_lines_reach_across() -> None:
    """It was believed to cost 0.6 of the whole, so a slow device was asked for too many looks."""
    config = parse({"cameras": [{"source": "rtsp://camera/road", "budget": {"latency_p95_ms": 150}}]}, "test")
    typical = points_of(config, 25.0)
    part, whole = Look(416, "lines"), Look(416)
    assert part in {point.look for point in typical}
    shares = {point.look: (point.look.input / 416) ** 2 for point in typical}
    after = priced(config.detector, typical, shares)
    cost = {point.look: point.ms / after[0].ms for point in after}
    assert after[0].look == whole and cost[part] == 1.0
    assert cost[Look(256, "lines", "roadtally-nano")] == pytest.approx(0.4 * (256 / 416) ** 2)


def test_points_of_a_profile_cost_what_was_measured_when_a_run_is_planned() -> None:
    profile = [{"input": 416, "ms": 20, "error": 0.01}, {"input": 320, "ms": 9, "error": 0.02}]
    camera = {"source": "rtsp://camera/road", "budget": {"latency_p95_ms": 150}}
    config = parse({"cameras": [camera], "detector": {"points": profile}}, "test")
    points = points_of(config, 25.0)
    assert priced(config.detector, points, dict.fromkeys((point.look for point in points), 1.0)) == points
