"""Networks of torchvision's kind on OpenVINO: the same boxes as torch finds, whatever the kind."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.fcos import FCOS
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.models.detection.ssd import SSD
from torchvision.ops import MultiScaleRoIAlign

from models.contract import DetectorSpec
from models.engines.traced import graphs
from models.engines.traced.detector import TracedDetector
from models.engines.traced.graphs import Traceable
from stream.errors import ModelError
from stream.geometry import iou
from stream.messages import Detections

HW = (96, 160)
COLUMNS = (1, 2, 3, 4, 5, 6)
SCORE, NMS = 0.16, 0.5


class Levels(nn.Module):
    """A backbone of two levels, strides 8 and 16."""

    def __init__(self, out_channels: int | list[int] = 32) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.stem, self.next = nn.Conv2d(3, 32, 8, 8), nn.Conv2d(32, 32, 3, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        fine = self.stem(x).tanh()
        return {"0": fine, "1": self.next(fine).tanh()}


class Plain(nn.Module):
    """Pictures as they are: what stands for torchvision's resizing."""

    def forward(self, pictures: Tensor, targets: None = None) -> tuple[ImageList, None]:
        return ImageList(pictures * 4 - 2, [tuple(pictures.shape[2:])] * len(pictures)), targets

    def postprocess(self, found: Any, seen: Any, given: Any) -> Any:
        return found


ONE = {"num_classes": 7, "score_thresh": SCORE, "nms_thresh": NMS, "detections_per_img": 300}


def anchors() -> AnchorGenerator:
    return AnchorGenerator(((16, 32), (32, 48)), ((0.7, 1.4),) * 2)


def two_stages(kind: Callable[..., Any], **more: Any) -> Any:
    return kind(
        Levels(),
        num_classes=7,
        rpn_anchor_generator=anchors(),
        box_roi_pool=MultiScaleRoIAlign(["0", "1"], 5, 2, canonical_scale=32),
        box_score_thresh=SCORE,
        box_nms_thresh=NMS,
        rpn_post_nms_top_n_test=60,
        rpn_pre_nms_top_n_test=200,
        **more,
    )


KINDS: dict[str, Callable[[], Any]] = {
    "ssd": lambda: SSD(Levels([32, 32]), DefaultBoxGenerator([[1.5], [2.0]], scales=[0.1, 0.2, 0.4]), HW[::-1], **ONE),
    "retinanet": lambda: RetinaNet(Levels(), anchor_generator=anchors(), **ONE),
    "fcos": lambda: FCOS(Levels(), anchor_generator=AnchorGenerator(((8,), (16,)), ((1.0,),) * 2), **ONE),
    "faster rcnn": lambda: two_stages(FasterRCNN),
    "mask rcnn": lambda: two_stages(MaskRCNN, mask_roi_pool=MultiScaleRoIAlign(["0", "1"], 14, 2, canonical_scale=32)),
}


def network_of(kind: str) -> Any:
    """Random weights, the classes told apart strongly enough to differ."""
    torch.manual_seed(4)
    network = KINDS[kind]().eval().requires_grad_(False)
    network.transform = Plain()
    for name, value in network.named_parameters():
        if any(part in name for part in ("cls_", "classification_head.module_list", "bbox_pred", "rpn.head")):
            value.copy_(torch.randn_like(value) * (0.5 if value.ndim == 2 else 0.15))
    return network


def source(kind: str, build: Callable[[], Any] | None = None) -> Traceable:
    network = build or partial(network_of, kind)
    return Traceable(kind, f"{kind}.pth", hashlib.sha256(kind.encode()).hexdigest(), lambda: (network(), COLUMNS))


def with_own_key(one: Traceable) -> Traceable:
    """Under a key of its own."""
    return dataclasses.replace(one, key=one.key + "x")


def spec(**values: Any) -> DetectorSpec:
    fields: dict[str, Any] = {"precision": "f32", "max_batch": 2, "score": SCORE, "nms_iou": NMS, "threads": 1}
    return DetectorSpec("", (HW,), **(fields | values))


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, *HW, 3), np.uint8)  # no two places alike: no ties


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Graphs of these tests, traced once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def same(ours: Detections, xyxy: np.ndarray, score: np.ndarray, label: np.ndarray, px: float) -> np.ndarray:
    """Every box of torch's has one of ours in its place. Returns which."""
    fits = np.where(label[:, None] == ours.label[None], iou(xyxy, ours.xyxy), 0)
    found = fits.argmax(1)
    assert (fits.max(1) > 0.9).all()
    assert np.abs(ours.xyxy[found] - xyxy).max() < px and np.abs(ours.score[found] - score).max() < px / 20
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_are_torchs_when_a_network_is_traced(kind: str) -> None:
    network, detector = network_of(kind), TracedDetector(source(kind), spec())
    found = detector.start(pictures()).result()
    with torch.inference_mode():
        rgb = torch.from_numpy(pictures()[..., ::-1].copy()).permute(0, 3, 1, 2).float() / 255
        theirs = network(rgb)
    for ours, one in zip(found, theirs, strict=True):
        xyxy, score, label = one["boxes"].numpy(), one["scores"].numpy(), one["labels"].numpy() - 1
        whole = (xyxy[:, 2:] - xyxy[:, :2] > 0.1).all(1)  # FCOS of random weights gives lines and points
        kept = np.flatnonzero((label >= 0) & whole)[:30]  # a class 0 of the one-shot kinds is none of ours
        assert len(kept) > 3
        places = same(ours, xyxy[kept], score[kept], label[kept], 0.01)
        assert (ours.masks is not None) == ("masks" in one)
        if ours.masks is not None:
            share = one["masks"].numpy()[kept, 0] * 255
            assert np.abs(ours.masks[places] - share).max() < 1.1


@pytest.mark.parametrize("kind", ["fcos", "mask rcnn"])
def test_batch_equals_single_pictures_when_looked_at_together(kind: str) -> None:
    detector = TracedDetector(source(kind), spec())
    together = detector.start(pictures()).result()
    for picture, both in zip(pictures(), together, strict=True):
        (alone,) = detector.start(picture[None]).result()
        assert np.array_equal(alone.xyxy, both.xyxy) and np.array_equal(alone.score, both.score)
        assert (alone.masks is None) == (both.masks is None) == (kind == "fcos")
        assert alone.masks is None or np.array_equal(alone.masks, both.masks)  # type: ignore[arg-type]


def test_boxes_stay_in_place_when_a_two_stage_network_runs_in_bf16() -> None:
    """Rois computed with in bf16 would be moved by a pixel of 256."""
    try:
        rough = TracedDetector(source("faster rcnn"), spec(precision="bf16"))
    except ModelError:
        pytest.skip("this processor has no bf16")
    (exact,) = TracedDetector(source("faster rcnn"), spec()).start(pictures()[:1]).result()
    (found,) = rough.start(pictures()[:1]).result()
    fits = iou(exact.xyxy, found.xyxy).max(1)
    assert np.median(fits) > 0.98


def test_graphs_are_traced_once_when_a_network_is_opened_again() -> None:
    def never() -> Any:
        raise AssertionError("traced again")

    TracedDetector(source("fcos"), spec())
    TracedDetector(source("fcos", never), spec()).close()


def test_nothing_is_found_when_there_is_no_proposal() -> None:
    class NoProposals:
        """A request whose first stage is done and found nothing."""

        def get_tensor(self, name: str) -> Any:
            return {"rois": ov.Tensor(np.zeros((0, 4), np.float32)), "level": ov.Tensor(np.zeros(0, np.int64))}[name]

    found = TracedDetector(source("mask rcnn"), spec()).read(NoProposals(), HW)
    assert len(found) == 0


def test_error_names_the_network_when_its_input_is_too_small() -> None:
    def broken() -> Any:
        network = network_of("fcos")
        network.backbone.next = nn.Conv2d(32, 32, 64)  # larger than what is left of the picture
        return network

    with pytest.raises(ModelError, match="fcos cannot be traced at 160x96"):
        graphs.graphs_of(ov.Core(), with_own_key(source("fcos", broken)), HW)


def test_error_names_the_folder_when_graphs_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder that cannot be made was a traceback."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=r"cannot be written.*\n.*XDG_CACHE_HOME"):
        graphs.graphs_of(ov.Core(), source("ssd"), HW)


def test_int8_is_refused_when_a_network_is_traced() -> None:
    with pytest.raises(ModelError, match="f32 and bf16"):
        TracedDetector(source("fcos"), spec(precision="int8"))


def test_thousands_of_proposals_are_looked_at_when_they_are_asked_for() -> None:
    def many() -> Any:
        network = network_of("faster rcnn")
        network.rpn._pre_nms_top_n["testing"] = network.rpn._post_nms_top_n["testing"] = 5000
        network.rpn.nms_thresh = 1.0
        return network

    detector = TracedDetector(with_own_key(source("faster rcnn", many)), spec(score=0.01))
    (found,) = detector.start(pictures()[:1]).result()
    assert 0 < len(found) <= 300
