"""SSD, RetinaNet and Faster R-CNN on the embedded features: what they propose, what they learn, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec import structs
from torch.nn.functional import grid_sample
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import roi_align

from models.anchors import DEFAULT_BOXES, SHAPES, STRIDES, anchors, corrected
from models.arch import AnyArch, Arch, FasterRcnnArch, NanoDetArch, RetinaNetArch, SsdArch
from models.contract import DetectorSpec
from models.families import family_of, new_network
from models.faster_rcnn import FasterRcnn
from models.files.weights import write_weights
from models.nanodet import NanoDet, decode
from models.network import cell_grid
from models.proposals import SIDE, level_of, points
from models.registry import open_detector
from models.training.batches import Batch
from models.training.labels import IGNORE, Boxes
from models.training.loss_ssd import ssd_loss
from models.training.run import begin, start_network
from models.training.start_boxes import begin_boxes
from stream.errors import ConfigError, ModelError

HW = (64, 96)
SLIM = FasterRcnnArch(stem=8, stages=(16, 32, 64), pyramid=16, hidden=8, proposals=20)


def slim(objectness: float = 0.0, proposals: int = 20) -> FasterRcnn:
    """Random weights; objectness: the logit of every class of every cell."""
    torch.manual_seed(0)
    network = FasterRcnn(replace(SLIM, proposals=proposals)).eval()
    for tower in network.rcnn.rpn.head.towers:
        tower.pred.bias.data[:6] = objectness
    return network


def stored(network: torch.nn.Module, tmp_path: Path) -> str:
    write_weights(network, tmp_path / "slim.safetensors", {"licence": "none"})  # type: ignore[arg-type]
    return str(tmp_path / "slim.safetensors")


def boxes(*xyxy: tuple[float, ...], label: int = 2, weight: float = 1.0) -> Boxes:
    return Boxes.of([(np.array(one, np.float32), label, weight) for one in xyxy])


@pytest.mark.parametrize("hw", [(64, 96), (32, 32), (96, 160)])
def test_anchors_stand_round_the_corners_of_their_cells_when_a_level_is_rounded_up(hw: tuple[int, int]) -> None:
    found = anchors(hw)
    assert len(found) == len(SHAPES) * sum(-(-hw[0] // s) * -(-hw[1] // s) for s in STRIDES)
    assert ((found[0] + found[1])[:2] == -(found[0] + found[1])[2:]).all()  # centre of the first cell's: 0, 0
    last = (found[-1, :2] + found[-1, 2:]) / 2  # of the coarsest level
    assert last.tolist() == [(-(-hw[1] // 64) - 1) * 64, (-(-hw[0] // 64) - 1) * 64]


def test_anchor_is_moved_and_grown_when_it_is_corrected() -> None:
    found = corrected(np.array([[10.0, 20.0, 30.0, 60.0]]), np.array([[0.5, 0.25, np.log(2), 0.0]]))
    np.testing.assert_allclose(found, [[10, 30, 50, 70]])


def test_proposals_are_those_of_torchvision_when_it_runs_its_own_way() -> None:
    network = slim()
    x = torch.rand(2, 3, *HW) * 255
    with torch.no_grad():
        maps = network.features(x)
        wanted, _ = network.rcnn.rpn(ImageList(x, [HW] * 2), maps)
        found, _ = network._proposals(network._cell_rows(maps), x)
    assert all(len(one) == 20 for one in wanted)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-2)


def test_level_is_torchvisions_when_a_proposal_is_looked_up() -> None:
    size = np.array([4.0, 55.9, 56.0, 111.9, 112.0, 900.0])
    xyxy = np.stack((size * 0, size * 0, size, size), 1).astype(np.float32)
    pool = slim().rcnn.roi_heads.box_roi_pool
    maps = {str(k): torch.zeros(1, 1, 32 >> k, 32 >> k) for k in range(3)}
    pool(maps, [torch.zeros(0, 4)], [(256, 256)])  # it learns of its levels by looking
    assert level_of(xyxy).tolist() == pool.map_levels([torch.from_numpy(xyxy)]).tolist() == [0, 0, 1, 1, 2, 2]


def test_points_read_what_roi_align_reads_when_boxes_touch_the_border_or_are_tiny() -> None:
    level = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    xyxy = np.array([[0, 0, 96, 64], [10, 20, 50, 41], [80, 50, 96, 64], [30, 30, 30.5, 30.5]], np.float32)
    wanted = roi_align(level, [torch.from_numpy(xyxy)], SIDE, 1 / 8, 1)
    grid = torch.from_numpy(points(xyxy, 0, (8, 12)))
    found = grid_sample(level, grid, padding_mode="border", align_corners=True)
    torch.testing.assert_close(found[0].reshape(3, 4, SIDE, SIDE).transpose(0, 1), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize(("objectness", "wanted"), [(-20.0, 0), (0.0, 20)])
def test_nothing_or_all_is_found_when_nothing_or_all_is_proposed(
    engine: str, objectness: float, wanted: int, tmp_path: Path
) -> None:
    path = stored(slim(objectness), tmp_path)
    spec = DetectorSpec(path, (HW,), engine, "f32", max_batch=2, score=0.0, nms_iou=1.0, threads=1)
    detector = open_detector(spec)
    found = detector.start(np.full((2, *HW, 3), 114, np.uint8)).result()  # empty frames
    assert [len(one) for one in found] == [wanted] * 2


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_thousands_of_proposals_are_looked_at_when_they_are_asked_for(engine: str, tmp_path: Path) -> None:
    path = stored(slim(), tmp_path)
    spec = DetectorSpec(f"{path}?proposals=5000", ((256, 384),), engine, "f32", score=0.0, nms_iou=1.0, threads=1)
    picture = np.random.default_rng(0).integers(0, 256, (1, 256, 384, 3), np.uint8)
    few, many = (
        len(open_detector(structs.replace(spec, model=f"{path}?proposals={n}")).start(picture).result()[0])
        for n in (5, 5000)
    )
    assert few == 5 and many == 300  # the suppression takes the best 300


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("roadtally-nano?proposals=5", "it is no two-stage network"),
        ("roadtally-nano?proposals=0", "expected proposals=1 or more"),
        ("roadtally-nano?size=5", "expected proposals=1 or more"),
    ],
)
def test_knob_is_refused_when_the_network_has_none_of_it(model: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_detector(DetectorSpec(model, (HW,), threads=1))


def test_model_error_when_the_weights_hold_another_number_of_classes(tmp_path: Path) -> None:
    network = slim()
    network.arch = replace(SLIM, classes=4)
    with pytest.raises(ModelError, match="the tensors do not fit the architecture"):
        open_detector(DetectorSpec(stored(network, tmp_path), (HW,), "torch", threads=1))


def learnt(truth: Boxes) -> FasterRcnn:
    """The network after one backward pass on one picture."""
    network = slim()
    real = torch.from_numpy(truth.xyxy[truth.label != IGNORE])
    outputs = network.learn(torch.rand(1, 3, *HW, generator=torch.Generator().manual_seed(1)) * 255, [real])
    family_of(SLIM).part("loss")(*outputs, [truth], HW).total.backward()
    return network


def pulled(network: FasterRcnn) -> float:
    """How much the second stage's classes are pulled."""
    return float(network.rcnn.roi_heads.box_predictor.cls_score.weight.grad.abs().sum())


def test_second_stage_is_left_alone_when_the_whole_picture_is_ignored() -> None:
    assert pulled(learnt(boxes((-9, -9, 200, 200), label=IGNORE))) == 0
    assert pulled(learnt(boxes())) > 0  # background teaches


def test_soft_label_weighs_less_than_a_sure_one() -> None:
    sure, soft = (learnt(boxes((20, 20, 50, 44), weight=w)) for w in (1.0, 0.1))
    up = [-n.rcnn.roi_heads.box_predictor.cls_score.bias.grad[3] for n in (sure, soft)]  # of the class of the box
    assert up[1] < up[0]


def test_features_of_the_start_are_kept_when_only_the_head_learns(tmp_path: Path) -> None:
    start = new_network(NanoDetArch(stem=8, stages=(16, 32, 64), pyramid=16))
    path = Path(stored(start, tmp_path))
    network = start_network(path, family="faster-rcnn")
    run = begin(network, "cpu", frozen=True)
    assert len(run.optimiser.parameters) < len(list(network.parameters()))
    assert not any(p.requires_grad for p in network.features.parameters())
    assert not any(p.requires_grad for p in network.rcnn.rpn.parameters())
    for name, value in start.state_dict().items():
        if name.startswith("pyramid"):
            torch.testing.assert_close(network.features.state_dict()[name], value.half().float())


def test_first_stage_is_the_start_when_it_is_adopted() -> None:
    torch.manual_seed(0)
    start = NanoDet(NanoDetArch(stem=8, stages=(16, 32, 64), pyramid=16)).eval()
    network = slim()
    network.adopt(start)
    x = torch.rand(1, 3, *HW) * 255
    with torch.no_grad():
        torch.testing.assert_close(network._cell_rows(network.features(x)), start(x))


SLIM_FEATURES = {"stem": 8, "stages": (16, 32, 64), "pyramid": 16}
ON_ANCHORS = [(RetinaNetArch(**SLIM_FEATURES), SHAPES, 0), (SsdArch(**SLIM_FEATURES), DEFAULT_BOXES, 1)]  # type: ignore[arg-type]


@pytest.mark.parametrize(("arch", "shapes", "first"), ON_ANCHORS, ids=["retinanet", "ssd"])
def test_classes_of_every_shape_are_those_of_the_start_when_it_is_adopted(
    arch: AnyArch, shapes: tuple[object, ...], first: int
) -> None:
    torch.manual_seed(0)
    start = NanoDet(NanoDetArch(**SLIM_FEATURES)).eval()  # type: ignore[arg-type]
    network = new_network(arch).eval()
    network.adopt(start)
    x = torch.rand(1, 3, *HW) * 255
    with torch.no_grad():
        for k in range(len(shapes)):
            found = network(x)[:, k :: len(shapes), first : first + 6]
            torch.testing.assert_close(found, start(x)[..., :6])


class Same:
    """Batches of one picture, over and over."""

    def after(self, step: int) -> object:
        while True:
            yield Batch(np.full((2, *HW, 3), 128, np.uint8), [])


@pytest.mark.parametrize(("arch", "shapes", "first"), ON_ANCHORS, ids=["retinanet", "ssd"])
def test_boxes_of_every_anchor_are_those_of_the_start_when_they_are_begun(
    arch: AnyArch, shapes: tuple[tuple[float, float], ...], first: int
) -> None:
    torch.manual_seed(0)
    start = NanoDet(NanoDetArch(**SLIM_FEATURES)).eval()  # type: ignore[arg-type]
    for tower in start.head:
        tower.pred.weight.data[6:] = 0  # all boxes reach as far, in strides
        tower.pred.bias.data[:6] = 0
    network = new_network(arch).eval()
    network.adopt(start)
    begin_boxes(network.head, start, Same(), 2)  # type: ignore[arg-type]
    x = torch.full((1, 3, *HW), 128.0)
    with torch.no_grad():
        wanted = decode(start(x), *cell_grid(*HW, STRIDES))[0].repeat_interleave(len(shapes), 0)
        found = corrected(anchors(HW, shapes), network(x)[0, :, -4:].numpy())
    np.testing.assert_allclose(found, wanted.numpy(), atol=0.5)


def test_default_boxes_near_a_truth_answer_when_none_overlaps_it_enough() -> None:
    start = anchors(HW, DEFAULT_BOXES)
    raw = torch.zeros(1, len(start), 11)
    raw[..., 0] = 9.0  # sure of the background
    tiny = boxes((15.0, 15.0, 19.0, 19.0))
    loss = ssd_loss(raw.requires_grad_(), [tiny], HW)
    assert loss.positives > 0
    loss.total.backward()
    assert raw.grad is not None
    pulled = raw.grad[0].abs().sum(1).nonzero()[:, 0]
    own = raw.grad[0, :, 3] < 0  # towards the car: the gradient falls with its logit
    assert 0 < own.sum() < 9
    assert len(pulled) <= own.sum() + max(10, 3 * own.sum())  # and the hardest of the background
    middle = (start[own.numpy(), :2] + start[own.numpy(), 2:]) / 2
    assert np.abs(middle - 17).max() <= 8


def test_nothing_pulls_on_default_boxes_when_they_overlap_an_ignored_box() -> None:
    raw = torch.zeros(1, len(anchors(HW, DEFAULT_BOXES)), 11, requires_grad=True)
    whole = Boxes.of([(np.array([-99, -99, 999, 999], np.float32), IGNORE, 1.0)])
    ssd_loss(raw, [whole], HW).total.backward()
    assert raw.grad is not None and not raw.grad.any()


def test_config_error_when_a_family_cannot_go_on_from_the_start(tmp_path: Path) -> None:
    path = Path(stored(new_network(Arch(width=0.125)), tmp_path))
    for family in ("faster-rcnn", "ssd"):
        with pytest.raises(ConfigError, match="on the features of a NanoDet-Plus"):
            start_network(path, family=family)
    with pytest.raises(ConfigError, match="no part that comes from another network"):
        begin(start_network(path), "cpu", frozen=True)
