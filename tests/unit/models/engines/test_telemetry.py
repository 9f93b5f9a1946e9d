"""Nothing of a user's work is told to anybody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# in a process of its own: OpenVINO asks once in a process whether it may send
CONVERTED = """
import openvino as ov
import torch
from openvino_telemetry.utils.sender import TelemetrySender
from models.engines.telemetry import no_telemetry

sent = []
TelemetrySender.send = lambda self, backend, message: sent.append(message)
network, picture = torch.nn.Conv2d(3, 4, 3).eval(), torch.zeros(1, 3, 32, 32)
with no_telemetry():
    ov.convert_model(network, example_input=picture)
raise SystemExit(len(sent))
"""


@pytest.mark.parametrize("ci", [None, "false"])
def test_nothing_is_sent_when_a_network_is_converted(ci: str | None) -> None:
    """OpenVINO's converter sends eleven messages, by default."""
    env = {name: value for name, value in os.environ.items() if name != "CI"} | ({"CI": ci} if ci else {})
    command = [sys.executable, "-W", "ignore", "-c", CONVERTED]
    assert subprocess.run(command, env=env, timeout=110, check=False).returncode == 0
