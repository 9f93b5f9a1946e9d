"""int8: made from pictures of a clip or folder, kept by the weights' content, and close to the whole network."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.arch import Arch
from models.contract import DetectorSpec
from models.files.weights import write_weights
from models.registry import open_detector
from models.yolox import YOLOX
from stream.errors import ModelError, SourceError


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.manual_seed(0)
    write_weights(YOLOX(Arch(width=0.125)), tmp_path / "tiny.safetensors", {})
    return tmp_path / "tiny.safetensors"


def test_error_says_how_when_int8_was_not_made(weights: Path) -> None:
    with pytest.raises(ModelError, match="not quantised on this machine") as caught:
        open_detector(DetectorSpec(str(weights), ((64, 96),), engine="openvino", precision="int8"))
    assert "roadtally models quantise" in str(caught.value)


def test_error_says_that_there_is_none_when_the_network_has_two_stages() -> None:
    """It told to quantise first, which is refused, too."""
    with pytest.raises(ModelError, match="two stages is not quantised"):
        open_detector(DetectorSpec("roadtally-faster", ((64, 96),), engine="openvino", precision="int8"))


def test_int8_finds_what_the_whole_network_finds(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nncf")
    from models import quantise

    monkeypatch.setattr(quantise, "SECONDS", 0.01)
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for k in range(3):
        cv2.imwrite(str(tmp_path / f"pictures/{k}.png"), rng.integers(0, 256, (64, 96, 3), np.uint8))
    gain = quantise.quantise(str(weights), tmp_path / "pictures", 96)
    assert gain.path.exists() and gain.path.is_relative_to(tmp_path / "cache")
    picture = rng.integers(0, 256, (1, 64, 96, 3), np.uint8)
    found = []
    for precision in ("f32", "int8"):
        spec = DetectorSpec(str(weights), ((64, 96),), engine="openvino", precision=precision, score=0.0, nms_iou=1.0)
        detector = open_detector(spec)
        found.append(detector.start(picture).result()[0])
        detector.close()
    whole, short = (np.sort(one.score)[::-1][:20] for one in found)
    assert np.abs(whole - short).max() < 0.1 * whole.max()
    assert (whole != short).any()


def test_error_when_there_are_no_pictures(weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    from models.quantise import quantise

    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no pictures here"):
        quantise(str(weights), tmp_path / "empty", 96)
