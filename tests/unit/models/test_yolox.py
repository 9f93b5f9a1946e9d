"""The network: its shapes, its checkpoints, and its equality with the published ONNX."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.arch import SIZES, Arch
from models.files.checkpoints import COCO_ROAD_USERS, fold_norms, read_onnx, read_pth, take_classes
from models.network import Deployed, cell_grid
from models.yolox import STRIDES, YOLOX, decode
from stream.errors import ModelError

PUBLISHED = Path(__file__).resolve().parents[3] / "../shared/weights/yolox_nano.onnx"
needs_published = pytest.mark.skipif(not PUBLISHED.exists(), reason="the published checkpoint is not here")
SMALL = Arch(depth=0.33, width=0.125, depthwise=True)


@pytest.mark.parametrize("stem", ["focus", "strided"])
@pytest.mark.parametrize("depthwise", [True, False])
@pytest.mark.parametrize("hw", [(32, 64), (96, 32)])
def test_output_has_a_row_per_cell_when_input_is_a_multiple_of_32(
    stem: str, depthwise: bool, hw: tuple[int, int]
) -> None:
    network = YOLOX(Arch(width=0.125, depthwise=depthwise, stem=stem)).eval()
    with torch.no_grad():
        raw = network(torch.zeros(2, 3, *hw))
    cells = sum((hw[0] // s) * (hw[1] // s) for s in (8, 16, 32))
    assert raw.shape == (2, cells, 11)
    assert cell_grid(*hw, STRIDES)[0].shape == (cells, 2)


@pytest.mark.parametrize(("size", "millions"), [("nano", 0.91), ("tiny", 5.06), ("s", 9.0)])
def test_parameters_match_the_paper_when_size_is_published(size: str, millions: float) -> None:
    arch = SIZES[size]
    with torch.device("meta"):
        network = YOLOX(Arch(arch.depth, arch.width, arch.depthwise, classes=80))
    count = sum(p.numel() for p in network.parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.02)


def test_box_is_centred_on_its_cell_when_decoded() -> None:
    cells, strides = cell_grid(64, 64, STRIDES)
    raw = torch.zeros(1, len(cells), 4)
    raw[0, 9, :2], raw[0, 9, 2:] = 0.5, torch.tensor([2.0, 4.0]).log()
    xyxy = decode(raw, cells, strides)[0, 9]  # row 1, column 1 of the finest grid: centre 12, 12
    assert xyxy.tolist() == pytest.approx([4, -4, 20, 28])


@needs_published
def test_outputs_equal_onnx_when_published_nano_is_imported() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pictures = np.random.default_rng(0).integers(0, 256, (1, 416, 416, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(PUBLISHED), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"images": pictures.transpose(0, 3, 1, 2).astype(np.float32)})[0]
    network = read_onnx(PUBLISHED).eval()
    with torch.no_grad():
        got = Deployed(network)(torch.from_numpy(pictures)).numpy()
        ours = Deployed(take_classes(network, COCO_ROAD_USERS))(torch.from_numpy(pictures)).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-3)
    np.testing.assert_allclose(ours[..., 5:], got[..., [5 + k for k in COCO_ROAD_USERS]], atol=1e-5)


def test_network_equals_normed_convolutions_when_pth_is_folded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = YOLOX(Arch(depth=0.33, width=0.25, depthwise=True, classes=80))
    tensors, before = {}, network.state_dict()
    for name, value in before.items():  # split every folded convolution into one without bias and a norm
        stem = name.removesuffix(".conv.weight")
        if stem == name or value.ndim != 4:
            if not name.endswith(".conv.bias"):
                tensors[name] = value
            continue
        gain, mean, spread = (torch.rand(len(value)) + 0.5 for _ in range(3))
        tensors[name] = value / (gain / (spread + 1e-3).sqrt())[:, None, None, None]
        shift = before[f"{stem}.conv.bias"] + mean * gain / (spread + 1e-3).sqrt()
        norm = {"weight": gain, "bias": shift, "running_mean": mean, "running_var": spread}
        tensors |= {f"{stem}.bn.{part}": tensor for part, tensor in norm.items()}
        tensors[f"{stem}.bn.num_batches_tracked"] = torch.tensor(3)
    torch.save({"model": tensors}, tmp_path / "yolox.pth")
    read = read_pth(tmp_path / "yolox.pth")
    assert read.arch == network.arch
    for name, value in before.items():
        torch.testing.assert_close(read.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    assert set(fold_norms(tensors)) == set(before)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half a zip"])
@pytest.mark.parametrize("read", [read_pth, read_onnx])
def test_model_error_when_checkpoint_is_damaged(tmp_path: Path, content: bytes, read: object) -> None:
    path = tmp_path / "damaged.bin"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged\.bin"):
        read(path)  # type: ignore[operator]


def test_model_error_when_pth_is_another_network(tmp_path: Path) -> None:
    torch.save({"model": {"fc.weight": torch.zeros(3, 3)}}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match="tensors of a YOLOX"):
        read_pth(tmp_path / "other.pth")
