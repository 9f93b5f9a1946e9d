"""The code of docs/python.md runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.blobs import LINE, blob_clip

ROOT = Path(__file__).resolve().parents[2]


def test_code_of_the_page_runs_when_copied_from_it(tmp_path: Path) -> None:
    text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    by_hand, detector, reading = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    blob_clip(tmp_path / "road.mp4", frames=20)
    (tmp_path / "bright.py").write_text(detector, encoding="utf-8")
    run = ("stream.cli", "run", "road.mp4", "--inline", "--record", "none", "--weights", "bright:Bright")
    for words in (("-c", by_hand), ("-m", *run, "--line", LINE), ("-c", reading)):
        environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
        command = [sys.executable, "-W", "error", *words] if words[0] == "-c" else [sys.executable, *words]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
    assert "pts_s" in done.stdout
