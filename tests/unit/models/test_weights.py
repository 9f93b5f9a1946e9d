"""Weights files: they come back as they were written, and damage is told, never loaded."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch

from models.arch import AnyArch, Arch, FasterRcnnArch, NanoDetArch, RetinaNetArch, SsdArch
from models.families import family_name, new_network
from models.files.weights import read_metadata, read_weights, write_weights
from models.listing import list_models
from models.registry import MASKS, MODELS, find_weights
from models.yolox import YOLOX
from stream.errors import ModelError

SMALL = Arch(width=0.125)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_weights(YOLOX(SMALL), path, {"licence": "Apache-2.0"})
    return path


SLIM: dict[str, Any] = {"stem": 8, "stages": (16, 32, 64), "pyramid": 16}


@pytest.mark.parametrize(
    "arch",
    [SMALL, NanoDetArch(**SLIM), RetinaNetArch(**SLIM), SsdArch(**SLIM), FasterRcnnArch(**SLIM, hidden=8)],
    ids=family_name,
)
def test_network_comes_back_when_written_and_read(arch: AnyArch, tmp_path: Path) -> None:
    network = new_network(arch)
    write_weights(network, tmp_path / "own.safetensors", {})
    weights = read_weights(tmp_path / "own.safetensors")
    assert weights.labels == (0, 1, 2, 3, 4, 5)
    assert weights.network().arch == arch
    for name, value in weights.network().state_dict().items():
        torch.testing.assert_close(value, network.state_dict()[name].half().float())


@pytest.mark.parametrize("keep", [0, 7, 100, 5000])
def test_model_error_when_file_is_truncated(stored: Path, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(stored.read_bytes()[:keep])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        read_weights(path)


def test_model_error_when_one_byte_is_changed(stored: Path, tmp_path: Path) -> None:
    content = bytearray(stored.read_bytes())
    content[-9] ^= 0x40
    (tmp_path / "flipped.safetensors").write_bytes(bytes(content))
    with pytest.raises(ModelError, match="sha256"):
        read_weights(tmp_path / "flipped.safetensors").network()


def test_model_error_when_file_is_foreign(tmp_path: Path) -> None:
    save_torch({"weight": torch.zeros(2)}, str(tmp_path / "other.safetensors"))
    with pytest.raises(ModelError, match="expected weights of format"):
        read_weights(tmp_path / "other.safetensors")


def test_model_error_when_tensors_do_not_fit_the_architecture(stored: Path, tmp_path: Path) -> None:
    import hashlib

    tensors = {"backbone.odd": next(iter(load_file(str(stored)).values()))}
    digest = hashlib.sha256(b"backbone.odd" + tensors["backbone.odd"].tobytes()).hexdigest()
    save_file(tensors, str(tmp_path / "odd.safetensors"), read_metadata(stored) | {"sha256": digest})
    with pytest.raises(ModelError, match="do not fit"):
        read_weights(tmp_path / "odd.safetensors").network()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such-model", "no such model"),
        ("/nowhere/a.safetensors", "no such weights file"),
        ("pyproject.toml", "expected .safetensors, .onnx or .pth"),
    ],
)
def test_model_error_when_name_is_wrong(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        find_weights(name)


def test_every_family_tells_the_place_of_its_weights_when_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = {info.name: info for info in list_models()}
    absent = found["fasterrcnn_resnet50_fpn_v2"]
    assert absent.path == tmp_path / "roadtally/published/fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth"
    assert (absent.bytes, absent.kind) == (0, "two stages")
    absent.path.parent.mkdir(parents=True)
    absent.path.write_bytes(b"weights")
    (present,) = (info for info in list_models() if info.name == absent.name)
    assert present.bytes == 7


def test_the_mask_network_is_told_apart_when_listed() -> None:
    """It was not listed at all."""
    (info,) = (one for one in list_models() if one.name == MASKS)
    assert (info.kind, info.classes) == ("masks", ())
    assert 0 < info.bytes <= 12_000_000 and info.licence


def test_every_registered_model_is_small_and_whole_when_listed() -> None:
    found = [info for info in list_models() if info.name in MODELS]
    assert {info.name for info in found} == set(MODELS)
    for info in found:
        assert info.bytes <= (4_000_000 if info.name == "roadtally-nano" else 12_000_000)
        assert info.licence
        assert find_weights(info.name).network().arch.classes == len(info.classes)
