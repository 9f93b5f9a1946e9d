"""A live camera on a machine that is too slow for it, with a budget: from the command line to the store."""

from __future__ import annotations

import json
from pathlib import Path

from tests.live.proxy import Proxy
from tests.live.test_run import interrupt, roadtally, stored, wait

MOVES = "SELECT text FROM notes WHERE kind = 'budget'"


def test_fewer_pictures_are_looked_at_when_the_detector_is_too_slow_for_the_budget(
    proxy: Proxy, tmp_path: Path
) -> None:
    slow = ("--weights", "tests.blobs:SlowBlobDetector", "--no-video", "--set", "detector.gate=off")
    process = roadtally(proxy.port, tmp_path, *slow, "--set", "cameras.0.budget.latency_p95_ms=200")
    wait(process, lambda: bool(stored(tmp_path, MOVES)))
    before = stored(tmp_path, "SELECT COUNT(*) FROM crossings")[0][0]
    wait(process, lambda: stored(tmp_path, "SELECT COUNT(*) FROM crossings")[0][0] > before + 2)
    code, text = interrupt(process)
    assert code == 130, text
    move = stored(tmp_path, MOVES)[0][0]
    assert " -> " in move and "load" in move
    metrics = json.loads((tmp_path / "run.json").read_text())["metrics"]
    points = [key for key, value in metrics.items() if key.startswith("roadtally_operating_point") and value]
    assert len(points) == 1 and 'point="416"' not in points[0]
    ((decoded, detected, predicted, lost),) = stored(
        tmp_path, "SELECT decoded, detected, predicted, in_flight FROM ledger"
    )
    assert predicted > 0 and detected < decoded and lost == 0
