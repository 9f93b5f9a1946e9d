"""The profile: a YAML file with every point that was measured, and the front in the form that a run loads."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from stream.tuning.measure import DOUBT, Measured, front_of
from stream.whole import whole_file

HEAD = """\
# Operating points measured by `roadtally tune` on {machine}, {day}.
# roadtally run rtsp://... --profile {name} --set cameras.0.budget.latency_p95_ms=150
# or copy `detector` into a configuration. `ms`: that a look keeps the device busy beside the other stages; `error`:
# missed and extra crossings as a share of {truth},
# and up to {doubt:.0%} more for boxes that fit worse.
"""


def chosen(measured: Sequence[Measured]) -> list[Measured]:
    """The front that a run moves along. The motion gate stays, where it loses no crossing: what it spares is the
    largest saving of all, and boxes of a road where nothing moves fit as they are."""
    gated = [one for one in measured if one.gate]
    least = min(one.error for one in gated)
    return front_of(gated + [one for one in measured if not one.gate and one.error < least])


def write_profile(path: Path, measured: Sequence[Measured], source: str, *, has_truth: bool) -> Path:
    """Raises OutputError."""
    points = chosen(measured)
    best = points[0].network
    document = {
        "detector": {
            "model": best.model,
            "precision": best.precision,
            "input": max(one.network.input for one in points),
            "points": [_point(one, one.expected_error) for one in points],
        },
        "measured": {"source": source, "points": [_row(one) for one in measured]},
    }
    truth = "the true ones" if has_truth else "those of the most accurate point (no truth was given)"
    head = HEAD.format(
        machine=platform.node() or "this machine", day=time.strftime("%Y-%m-%d"), name=path, truth=truth, doubt=DOUBT
    )
    with whole_file(path) as unfinished:
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(head + yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=120))
    return path


def _point(one: Measured, error: float) -> dict[str, Any]:
    """An entry of the configuration's `detector.points`."""
    network = one.network
    kind = {"model": network.model, "precision": network.precision, "input": network.input, "region": network.region}
    return kind | {"every": one.every, "gate": one.gate, "ms": round(network.running_ms, 2), "error": round(error, 4)}


def _row(one: Measured) -> dict[str, Any]:
    network = one.network
    return {
        **_point(one, one.error),
        "looks": round(one.looks, 3),
        "ms_alone": round(network.ms, 2),
        "latency_ms": round(network.latency_ms, 2),
        "memory_mb": round(network.memory_mb),
        "missed": one.missed,
        "extra": one.extra,
        "ap": None if one.ap is None else round(one.ap, 3),
    }
