"""The profile: a YAML file with every point that was measured, and the front in the form that a run loads."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from stream.errors import OutputError
from stream.tuning.measure import DOUBT, Measured, front

HEAD = """\
# Operating points measured by `roadtally tune` on {machine}, {day}.
# roadtally run rtsp://... --profile {name} --set cameras.0.budget.latency_p95_ms=150
# or copy `detector` into a configuration. `ms`: that a look keeps the device busy beside the other stages; `error`:
# missed and extra crossings as a share of {truth},
# and up to {doubt:.0%} more for boxes that fit worse.
"""


def chosen(measured: Sequence[Measured]) -> list[Measured]:
    """The front that a run moves along: one network's at several sizes, as a live camera runs it, with the gate."""
    gated = [one for one in measured if one.gate]
    best = min(gated, key=lambda one: (one.expected_error, one.cost_ms)).network
    return front([one for one in gated if (one.network.model, one.network.precision) == (best.model, best.precision)])


def write_profile(path: Path, measured: Sequence[Measured], source: str, *, has_truth: bool) -> Path:
    """Raises OutputError."""
    points = chosen(measured)
    network = points[0].network
    document = {
        "detector": {
            "model": network.model,
            "precision": network.precision,
            "input": max(one.network.input for one in points),
            "points": [
                _rounded(one.network.input, one.every, one.network.running_ms, one.expected_error) for one in points
            ],
        },
        "measured": {"source": source, "points": [_row(one) for one in measured]},
    }
    truth = "the true ones" if has_truth else "those of the most accurate point (no truth was given)"
    head = HEAD.format(
        machine=platform.node() or "this machine", day=time.strftime("%Y-%m-%d"), name=path, truth=truth, doubt=DOUBT
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=120))
    except OSError as error:
        raise OutputError(str(path), f"cannot be written: {error.strerror}", "choose another folder: --out") from error
    return path


def _rounded(input_: int, every: int, ms: float, error: float) -> dict[str, Any]:
    return {"input": input_, "every": every, "ms": round(ms, 2), "error": round(error, 4)}


def _row(one: Measured) -> dict[str, Any]:
    network = one.network
    return {
        "network": network.name,
        **_rounded(network.input, one.every, network.running_ms, one.error),
        "gate": one.gate,
        "looks": round(one.looks, 3),
        "ms_alone": round(network.ms, 2),
        "latency_ms": round(network.latency_ms, 2),
        "memory_mb": round(network.memory_mb),
        "missed": one.missed,
        "extra": one.extra,
        "ap": None if one.ap is None else round(one.ap, 3),
    }
