"""Auto-labelling: many looks become one set of boxes, and time makes them steadier."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.agreement import agreement
from models.training.fusion import View, fuse
from models.training.label import busiest, label_clip, label_folder, steady
from models.training.labeller import Labeller, mirror, tiles
from models.training.labels import IGNORE, LABEL_SCORE, Boxes, read_data
from models.training.moving import movement, unexplained
from models.training.synthetic import make_synthetic
from models.training.tracklets import smooth
from stream.errors import ConfigError, SourceError
from stream.geometry import iou
from stream.messages import LABELS, Detections
from tests.build import make_clip

WHOLE = (0.0, 0.0, 200.0, 100.0)
CAR, BUS, TRUCK, PERSON = 2, 4, 5, 0


def found(*rows: tuple[list[float], float, int]) -> Detections:
    if not rows:
        return Detections.empty()
    columns = list(zip(*rows, strict=True))
    return Detections(*(np.array(c, t) for c, t in zip(columns, (np.float32, np.float32, np.int16), strict=True)))


@pytest.mark.parametrize(
    ("looks", "boxes"),
    [
        # the same vehicle twice: one box between them, mean score
        ([found(([10, 10, 50, 30], 0.8, CAR)), found(([14, 10, 54, 30], 0.8, CAR))], [([12, 10, 52, 30], 0.8, CAR)]),
        # seen by one of two looks: half believed
        ([found(([10, 10, 50, 30], 0.8, CAR)), found()], [([10, 10, 50, 30], 0.4, CAR)]),
        # the stronger votes name the class
        (
            [found(([10, 10, 50, 30], 0.9, TRUCK)), found(([10, 10, 50, 30], 0.3, BUS))],
            [([10, 10, 50, 30], 0.6, TRUCK)],
        ),
        # a person in front of a car is not a car
        (
            [found(([10, 10, 50, 30], 0.9, CAR), ([10, 10, 50, 30], 0.5, PERSON))],
            [([10, 10, 50, 30], 0.9, CAR), ([10, 10, 50, 30], 0.5, PERSON)],
        ),
    ],
)
def test_boxes_are_fused(looks: list[Detections], boxes: list[tuple[list[float], float, int]]) -> None:
    fused, _ = fuse([View(WHOLE, look) for look in looks])
    assert len(fused) == len(boxes)
    for (xyxy, score, label), row in zip(boxes, range(len(fused)), strict=True):
        assert fused.xyxy[row].tolist() == pytest.approx(xyxy)
        assert fused.score[row] == pytest.approx(score)
        assert fused.label[row] == label


def test_a_view_that_cannot_see_a_box_does_not_vote_against_it() -> None:
    looks = [View(WHOLE, found(([10, 10, 50, 30], 0.8, CAR))), View((100.0, 0.0, 200.0, 100.0), found())]
    assert fuse(looks)[0].score[0] == pytest.approx(0.8)


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
def test_tiles_cover_the_picture(size: tuple[int, int]) -> None:
    seen = np.zeros((size[1], size[0]), bool)
    for x1, y1, x2, y2 in tiles(*size):
        seen[y1:y2, x1:x2] = True
    assert seen.all()


def test_mirrored_twice_is_the_same() -> None:
    one = found(([10, 10, 50, 30], 0.8, CAR))
    assert mirror(one, 200).xyxy[0].tolist() == [150, 10, 190, 30]
    assert (mirror(mirror(one, 200), 200).xyxy == one.xyxy).all()


def test_gap_is_filled_and_wrong_class_outvoted_in_a_clip() -> None:
    times = [k * 0.1 for k in range(12)]
    looks = [found(([10 + 4 * k, 10, 50 + 4 * k, 34], 0.7, BUS if k == 4 else CAR)) for k in range(12)]
    looks[6] = found()
    steady = smooth(times, looks)
    assert [len(look) for look in steady] == [1] * 12
    assert all(look.label[0] == CAR for look in steady)
    expected = np.array([[34, 10, 74, 34]], np.float32)
    assert iou(steady[6].xyxy, expected)[0, 0] > 0.8


def test_flicker_is_believed_less_in_a_clip() -> None:
    looks = [found() for _ in range(8)]
    looks[3] = found(([10, 10, 50, 30], 0.6, CAR))
    steady = smooth([k * 0.1 for k in range(8)], looks)
    assert all(look.score.max(initial=0) <= 0.3 for look in steady)
    assert smooth([], []) == []


@pytest.fixture
def labeller(monkeypatch: pytest.MonkeyPatch) -> Labeller:
    """Finds the dark square of a picture, whatever its size."""

    class SquareFinder:
        in_flight, describe = 1, "squares"

        def start(self, pictures: np.ndarray) -> "SquareFinder":
            self._pictures = pictures
            return self

        def done(self) -> bool:
            return True

        def result(self) -> list[Detections]:
            ys, xs = np.nonzero(self._pictures[0].max(2) < 60)
            if not len(xs):
                return [Detections.empty()]
            box = [float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)]
            return [found((box, 0.8, CAR))]

        def close(self) -> None: ...

    monkeypatch.setattr("models.scoring.stills.open_detector", lambda spec: SquareFinder())
    return Labeller("any", (64, 96))


def scene(x: int) -> np.ndarray:
    picture = np.full((96, 160, 3), 180, np.uint8)
    picture[40:60, x : x + 30] = 20
    return picture


def test_labels_of_a_folder_are_read_by_training(tmp_path: Path, labeller: Labeller) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/a.png"), scene(60))
    labelled = list(label_folder(tmp_path / "in", tmp_path / "out", labeller))
    assert [path.name for path, _ in labelled] == ["a.png"]
    item = read_data(tmp_path / "out", "train")[0]
    assert item.boxes.label.tolist() == [CAR]
    assert iou(item.boxes.xyxy, np.array([[60, 40, 90, 60]], np.float32))[0, 0] > 0.8
    assert item.path.exists()


def test_clip_is_labelled_at_the_asked_interval(tmp_path: Path, labeller: Labeller) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(20 + 2 * k) for k in range(25)])
    seen = list(label_clip(clip, tmp_path / "out", labeller, every_s=0.2))
    assert [round(pts_s, 2) for pts_s, _ in seen] == [0.0, 0.2, 0.4, 0.6, 0.8]
    stored = json.loads((tmp_path / "out/annotations.json").read_text())
    assert len(stored["images"]) == 5
    assert all((item.boxes.label == CAR).sum() == 1 for item in read_data(tmp_path / "out", "train"))
    assert all(IGNORE not in item.boxes.label for item in read_data(tmp_path / "out", "train"))


@pytest.mark.parametrize(
    ("pictures", "shake", "expected"),
    [
        (20, 0, [(8 * k, 40, 8 * k + 30, 60) for k in range(20)]),  # the square, where it is
        (20, 9, [None] * 20),  # the camera shakes: everything moves, so nothing is told
        (5, 0, [None] * 5),  # too short to know the empty scene
    ],
)
def test_what_moves_is_found_when_the_camera_is_still(
    tmp_path: Path, pictures: int, shake: int, expected: list[tuple[int, ...] | None]
) -> None:
    rng = np.random.default_rng(0)
    ground = rng.integers(90, 250, (96 + shake, 200 + shake, 3), np.uint8)
    paths = []
    for k in range(pictures):
        x, y = rng.integers(0, shake + 1, 2)
        picture = ground[y : y + 96, x : x + 200] + rng.integers(-3, 4, (96, 200, 3)).astype(np.uint8)
        picture[40:60, 8 * k : 8 * k + 30] = 20
        paths.append(tmp_path / f"{k:03d}.png")
        cv2.imwrite(str(paths[-1]), picture)
    for parts, box in zip(movement(paths), expected, strict=True):
        assert len(parts) == (box is not None)
        if box is not None:
            assert iou(parts, np.array([box], np.float32))[0, 0] > 0.75


def test_moving_part_is_explained_when_a_box_covers_it() -> None:
    parts = np.array([[0, 0, 40, 20], [100, 0, 140, 20]], np.float32)
    assert unexplained(parts, np.array([[0, 0, 30, 20]], np.float32)).tolist() == [[100, 0, 140, 20]]
    assert len(unexplained(parts, np.zeros((0, 4), np.float32))) == 2
    assert len(unexplained(parts[:0], parts)) == 0


def test_lost_vehicle_keeps_its_class_when_it_still_moves() -> None:
    """A truck that the detector loses for longer than any track lives, and something that it never sees."""
    times = [k * 0.2 for k in range(16)]
    boxes = [np.array([[10 + 6 * k, 10, 60 + 6 * k, 40]], np.float32) for k in range(16)]
    other = np.array([[10, 100, 40, 120]], np.float32)
    looks = [found() if 4 <= k < 12 else found((box[0].tolist(), 0.8, TRUCK)) for k, box in enumerate(boxes)]
    labels = steady(times, looks, [np.concatenate((box, other)) for box in boxes])
    for box, label in zip(boxes, labels, strict=True):
        sure = label.score >= LABEL_SCORE
        assert label.label[sure].tolist() == [TRUCK]
        assert iou(label.xyxy[sure], box)[0, 0] > 0.7
        assert iou(label.xyxy[~sure], other).max() > 0.9  # doubt, where nobody knows
    unmoved = steady(times, looks, [np.zeros((0, 4), np.float32)] * 16)
    assert not len(unmoved[8])


def test_synthetic_pictures_are_read_by_training(tmp_path: Path) -> None:
    assert list(make_synthetic(tmp_path, 11, seed=40)) == list(range(1, 12))
    data = read_data(tmp_path, "train")
    assert len({item.path.name[:5] for item in data}) == 2  # two places: a road and a crossroads
    boxes = Boxes.join([item.boxes for item in data])
    assert {LABELS.index(name) for name in ("car", "motorcycle", "truck")} <= set(boxes.label.tolist())
    size = boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]
    assert size.min() >= 1 and size[boxes.label != IGNORE, 1].min() >= 7
    assert (boxes.xyxy[:, :2] >= 0).all() and (boxes.xyxy[:, 2:] <= (640, 360)).all()


@pytest.mark.parametrize(
    ("activity", "most", "kept"),
    [([0, 1, 0, 5, 2, 9], 3, [1, 3, 5]), ([1, 2, 3], 0, [0, 1, 2]), ([1, 2], 5, [0, 1]), ([0, 0, 0, 0], 2, [0, 2])],
)
def test_busiest_pictures_are_kept(activity: list[int], most: int, kept: list[int]) -> None:
    assert busiest(activity, most) == kept


def test_error_when_there_is_nothing_to_label(tmp_path: Path, labeller: Labeller) -> None:
    with pytest.raises(SourceError, match="no pictures here"):
        list(label_folder(tmp_path, tmp_path / "out", labeller))
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(ConfigError, match="not a readable picture"):
        list(label_folder(tmp_path, tmp_path / "out", labeller))


def test_precision_and_recall_where_humans_labelled() -> None:
    categories = [{"id": k, "name": n} for k, n in enumerate((*LABELS, "ignore"), 1)]
    rows = [(1, 3, [0, 0, 40, 20]), (1, 3, [60, 0, 40, 20]), (1, 7, [150, 50, 50, 50]), (2, 3, [0, 0, 40, 20])]
    dataset = {
        "categories": categories,
        "images": [{"id": 1, "annotated": [3]}, {"id": 2, "annotated": [5]}],
        "annotations": [{"id": k, "image_id": i, "category_id": c, "bbox": b} for k, (i, c, b) in enumerate(rows)],
    }
    looks = {
        1: found(
            ([0, 0, 40, 20], 0.9, CAR),  # right
            ([1, 0, 41, 20], 0.8, CAR),  # a second label on the same car
            ([155, 55, 195, 95], 0.7, CAR),  # in the ignored region
            ([60, 0, 100, 20], 0.2, CAR),  # too weak to be a label
            ([0, 0, 40, 20], 0.9, PERSON),  # persons are unknown in this picture
        ),
        2: found(([100, 0, 140, 20], 0.9, CAR)),  # cars are unknown in this picture
    }
    car = agreement(dataset, looks)[CAR]
    assert (car.precision, car.recall, car.labels, car.boxes) == (0.5, 0.5, 2, 2)
    assert np.isnan(agreement(dataset, looks)[PERSON].precision)
