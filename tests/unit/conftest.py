"""What holds for all unit tests: what a graphics card changes is tested in tests/gpu."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    if Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists():
        monkeypatch.setattr("models.engines.device.cuda_here", lambda: False)
