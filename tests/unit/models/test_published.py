"""torchvision's detectors as ours: the same boxes as torchvision gives, and errors that say what to do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import mobilenet_backbone
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.models.detection.rpn import AnchorGenerator

from models.contract import DetectorSpec
from models.published import FAMILIES, published_name
from models.published.detector import TorchvisionDetector
from models.published.family import Family
from models.published.name import Name
from models.published.reduced import reduce
from models.registry import open_detector
from stream.errors import ModelError
from tests.build import make_picture

SMALL = ("ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn")
HW = (192, 320)


def family(name: str) -> Family:
    return FAMILIES[name].family()


def spec(model: str = "", **values: object) -> DetectorSpec:
    return DetectorSpec(model, (HW,), score=0.05, max_batch=2, **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tensors() -> dict[str, dict[str, torch.Tensor]]:
    """Random weights of the small families, for our six classes."""
    torch.manual_seed(3)
    return {name: family(name).new(7, 0.05, 0.6, 0).state_dict() for name in SMALL}


def pictures() -> np.ndarray:
    return np.stack([make_picture(HW[1], HW[0], k) for k in (0, 9)])


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_the_head_and_knobs_that_it_says_when_it_is_built(name: str) -> None:
    with torch.device("meta"):
        network = family(name).new(7, 0.3, 0.5, 40 if family(name).proposals else 0)
    assert len(network.state_dict()[family(name).head]) == 7 * family(name).rows_per_class
    assert family(name).name == name
    assert family(name).weights.url.endswith(f"/{FAMILIES[name].file}")
    assert bool(family(name).proposals) == FAMILIES[name].kind.startswith("two stages")
    roi = getattr(network, "roi_heads", network)
    assert (roi.score_thresh, roi.nms_thresh) == (0.3, 0.5)
    if family(name).proposals:
        assert network.rpn.post_nms_top_n() == 40  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("name", SMALL)
def test_boxes_are_torchvisions_when_a_picture_is_looked_at(
    name: str, tensors: dict[str, dict[str, torch.Tensor]]
) -> None:
    detector = TorchvisionDetector(family(name), Name(name), tensors[name], spec())
    found = detector.start(pictures()).result()
    plain = family(name).new(7, 0.05, 0.6, 0)
    plain.load_state_dict(tensors[name])
    if family(name).fixed_hw is None:
        plain.transform.min_size, plain.transform.max_size = (HW[0],), HW[1]  # type: ignore[union-attr]
    for picture, ours in zip(pictures(), found, strict=True):
        rgb = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            (theirs,) = plain([rgb])
        kept = theirs["scores"].numpy() >= 0.05
        assert len(ours) == kept.sum() > 0
        # The only difference: where a family has a fixed size, ours is scaled with a filter, theirs without.
        if family(name).fixed_hw is None:
            assert np.allclose(ours.xyxy, theirs["boxes"].numpy()[kept], atol=0.01)
            assert (ours.label == theirs["labels"].numpy()[kept] - 1).all()
        assert ours.xyxy.max() <= max(HW) and set(ours.label) <= set(range(6))


@pytest.mark.parametrize("name", SMALL)
def test_batch_equals_single_pictures_when_looked_at_together(
    name: str, tensors: dict[str, dict[str, torch.Tensor]]
) -> None:
    detector = TorchvisionDetector(family(name), Name(name), tensors[name], spec())
    together = detector.start(pictures()).result()
    for picture, both in zip(pictures(), together, strict=True):
        (alone,) = detector.start(picture[None]).result()
        assert len(alone) == len(both)
        assert np.allclose(alone.xyxy, both.xyxy, atol=0.05) and np.allclose(alone.score, both.score, atol=1e-3)


@pytest.mark.parametrize("name", SMALL)
def test_boxes_are_not_rounded_when_the_network_computes_in_fewer_bits(
    name: str, tensors: dict[str, dict[str, torch.Tensor]]
) -> None:
    """Anchors and boxes were in bf16, too: places from 128 px on were whole or even numbers."""
    detector = TorchvisionDetector(family(name), Name(name), tensors[name], spec(precision="bf16"))
    far = np.concatenate([found.xyxy for found in detector.start(pictures()).result()])
    far = far[(far > 128) & (far < 191)]
    assert len(far) > 20 and (far == far.round()).mean() < 0.5


@pytest.mark.parametrize("name", FAMILIES)
def test_parts_of_every_family_compute_in_fewer_bits_when_told_to(name: str) -> None:
    with torch.device("meta"):
        network = family(name).new(7, 0.3, 0.5, 0)
    reduce(network, torch.float16)
    heavy = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)]
    assert heavy and all(layer.weight.dtype is torch.float16 for layer in heavy)


def test_fewer_proposals_are_looked_at_when_the_name_says_so(tensors: dict[str, dict[str, torch.Tensor]]) -> None:
    found = []
    for proposals in (0, 1):
        name = Name(SMALL[1], proposals=proposals)
        detector = TorchvisionDetector(family(SMALL[1]), name, tensors[SMALL[1]], spec())
        found.append(len(detector.start(pictures()[:1]).result()[0]))
    assert found[1] < found[0]


def test_checkpoint_is_opened_by_the_registry_when_its_family_is_named(
    tmp_path: Path, tensors: dict[str, dict[str, torch.Tensor]]
) -> None:
    path = tmp_path / "mine.pth"
    torch.save({"model": tensors[SMALL[0]]}, path)
    detector = open_detector(spec(f"{SMALL[0]}:{path}", engine="torch"))
    assert "mine" in detector.describe and "torch" in detector.describe
    with pytest.raises(ModelError, match="expected u8"):
        detector.start(np.zeros((1, 64, 64, 3), np.uint8))
    detector.close()


def checkpoint(folder: Path, kind: str, tensors: dict[str, dict[str, torch.Tensor]]) -> str:
    path = folder / "bad.pth"
    small = tensors[SMALL[0]]
    if kind == "truncated":
        torch.save(small, path)
        path.write_bytes(path.read_bytes()[:10_000])
    elif kind == "code":
        torch.save({"run": Path.unlink}, path)
    elif kind == "numbers":
        torch.save([1, 2], path)
    elif kind == "other network":
        torch.save(tensors[SMALL[1]], path)
    elif kind == "classes":
        torch.save(small | {family(SMALL[0]).head: torch.zeros(18)}, path)
    elif kind == "shape":
        torch.save(small | {"head.regression_head.module_list.5.1.bias": torch.zeros(3)}, path)
    return f"{SMALL[0]}:{path}"


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("absent", "no such checkpoint"),
        ("truncated", "not a whole checkpoint"),
        ("code", "not a whole checkpoint"),
        ("numbers", "expected tensors by name"),
        ("other network", "checkpoint of another network"),
        ("classes", "got 3"),
        ("shape", "do not fit"),
    ],
)
def test_error_names_the_file_when_a_checkpoint_is_not_usable(
    kind: str, says: str, tmp_path: Path, tensors: dict[str, dict[str, torch.Tensor]]
) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        open_detector(spec(checkpoint(tmp_path, kind, tensors), engine="torch"))
    assert "bad.pth" in str(caught.value)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (f"{SMALL[0]}?proposals=0", "proposals=1 or more"),
        (f"{SMALL[0]}?size=3", "proposals=1 or more"),
    ],
)
def test_knob_is_refused_when_there_is_none_of_it(model: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        published_name(model)


def test_proposals_are_refused_when_the_family_has_one_stage() -> None:
    with pytest.raises(ModelError, match="no two-stage network"):
        open_detector(spec(f"{SMALL[0]}?proposals=9"))


@pytest.mark.parametrize("knob", [{"precision": "int8"}, {"precision": "fp16"}])
def test_precision_is_refused_when_it_does_not_run(
    knob: dict[str, str], tensors: dict[str, dict[str, torch.Tensor]]
) -> None:
    with pytest.raises(ModelError, match=r"torch"):
        TorchvisionDetector(family(SMALL[0]), Name(SMALL[0]), tensors[SMALL[0]], spec(**knob))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), "not enough GPU memory for 2 pictures of 192x320"),
        (RuntimeError("CUDA error: unspecified launch failure"), "torch failed during a pass .CUDA error"),
    ],
)
def test_model_error_when_the_device_fails_in_a_pass(
    tensors: dict[str, dict[str, torch.Tensor]], monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    def fails(*args: object) -> None:
        raise error

    detector = TorchvisionDetector(family(SMALL[0]), Name(SMALL[0]), tensors[SMALL[0]], spec())
    monkeypatch.setattr("torchvision.models.detection.ssd.SSD.forward", fails)
    with pytest.raises(ModelError, match=says):
        detector.start(pictures())


def test_error_says_which_file_to_place_where_when_there_is_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise URLError("Network is unreachable")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(ModelError, match="Network is unreachable") as caught:
        open_detector(spec(SMALL[0]))
    assert f"place ssdlite320_mobilenet_v3_large_coco-a79551df.pth into {tmp_path}" in str(caught.value)


def test_damaged_download_is_told_when_its_hash_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "roadtally/published/ssdlite320_mobilenet_v3_large_coco-a79551df.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half of it")
    with pytest.raises(ModelError, match="a79551df"):
        open_detector(spec(SMALL[0]))


def slim_mask_rcnn(num_classes: int, weights: None, weights_backbone: None, **knobs: float) -> torch.nn.Module:
    """Mask R-CNN on a backbone that a test can afford."""
    backbone = mobilenet_backbone(backbone_name="mobilenet_v3_small", weights=None, fpn=True)
    anchors = AnchorGenerator(((32, 64, 128),) * 3, ((0.5, 1.0, 2.0),) * 3)
    return MaskRCNN(backbone, num_classes, rpn_anchor_generator=anchors, **knobs)


def test_masks_are_torchvisions_when_they_are_pasted() -> None:
    torch.manual_seed(5)
    slim = dataclasses.replace(family("maskrcnn_resnet50_fpn_v2"), build=slim_mask_rcnn)
    plain = slim.new(7, 0.05, 0.6, 0)
    detector = TorchvisionDetector(slim, Name("slim"), plain.state_dict(), spec())
    (found,) = detector.start(pictures()[:1]).result()
    plain.transform.min_size, plain.transform.max_size = (HW[0],), HW[1]  # type: ignore[union-attr]
    with torch.inference_mode():
        (theirs,) = plain([torch.from_numpy(pictures()[0, ..., ::-1].copy()).permute(2, 0, 1).float() / 255])
    assert found.masks is not None and len(found) > 0
    shares = torch.from_numpy(found.masks)[:, None].float() / 255
    pasted = paste_masks_in_image(shares, torch.from_numpy(found.xyxy), HW)
    assert torch.allclose(pasted, theirs["masks"][: len(found)], atol=0.01)
