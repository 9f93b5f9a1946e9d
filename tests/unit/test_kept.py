"""What the engines keep on a user's disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.files.kept import compiled_folder, tidy


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
