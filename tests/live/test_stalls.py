"""A camera that freezes or falls silent is seen from outside, with the reason."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stream.running.health_server import ADDRESS
from tests.blobs import blob_picture
from tests.live.camera import Camera, write_units
from tests.live.proxy import Proxy
from tests.live.test_run import SLOW_S, crossings, interrupt, roadtally, stored, wait

FROZEN = "FROM gaps WHERE reason = 'the picture was frozen' AND to_s IS NOT NULL"


def health(out: Path) -> tuple[int, dict]:
    """The answer of /healthz: status and body; 0 while nobody answers."""
    try:
        url = (out / ADDRESS).read_text().strip()
        with urllib.request.urlopen(f"{url}/healthz", timeout=SLOW_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return 0, {}


def stands(out: Path, status: int, state: str) -> Callable[[], bool]:
    def look() -> bool:
        code, body = health(out)
        return code == status and body["cameras"][0]["state"] == state

    return look


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    noise = np.random.default_rng(1).normal(0, 3, blob_picture(7).shape)
    picture = np.clip(blob_picture(7) + noise, 0, 255).astype(np.uint8)
    return write_units(tmp_path / "frozen", [picture] * 100)


def test_frozen_picture_is_unobserved_time_when_the_camera_repeats_itself(
    road: Camera, units: dict[str, Path], frozen: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = roadtally(road.port, out, "--set", "cameras.0.frozen_s=3")
    wait(process, lambda: crossings(out) > 0)
    wait(process, stands(out, 200, "ok"))
    road.tell(f"switch {frozen}")
    wait(process, stands(out, 503, "frozen"))
    wait(process, lambda: stored(out, "SELECT COUNT(*) FROM notes WHERE kind = 'frozen'") == [(1,)])
    road.tell(f"switch {units['h264']}")
    wait(process, stands(out, 200, "ok"))
    wait(process, lambda: bool(stored(out, f"SELECT * {FROZEN}")))
    code, text = interrupt(process)
    assert code == 130 and "the picture was frozen" in text
    assert not (out / ADDRESS).exists()
    ((from_s, to_s),) = stored(out, f"SELECT from_s, to_s {FROZEN}")
    assert to_s - from_s > 3


def test_silent_camera_is_told_when_nothing_comes(proxy: Proxy, tmp_path: Path) -> None:
    process = roadtally(proxy.port, tmp_path, "--set", "cameras.0.timeout_s=1")
    wait(process, stands(tmp_path, 200, "ok"))
    proxy.frozen = True
    wait(process, lambda: health(tmp_path)[0] == 503)
    wait(process, stands(tmp_path, 503, "away"))
    assert "the camera is away" in health(tmp_path)[1]["why"]
    proxy.frozen = False
    proxy.drop()
    wait(process, stands(tmp_path, 200, "ok"))
    code, text = interrupt(process)
    assert code == 130, text
    assert stored(tmp_path, "SELECT COUNT(*) FROM notes WHERE kind = 'stalled'")[0][0] >= 1
