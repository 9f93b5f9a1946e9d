"""Training: what is unknown teaches nothing, what is known is learnt, and an interrupted run goes on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from models.arch import Arch
from models.files.weights import read_weights, write_weights
from models.network import cell_grid
from models.scoring.average_precision import evaluate, mean, score
from models.training import augment
from models.training.assignment import assign
from models.training.batches import Batches
from models.training.disturb import DISTURBANCES, disturb
from models.training.labels import IGNORE, Boxes, merge, read_data, read_sets
from models.training.loss import yolox_loss
from models.training.pictures import PictureStore
from models.training.run import averaged_network, resume
from models.training.train import TrainSettings, detector_of, train
from models.yolox import STRIDES, YOLOX, decode
from stream.commands.app import app
from stream.errors import ConfigError, ModelError
from stream.messages import Detections

CATEGORIES = [{"id": k, "name": n} for k, n in enumerate(
    ("person", "bicycle", "car", "motorcycle", "bus", "truck", "ignore"), 1)]  # fmt: skip
SMALL = Arch(width=0.125)


def boxes(*rows: tuple[list[float], int, float]) -> Boxes:
    return Boxes.of([(np.array(xyxy, np.float32), label, weight) for xyxy, label, weight in rows])


def make_data(folder: Path, pictures: int = 4) -> Path:
    """Dark squares on noise, labelled as cars, in COCO form: the last picture is the val split."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for k in range(pictures):
        picture = rng.integers(120, 200, (96, 128, 3), np.uint8)
        x, y = rng.integers(8, 60, 2)
        picture[y : y + 30, x : x + 40] = 20
        cv2.imwrite(str(folder / f"{k}.png"), picture)
        split = "val" if k == pictures - 1 else "train"
        images.append({"id": k, "file_name": f"{k}.png", "width": 128, "height": 96, "split": split})
        box = [float(x), float(y), 40.0, 30.0]
        annotations.append({"id": k, "image_id": k, "category_id": 3, "bbox": box, "area": 1200, "iscrowd": 0})
    stored = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    (folder / "annotations.json").write_text(json.dumps(stored))
    return folder


HUMAN_CAR = ([0, 0, 40, 20], 2, 1.0)


def test_train_command_hands_on_what_it_was_asked(tmp_path: Path) -> None:
    """The bug: settings given by their place were taken for others after two were added, so no training ended."""
    words = [
        "--start",
        "roadtally-nano",
        "--out",
        str(tmp_path / "out"),
        "--steps",
        "2",
        "--batch",
        "2",
        "--threads",
        "1",
    ]
    result = CliRunner().invoke(app, ["train", str(make_data(tmp_path)), *words])
    assert result.exit_code == 0, result.output
    assert resume(tmp_path / "out", "cpu").step == 2
    assert read_weights(tmp_path / "out" / "weights.safetensors").labels == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("machine", "annotated", "label", "weight"),
    [
        (([100, 0, 120, 60], 0, 0.6), (2,), 0, 1.0),  # a person where persons are not annotated: believed
        (([100, 0, 120, 60], 0, 0.3), (2,), 0, 0.5),  # the same, half as sure
        (([100, 0, 120, 60], 0, 0.2), (2,), IGNORE, 1 / 3),  # too weak: neither right nor wrong
        (([100, 0, 140, 20], 2, 0.5), (2,), IGNORE, 5 / 6),  # a car that the human may have missed
    ],
)
def test_machine_label_is_used_ignored_or_believed(
    machine: tuple[list[float], int, float], annotated: tuple[int, ...], label: int, weight: float
) -> None:
    merged = merge(boxes(HUMAN_CAR), boxes(machine), annotated)
    assert merged.label.tolist() == [2, label]
    assert merged.weight[1] == pytest.approx(weight)


@pytest.mark.parametrize(
    ("human", "machine"),
    [
        (HUMAN_CAR, ([1, 0, 40, 20], 5, 0.9)),  # the human has named this vehicle
        (([0, 0, 200, 200], IGNORE, 1.0), ([50, 50, 90, 90], 2, 0.9)),  # inside an ignored region
        (HUMAN_CAR, ([100, 0, 140, 20], 2, 0.15)),  # a weak label of an annotated class
    ],
)
def test_machine_label_is_dropped_when_the_human_has_spoken(
    human: tuple[list[float], int, float], machine: tuple[list[float], int, float]
) -> None:
    assert len(merge(boxes(human), boxes(machine), (2,)).label) == 1


MOTORCYCLE = ([0, 0, 20, 40], 3, 1.0)


def test_rider_seen_by_a_machine_is_part_of_the_motorcycle() -> None:
    """Riders were ignored once; the detector then kept finding a person on every motorcycle."""
    found = merge(boxes(MOTORCYCLE), boxes(([2, 0, 18, 25], 0, 0.9), ([60, 0, 70, 40], 0, 0.9)), (3,))
    assert found.label.tolist() == [3, 0]
    assert found.xyxy[1, 0] == 60


def test_rider_stays_a_person_when_a_human_says_so() -> None:
    truth = boxes(MOTORCYCLE, ([2, 0, 18, 30], 0, 1.0))
    assert merge(truth, boxes(([2, 20, 18, 40], 0, 0.9)), (0, 3)).label.tolist() == [3, 0, IGNORE]


@pytest.mark.parametrize(
    ("window", "label"), [([0, 0, 40, 40], 2), ([0, 0, 30, 40], 2), ([0, 0, 8, 40], IGNORE), ([50, 50, 90, 90], None)]
)
def test_box_is_kept_ignored_or_gone_when_cut(window: list[int], label: int | None) -> None:
    left = augment.cut(boxes(([0, 0, 40, 40], 2, 1.0)), np.array(window))
    assert left.label.tolist() == ([] if label is None else [label])


@pytest.mark.parametrize("four", [False, True])
def test_boxes_stay_on_their_objects_when_augmented(four: bool) -> None:
    picture = np.full((90, 160, 3), 250, np.uint8)
    picture[30:60, 40:100] = 0
    labelled = (picture, boxes(([40, 30, 100, 60], 2, 1.0)))
    for seed in range(10):
        rng = np.random.default_rng(seed)
        made, found = (
            augment.mosaic([labelled] * 4, (96, 160), rng) if four else augment.single(labelled, (96, 160), rng)
        )
        for x1, y1, x2, y2 in found.xyxy[found.label != IGNORE].round().astype(int):
            assert made[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1].mean() < 40
        assert disturb(made, rng).shape == (96, 160, 3)


def test_batch_is_the_same_when_its_step_is(tmp_path: Path) -> None:
    data = read_data(make_data(tmp_path), "train")
    batches = Batches(data, PictureStore([data], tmp_path), 2, 0, 0.5)
    first, again = batches.make(7), batches.make(7)
    assert (first.pictures == again.pictures).all()
    assert all((a.xyxy == b.xyxy).all() for a, b in zip(first.boxes, again.boxes, strict=True))


def test_every_box_gets_a_cell_and_no_cell_two_when_assigned() -> None:
    torch.manual_seed(0)
    grid = cell_grid(96, 128, STRIDES)
    raw = torch.randn(len(grid[0]), 11) * 0.3
    xyxy = torch.tensor([[10.0, 10, 50, 40], [12, 12, 52, 42], [100, 60, 104, 64]])
    found = assign(decode(raw, *grid), raw[:, 4:], grid, xyxy, torch.tensor([2, 2, 0]))
    assert set(found.box.tolist()) == {0, 1, 2}
    assert len(set(found.cell.tolist())) == len(found.cell)


def test_ignored_region_gives_no_gradient_and_background_does() -> None:
    raw = torch.zeros(1, 64 + 16 + 4, 11).requires_grad_()
    yolox_loss(raw, [boxes(([0, 0, 32, 64], IGNORE, 1.0))], (64, 64)).total.backward()
    assert raw.grad is not None
    pull = raw.grad[0, :64, 4].reshape(8, 8)  # objectness of the finest grid
    assert (pull[:, :4] == 0).all()
    assert (pull[:, 5:] > 0).all()


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_soft_label_weighs_less_than_a_sure_one(weight: float) -> None:
    raw = torch.zeros(1, 84, 11).requires_grad_()
    sure, soft = ([4, 4, 20, 20], 2, 1.0), ([40, 40, 60, 60], 2, weight)
    yolox_loss(raw, [boxes(sure, soft)], (64, 64)).total.backward()
    assert raw.grad is not None
    pull = raw.grad[0, :, 4]
    upwards = pull[pull < 0]  # the objectness of the cells that answer for a box
    assert float(upwards.max() / upwards.min()) == pytest.approx(weight)


def detections(*rows: tuple[list[float], float, int]) -> Detections:
    columns = list(zip(*rows, strict=True))
    return Detections(*(np.array(c, t) for c, t in zip(columns, (np.float32, np.float32, np.int16), strict=True)))


def truth_of(annotated: list[int], *rows: tuple[int, list[float]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    images = [{"id": 1, "annotated": annotated}]
    annotations = [
        {"id": k, "image_id": 1, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": int(c == 7)}
        for k, (c, b) in enumerate(rows, 1)
    ]
    return {"categories": CATEGORIES, "annotations": annotations, "images": images}, images


@pytest.mark.parametrize(
    ("extra", "ap50"),
    [
        (([100, 100, 120, 120], 0.9, 2), 0.5),  # a false alarm above the true box
        (([210, 210, 220, 220], 0.9, 2), 1.0),  # inside the ignored region
        (([100, 100, 120, 120], 0.9, 0), 1.0),  # of a class that is not annotated
    ],
)
def test_ap_when_truth_is_partial(extra: tuple[list[float], float, int], ap50: float) -> None:
    dataset, images = truth_of([3], (3, [0, 0, 40, 40]), (7, [200, 200, 50, 50]))
    scores = score(dataset, images, {1: detections(([0, 0, 40, 40], 0.5, 2), extra)})
    assert {s.label: s.boxes for s in scores if s.boxes} == {"car": 1}
    assert mean(scores).ap50 == pytest.approx(ap50)


def settings(folder: Path, **changes: Any) -> TrainSettings:
    torch.manual_seed(0)
    (folder / "run").mkdir(exist_ok=True)
    write_weights(YOLOX(SMALL), folder / "start.safetensors", {})
    given = {"data": (folder,), "start": folder / "start.safetensors", "out": folder / "run", "batch": 1, "threads": 1}
    return TrainSettings(**(given | {"steps": 4, "warmup": 1, "long_side": 128} | changes))


def test_weights_and_scores_are_written_when_training_ends(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    network = train(settings(make_data(tmp_path)), rows.append)
    assert rows[-1]["step"] == 4 and "car" in rows[-1]
    stored = read_weights(tmp_path / "run" / "weights.safetensors").network()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(stored.state_dict()[name], value, atol=1e-3, rtol=1e-3)
    assert evaluate(tmp_path / "annotations.json", "val", detector_of(network), 128)[2].boxes == 1


@pytest.mark.parametrize(
    ("shares", "chances"),
    [((), [3 / 4, 1 / 4]), ((0.4,), [0.6, 0.4])],  # three pictures and one: as their numbers say, or as asked
)
def test_set_is_drawn_by_its_share_when_there_are_several(
    tmp_path: Path, shares: tuple[float, ...], chances: list[float]
) -> None:
    folders = [tmp_path / "large", tmp_path / "small"]
    for folder, pictures in zip(folders, (4, 2), strict=True):
        folder.mkdir()
        make_data(folder, pictures)
    sets = read_sets(folders, shares, "train")
    draws = [sum(item.draw for item in items) for items in sets]
    assert [draw / sum(draws) for draw in draws] == pytest.approx(chances)
    store = PictureStore(sets, tmp_path)
    expected = [item.path for items in sets for item in items]
    assert len(store) == len(expected)
    for index, path in enumerate(expected):
        assert np.array_equal(store[index][0], cv2.imread(str(path)))


@pytest.mark.parametrize("shares", [(0.1, 0.1), (1.0,), (0.0,)])
def test_config_error_when_shares_do_not_fit_the_sets(tmp_path: Path, shares: tuple[float, ...]) -> None:
    make_data(tmp_path)
    with pytest.raises(ConfigError, match="a share for each of the 1 sets after the first"):
        train(settings(tmp_path, data=(tmp_path, tmp_path), shares=shares))


def test_run_ends_the_same_when_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.train.LOG_STEPS", 3)
    make_data(tmp_path)
    plan = settings(tmp_path, steps=5, save_s=0.0)
    expected = train(settings(tmp_path, steps=5, out=tmp_path / "whole")).state_dict()

    def interrupt(row: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(plan, interrupt)
    run = resume(plan.out, "cpu")
    assert run is not None and run.step == 2
    for name, value in train(plan).state_dict().items():
        torch.testing.assert_close(value, expected[name])


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "annotations.json").unlink(), "no annotations.json"),
        (lambda f: (f / "annotations.json").write_text("{"), "not COCO annotations"),
        (lambda f: (f / "0.png").write_bytes(b"no picture"), "not a readable picture"),
        (lambda f: (f / "annotations.json").write_text(
            json.dumps({"images": [], "annotations": [], "categories": CATEGORIES})), "no picture in the split"),
    ],
)  # fmt: skip
def test_config_error_when_data_set_is_bad(tmp_path: Path, break_it: Any, message: str) -> None:
    break_it(make_data(tmp_path))
    with pytest.raises(ConfigError, match=message):
        train(settings(tmp_path))


def test_training_stops_and_keeps_the_checkpoint_when_loss_is_nan(tmp_path: Path) -> None:
    plan = settings(make_data(tmp_path), steps=2)
    train(plan)
    good = (plan.out / "checkpoint.pt").read_bytes()
    broken = YOLOX(SMALL)
    torch.nn.init.constant_(broken.head.obj_preds[0].bias, float("nan"))  # type: ignore[arg-type]
    write_weights(broken, tmp_path / "nan.safetensors", {})
    with pytest.raises(ModelError, match="the loss is nan"):
        train(settings(tmp_path, start=tmp_path / "nan.safetensors", out=tmp_path / "other"))
    assert (plan.out / "checkpoint.pt").read_bytes() == good
    assert averaged_network(plan.out).arch == SMALL


def test_yolo_labels_are_read_when_there_is_a_data_yaml(tmp_path: Path) -> None:
    for name in ("images/train", "labels/train"):
        (tmp_path / name).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images/train/a.png"), np.zeros((50, 100, 3), np.uint8))
    (tmp_path / "labels/train/a.txt").write_text("1 0.5 0.5 0.2 0.4\n0 0.1 0.1 0.1 0.1\n")
    (tmp_path / "data.yaml").write_text("names: [tram, bus]\n")
    found = read_data(tmp_path, "train")[0]
    assert found.boxes.label.tolist() == [4, IGNORE]
    assert found.boxes.xyxy[0].tolist() == [40, 15, 60, 35]


@pytest.mark.parametrize("change", [change for _, change in DISTURBANCES], ids=lambda change: change.__name__)
def test_a_disturbance_changes_the_picture_and_nothing_else_when_drawn(change: Callable[..., np.ndarray]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (96, 160, 3), np.uint8)
    one, again = (change(picture.copy(), np.random.default_rng(2)) for _ in range(2))
    assert one.shape == picture.shape and one.dtype == np.uint8 and (one != picture).any()
    np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "gpu"])
def test_config_error_when_torch_does_not_compute_on_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setattr("models.engines.device.cuda_here", lambda: False)
    with pytest.raises(ConfigError, match=f"{device} asked for, but torch computes on cpu here"):
        train(settings(make_data(tmp_path), device=device))


def test_batch_is_halved_and_told_when_the_memory_does_not_suffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_memory(network: YOLOX, x: torch.Tensor, truth: Any) -> tuple[torch.Tensor, ...]:
        if x[:, 0].numel() > 2 * 256 * 416:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return (network(x),)

    monkeypatch.setattr(YOLOX, "learn", short_of_memory)
    rows: list[dict[str, Any]] = []
    train(settings(make_data(tmp_path), batch=4, steps=1), rows.append)
    assert rows[0] == {"batch": 2, "why": "out of memory"} and rows[-1]["step"] == 1


def test_model_error_when_not_one_picture_fits_into_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*args: Any) -> tuple[torch.Tensor, ...]:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(YOLOX, "learn", no_memory)
    with pytest.raises(ModelError, match="not enough memory for one picture"):
        train(settings(make_data(tmp_path), batch=2, steps=1))
