"""What the engines keep on a user's disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from models.contract import DetectorSpec
from models.files.kept import compiled_folder, takes_files, tidy
from models.registry import open_detector


def test_oldest_go_when_more_is_kept_than_allowed(tmp_path: Path) -> None:
    for age_s in range(5):
        path = tmp_path / f"{age_s}.blob"
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age_s, 1e9 - age_s))
    os.utime(tmp_path / "4.blob", (1e9 + 1, 1e9 - 4))  # written first, read last
    tidy(tmp_path, 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.blob", "4.blob"]


def test_nothing_is_made_when_nothing_was_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled_folder() == tmp_path / "roadtally" / "compiled" and not compiled_folder().exists()


@pytest.mark.parametrize("kind", ["below a file", "no home"])
def test_nothing_is_kept_when_there_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A run as a user without a home, or with one that is read-only, ended with words about the network's size."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file") if kind == "below a file" else "")
    if kind == "no home":
        monkeypatch.setenv("HOME", "")
        monkeypatch.setattr(Path, "home", _homeless)
    assert not takes_files(compiled_folder())
    detector = open_detector(DetectorSpec("roadtally-nano", ((32, 32),), engine="openvino", threads=1))
    assert len(detector.start(np.zeros((1, 32, 32, 3), np.uint8)).result()) == 1
    detector.close()


def _homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")
