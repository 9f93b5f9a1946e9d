"""What only a graphics card can show. These tests run where torch computes on one, and are skipped elsewhere.

pytest tests/gpu                                # with a card
ROADTALLY_GPU_TESTS=cpu pytest tests/gpu        # the same on the CPU, to see that the tests themselves are sound
"""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from models.engines.device import cuda_here
from stream.commands.app import app

HW = (256, 416)


@pytest.fixture(scope="session", autouse=True)
def card() -> None:
    if os.environ.get("ROADTALLY_GPU_TESTS") != "cpu" and not cuda_here():
        pytest.skip("torch computes on no graphics card here")


@pytest.fixture(scope="session")
def clip(card: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of synthetic traffic."""
    out = tmp_path_factory.mktemp("synth")
    done = CliRunner().invoke(app, ["synth", "--out", str(out), "--duration", "6", "--size", f"{HW[1]}x{HW[0]}"])
    assert done.exit_code == 0, done.output
    return next(out.glob("*.mp4"))


@pytest.fixture(scope="session")
def pictures(clip: Path) -> np.ndarray:
    """u8 (8, 256, 416, 3) BGR, spread over the clip."""
    with av.open(str(clip)) as container:
        found = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return np.stack(found[5 :: len(found) // 8][:8])
