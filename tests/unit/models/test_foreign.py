"""Networks that others have made: each layout of outputs, found by shape or by name; errors when it is neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from models.contract import DetectorSpec
from models.foreign.layouts import LAYOUTS, layout_of
from models.grids import cells
from models.registry import open_detector
from stream.errors import ModelError
from stream.geometry import Letterbox, fit_input
from stream.video import Shaper, VideoReader

SHARED = Path(__file__).resolve().parents[3] / "../shared"
HW = (96, 128)
CELLS3, CELLS4 = 252, 256  # 12x16 + 6x8 + 3x4, + 2x2 cells of strides 8, 16, 32 and 64
BOX = (32.0, 16.0, 64.0, 48.0)  # what every layout below has: one box of class 2


def yolox() -> dict[str, np.ndarray]:
    rows = np.zeros((1, CELLS3, 5 + 4), np.float32)
    at = 16 * 4 + 6  # the cell of stride 8 whose corner is (48, 32)
    rows[0, at] = [0, 0, np.log(4), np.log(4), 0.9, 0, 0, 1, 0]
    return {"output": rows}


def yolov8() -> dict[str, np.ndarray]:
    table = np.zeros((1, 4 + 4, 300), np.float32)
    table[0, :, 7] = [48, 32, 32, 32, 0, 0, 0.9, 0]
    return {"output0": table}


def yolov8_turned() -> dict[str, np.ndarray]:
    return {"output0": yolov8()["output0"].transpose(0, 2, 1)}


def distributions(centre: float) -> dict[str, np.ndarray]:
    rows = np.zeros((1, CELLS4, 4 + 32), np.float32)
    at = CELLS3 - 60 + 8 * 2 + 3  # the cell of stride 16 whose corner is (48, 32)
    rows[0, at, 2] = 0.9
    sides = rows[0, at, 4:].reshape(4, 8)
    sides[:] = -50
    sides[:, 1] = 0  # one stride to each side
    del centre
    return {"pred": rows}


def detr() -> dict[str, np.ndarray]:
    logits, boxes = np.full((1, 20, 4), -9, np.float32), np.zeros((1, 20, 4), np.float32)
    logits[0, 5, 2], boxes[0, 5] = 2.2, [48 / 128, 32 / 96, 32 / 128, 32 / 96]
    return {"pred_boxes": boxes, "pred_logits": logits}


def detr_softmax() -> dict[str, np.ndarray]:
    found = detr()
    logits = np.zeros((1, 20, 5), np.float32)
    logits[..., -1] = 9  # no object
    logits[0, 5] = [0, 0, 5, 0, 0]
    return {"pred_boxes": found["pred_boxes"], "pred_logits": logits}


def ssd() -> dict[str, np.ndarray]:
    rows = np.zeros((1, 1, 4, 7), np.float32)
    rows[0, 0, 0] = [0, 2, 0.9, 32 / 128, 16 / 96, 64 / 128, 48 / 96]
    rows[0, 0, 1] = [-1, 0, 0, 0, 0, 0, 0]
    rows[0, 0, 2] = [0, 1, 0.8, 0, 0, 1, 1]  # left over from a pass before
    return {"653": rows}


def boxes() -> dict[str, np.ndarray]:
    return {
        "labels": np.array([[0, 2]]),
        "boxes": np.array([[[0, 0, 9, 9], BOX]], np.float32),
        "scores": np.array([[0.1, 0.9]], np.float32),
    }


def mmdetection() -> dict[str, np.ndarray]:
    return {"labels": np.array([2]), "boxes": np.array([[*BOX, 0.9]], np.float32)}


CASES = {
    "yolox": yolox(),
    "yolov8": yolov8(),
    "detr": detr(),
    "ssd": ssd(),
    "boxes": boxes(),
    "mmdetection": mmdetection(),
}


def shapes(outputs: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {name: value.shape for name, value in outputs.items()}


def test_cells_are_counted_as_in_this_table_when_a_side_is_no_multiple() -> None:
    assert len(cells(HW, (8, 16, 32))[0]) == CELLS3 and len(cells(HW, (8, 16, 32, 64))[0]) == CELLS4


@pytest.mark.parametrize("name", CASES)
def test_layout_is_found_and_read_when_only_shapes_tell(name: str) -> None:
    outputs = CASES[name]
    layout = layout_of("auto", shapes(outputs), HW, "here")
    assert layout is LAYOUTS[name]
    raw = layout.decode(outputs, HW, 0.3)
    assert raw.xyxy == pytest.approx(np.array([BOX]), abs=0.01)
    assert raw.score == pytest.approx([0.9], abs=0.01) and raw.kind.tolist() == [2]
    assert layout.classes is None or layout.classes(shapes(outputs)) == 4


@pytest.mark.parametrize(
    ("name", "outputs", "xyxy"),
    [
        ("yolov8", yolov8_turned(), BOX),
        ("nanodet", distributions(0.0), (32, 16, 64, 48)),
        ("picodet", distributions(0.5), (40, 24, 72, 56)),
        ("detr-softmax", detr_softmax(), BOX),
    ],
)
def test_layout_is_read_when_it_is_named(name: str, outputs: dict[str, np.ndarray], xyxy: tuple[float, ...]) -> None:
    raw = layout_of(name, shapes(outputs), HW, "here").decode(outputs, HW, 0.3)
    assert raw.xyxy == pytest.approx(np.array([xyxy]), abs=0.01) and raw.kind.tolist() == [2]


@pytest.mark.parametrize(
    ("name", "outputs", "says"),
    [
        ("auto", distributions(0.0), "could be nanodet or picodet"),
        ("auto", {"mask": np.zeros((1, 21, 64, 64), np.float32)}, "no layout has outputs"),
        ("yolov99", yolov8(), "expected a layout of yolox"),
    ],
)
def test_error_shows_the_shapes_when_the_layout_is_not_clear(
    name: str, outputs: dict[str, np.ndarray], says: str
) -> None:
    with pytest.raises(ModelError, match=says):
        layout_of(name, shapes(outputs), HW, "here")


def colours(path: Path, side: int | None = 64) -> Path:
    """A network in the layout of YOLOv8 that says how red, green and blue its picture is: classes 0, 1 and 2, whose
    boxes cover the picture's left half. side None: of any size."""
    size = -1 if side is None else side
    picture = ops.parameter([1, 3, size, size], np.float32, name="images")
    share = ops.reshape(ops.reduce_mean(picture, np.array([2, 3]), False), np.array([1, 3, 1]), False)
    box = ops.constant(np.array([16, 32, 32, 64], np.float32).reshape(1, 4, 1))
    column = ops.concat([box, share], 1)
    others = ops.constant(np.zeros((1, 7, 9), np.float32))
    model = ov.Model([ops.concat([column, others], 2)], [picture])
    ov.save_model(model, path, compress_to_fp16=False)
    return path


def describe(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def spec(model: str, **values: object) -> DetectorSpec:
    return DetectorSpec(model, (HW,), score=0.3, max_batch=2, precision="f32", threads=1, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("colour", "labels"), [("rgb", [0, 3]), ("bgr", [2, 3])])
def test_pictures_reach_the_network_in_its_size_and_colour(colour: str, labels: list[int], tmp_path: Path) -> None:
    colours(tmp_path / "mine.xml")
    text = f"file: mine.xml\nlayout: auto\ncolour: {colour}\nclasses: {{0: person, 1: motorcycle, 2: car}}\n"
    detector = open_detector(spec(describe(tmp_path, text)))
    pictures = np.zeros((2, *HW, 3), np.uint8)
    pictures[0, ..., 2], pictures[1, ..., 1] = 255, 255  # red, green
    found = detector.start(pictures).result()
    detector.close()
    assert [one.label.tolist() for one in found] == [[label] for label in labels]
    assert found[0].xyxy == pytest.approx(np.array([[0, 0, 64, 96]])), "from 64x64 to 128x96"
    assert found[0].score == pytest.approx([0.75 + 0.25 * 114 / 255], abs=0.01), "128x96 in 64x48, grey below"


@pytest.mark.parametrize(
    ("name", "shown_hw"),
    [("yolox", (48, 64)), ("yolov8", (48, 64)), ("nanodet", (48, 64)), ("picodet", (64, 64)), ("detr", (64, 64))],
)
def test_picture_keeps_its_aspect_when_the_network_was_trained_so(name: str, shown_hw: tuple[int, int]) -> None:
    """The bug: YOLOX-nano with its fixed square input saw stretched pictures and lost 6 points of AP50."""
    assert LAYOUTS[name].shown_hw((96, 128), (64, 64)) == shown_hw


def test_classes_that_are_not_named_are_left_out_when_read(tmp_path: Path) -> None:
    colours(tmp_path / "mine.xml", None)
    detector = open_detector(spec(describe(tmp_path, "file: mine.xml\nclasses: {1: bus}\nsize: [64, 64]\n")))
    pictures = np.full((1, *HW, 3), 255, np.uint8)
    (found,) = detector.start(pictures).result()
    assert found.label.tolist() == [] or found.label.tolist() == [4]
    pictures[..., 1], pictures[..., 0], pictures[..., 2] = 255, 0, 0
    (found,) = detector.start(pictures).result()
    assert found.label.tolist() == [4]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "valid dictionary"),
        ("file: mine.xml", "classes: is missing"),
        ("file: mine.xml\nclasses: {0: lorry}", "classes"),
        ("file: mine.xml\nclasses: coco\nlayot: ssd", "layot"),
        ("file: gone.onnx\nclasses: coco", "names gone.onnx, which is not there"),
        ("file: [", "not YAML"),
        ("file: text.onnx\nclasses: coco", "cannot be read"),
        ("file: mine.xml\nclasses: coco\nlayout: ssd", "not of layout ssd"),
        ("file: mine.xml\nclasses: coco\nsize: [8, 8]", "size"),
        ("file: mine.xml\nclasses: coco\nscale: [0, 0, 0]", "scale"),  # a picture divided by 0 shows nothing
        ("file: mine.xml\nclasses: {0: car, 900: bus}", r"names class 900, but the network has 3 \(0 to 2\)"),
        ("file: mine.xml\nclasses: {-1: car}", r"names class -1, but the network has 3 \(0 to 2\)"),
    ],
)
def test_error_names_the_description_or_file_when_it_is_wrong(text: str, says: str, tmp_path: Path) -> None:
    colours(tmp_path / "mine.xml")
    (tmp_path / "text.onnx").write_text("nothing")
    with pytest.raises(ModelError, match=says) as caught:
        detector = open_detector(spec(describe(tmp_path, text)))
        detector.start(np.zeros((1, *HW, 3), np.uint8)).result()
    assert str(tmp_path) in str(caught.value)


def test_picodet_is_refused_when_nothing_tells_it_from_nanodet() -> None:
    """Its ONNX file was taken for NanoDet-Plus, in the wrong places and colours: 16 of 25 vehicles were counted."""
    file = SHARED / "weights" / "picodet_s_416.onnx"
    if not file.exists():
        pytest.skip("the shared weights are not here")
    with pytest.raises(ModelError, match="could be those of NanoDet-Plus or of PicoDet"):
        open_detector(spec(str(file)))


def test_torch_is_refused_when_the_network_is_foreign(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="runs on OpenVINO"):
        open_detector(spec(describe(tmp_path, "file: a.onnx\nclasses: coco"), engine="torch"))


@pytest.mark.parametrize(
    ("file", "rest"),
    [
        ("yolox_nano.onnx", "classes: coco"),
        ("picodet_s_416.onnx", "classes: coco\nlayout: picodet\nsize: [416, 416]"),
        ("nanodet_plus_m_416.onnx", "classes: coco\nlayout: nanodet"),
        ("deimv2_hgnetv2_femto_coco.onnx", "classes: coco"),
        ("person_vehicle_bike_crossroad_1016_int8.xml", "classes: {0: motorcycle, 1: car, 2: person}"),
    ],
)
def test_vehicles_are_found_when_a_published_network_looks_at_a_road(file: str, rest: str, tmp_path: Path) -> None:
    """Two vehicles that stand out, checked by eye in frame 150 of the clip."""
    clip, network = SHARED / "clips/motorway_two_carriageways.mp4", SHARED / "weights" / file
    if not network.exists() or not clip.exists():
        pytest.skip("the shared clips and weights are not here")
    with VideoReader(str(clip)) as reader:
        frame = next(frame for k, (frame, _) in enumerate(reader) if k == 150)
        input_hw = fit_input((640, 360), 416)
        tensor = np.zeros((1, *input_hw, 3), np.uint8)
        Shaper(reader.info, Letterbox((0, 0, 640, 360), input_hw), False).shape(frame, None, tensor[0])
    model = describe(tmp_path, f"file: {network}\n{rest}\n")
    detector = open_detector(DetectorSpec(model, (input_hw,), score=0.4, precision="f32", threads=1))
    (found,) = detector.start(tensor).result()
    detector.close()
    assert sum(label in (2, 5) for label in found.label.tolist()) >= 3
