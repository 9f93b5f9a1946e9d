"""Operating points of a live camera: it is recorded first, and its password is written nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from stream.commands.app import app
from stream.errors import SourceError
from stream.tuning import record
from stream.video import probe
from tests.blobs import LINE
from tests.live.proxy import Proxy
from tests.live.test_run import SECRET
from tests.live.watch import STALL_S


def tune(port: int, out: Path, *more: str) -> str:
    options = ["--line", LINE, "--weights", "tests.blobs:BlobDetector", "--inputs", "320", "--every", "1,4"]
    source = f"rtsp://viewer:{SECRET}@127.0.0.1:{port}/road"
    result = CliRunner().invoke(app, ["tune", source, *options, "--out", str(out), *more], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("unhurried")
def test_a_camera_is_recorded_and_tuned_on_when_it_is_live(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "GONE_S", STALL_S)
    text = tune(proxy.port, tmp_path, "--seconds", "6")
    written = (tmp_path / "profile.yaml").read_text()
    assert SECRET not in text + written
    assert "rtsp://***@127.0.0.1" in yaml.safe_load(written)["measured"]["source"]
    assert yaml.safe_load(written)["detector"]["points"]
    assert 4.5 <= (probe(str(tmp_path / "recorded.mp4")).duration_s or 0.0) <= 6.0 + STALL_S


def test_an_absent_camera_is_named_without_its_password_when_it_is_tuned(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        tune(9, tmp_path, "--set", "cameras.0.wait_s=0")
    assert SECRET not in str(caught.value) and "***@127.0.0.1" in str(caught.value)
