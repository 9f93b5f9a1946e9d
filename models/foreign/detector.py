"""A foreign network on OpenVINO, behind the Detector protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from models.contract import DetectorSpec
from models.engines.graph_darknet import build
from models.engines.openvino import OpenVinoPasses, last_line
from models.foreign.description import Description, read_description
from models.foreign.layout import Hw, Layout, Raw, Shapes
from models.foreign.layouts import layout_of
from models.postprocess import suppress
from stream.errors import ModelError
from stream.geometry import PADDING
from stream.messages import Detections

DARKNET = ".cfg"
MOST = 300  # candidates that reach the suppression, best first


class ForeignDetector(OpenVinoPasses):
    """A Detector from a description. Where the file has a fixed input, pictures are stretched to it, or padded
    where its layout keeps the aspect.

    Raises ModelError if the description or the file cannot be read, or its outputs have no layout that is known.
    """

    def __init__(self, path: Path, spec: DetectorSpec) -> None:
        if spec.engine == "torch":
            raise ModelError("engine", f"{path.name} runs on OpenVINO", "use --set detector.engine=openvino")
        self._path, self._score, self._nms_iou = path, spec.score, spec.nms_iou
        self._description = read_description(path)
        self._labels = self._description.label_of()
        self._read_as: dict[Hw, tuple[Layout, Hw]] = {}
        super().__init__(spec, path.stem, str(path))

    def model(self, core: ov.Core, input_hw: Hw) -> ov.Model:
        """The file with the steps in front of it that lead from our pictures to its input."""
        file = self._description.file
        try:
            if file.suffix == DARKNET:
                size_wh = self._description.size
                seen_hw = (size_wh[1], size_wh[0]) if size_wh else input_hw
                model, named = build(file, seen_hw), "yolov8"  # decoded in the graph
            else:
                model, named = core.read_model(file), self._description.layout
                seen_hw = _seen_hw(model, self._description.size, input_hw)
                _shape(model, seen_hw)
            layout = layout_of(named, _shapes(model), seen_hw, str(self._path))
            self._check_classes(layout.classes(_shapes(model)) if layout.classes else 0)
            self._read_as[input_hw] = layout, seen_hw
            return _with_picture_input(model, self._description, layout, (input_hw, seen_hw))
        except RuntimeError as error:
            raise ModelError(str(file), f"cannot be read ({last_line(error)})", "is it a whole detector?") from error

    def _check_classes(self, known: int) -> None:
        """known: how many the network has; 0 or less: its shapes do not tell."""
        missing = [str(kind) for kind in self._labels if kind < 0 or 0 < known <= kind]
        if missing:
            has = f"the network has {known} (0 to {known - 1})" if known > 0 else "they count from 0"
            raise ModelError(str(self._path), f"names class {', '.join(missing)}, but {has}", "correct `classes`")

    def read(self, request: Any, input_hw: Hw) -> Detections:
        layout, seen_hw = self._read_as[input_hw]
        outputs = {_name(port): request.get_tensor(port).data for port in request.model_outputs}
        try:
            raw: Raw = layout.decode(outputs, seen_hw, self._score)
        except (ValueError, IndexError, KeyError) as error:
            shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in outputs.items())
            what = f"its outputs ({shapes}) are not of layout {self._description.layout} ({error})"
            raise ModelError(str(self._path), what, "name another layout, or auto") from error
        label = np.array([self._labels.get(int(kind), -1) for kind in raw.kind], np.int16)
        keep = np.flatnonzero((label >= 0) & np.isfinite(raw.xyxy).all(1))
        keep = keep[np.argsort(-raw.score[keep], kind="stable")][:MOST]
        shown_hw = layout.shown_hw(input_hw, seen_hw)
        stretch = np.array([input_hw[1] / shown_hw[1], input_hw[0] / shown_hw[0]] * 2, np.float32)
        limit = np.array([input_hw[1], input_hw[0]] * 2, np.float32)
        xyxy, score, label = np.clip(raw.xyxy[keep] * stretch, 0, limit), raw.score[keep], label[keep]
        whole = (xyxy[:, 2:] > xyxy[:, :2]).all(1)
        xyxy, score, label = xyxy[whole], score[whole], label[whole]
        keep = suppress(xyxy, label, self._nms_iou)
        return Detections(xyxy[keep].astype(np.float32), score[keep], label[keep])


def _picture_input(model: ov.Model) -> Any:
    found = [one for one in model.inputs if one.partial_shape.rank.get_length() == 4]
    if len(found) != 1:
        raise RuntimeError(f"expected one input of 4 axes (1, 3, H, W), got {len(found)} of them")
    return found[0]


def _seen_hw(model: ov.Model, size_wh: tuple[int, int] | None, input_hw: Hw) -> Hw:
    """Height and width of what the network sees."""
    height, width = _picture_input(model).partial_shape[2:]
    if height.is_static and width.is_static:
        return height.get_length(), width.get_length()
    return (size_wh[1], size_wh[0]) if size_wh else input_hw


def _shape(model: ov.Model, seen_hw: Hw) -> None:
    """One picture of that size; a second input of two numbers a picture takes the size in which boxes come back."""
    picture = _picture_input(model)
    if picture.partial_shape[1] != 3:
        raise RuntimeError(f"expected (1, 3, H, W), got {picture.partial_shape}")
    wanted = {picture: [1, 3, *seen_hw]}
    others = [one for one in model.inputs if one != picture]
    if any(one.partial_shape.rank.get_length() != 2 or one.partial_shape[1] != 2 for one in others):
        raise RuntimeError(f"expected pictures and at most their sizes (1, 2), got {len(model.inputs)} inputs")
    model.reshape(wanted | {one: [1, 2] for one in others})
    for one in others:
        parameter = one.get_node()
        dtype = one.element_type.to_dtype()
        size = ov.opset13.constant(np.array([[seen_hw[1], seen_hw[0]]], dtype))
        for target in one.get_target_inputs():
            target.replace_source_output(size.output(0))
        model.remove_parameter(parameter)


def _with_picture_input(model: ov.Model, description: Description, layout: Layout, sizes: tuple[Hw, Hw]) -> ov.Model:
    """From u8 (1, h, w, 3) BGR of our size to what the network takes."""
    input_hw, seen_hw = sizes
    steps = ov.preprocess.PrePostProcessor(model)
    tensor = steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    tensor.set_color_format(ov.preprocess.ColorFormat.BGR)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    work = steps.input().preprocess().convert_element_type(ov.Type.f32)
    if input_hw != seen_hw:
        tensor.set_shape([1, *input_hw, 3])
        shown_hw = layout.shown_hw(input_hw, seen_hw)
        work.resize(ov.preprocess.ResizeAlgorithm.RESIZE_LINEAR, *shown_hw)
        below, beside = seen_hw[0] - shown_hw[0], seen_hw[1] - shown_hw[1]
        work.pad([0, 0, 0, 0], [0, below, beside, 0], PADDING, ov.preprocess.PaddingMode.CONSTANT)
    if (description.colour or layout.colour) == "rgb":
        work.convert_color(ov.preprocess.ColorFormat.RGB)
    work.mean(list(description.mean or layout.mean)).scale(list(description.scale or layout.scale))
    return steps.build()


def _name(port: Any) -> str:
    return str(min(port.get_names(), default=f"output {port.get_index()}", key=len))


def _shapes(model: ov.Model) -> Shapes:
    return {
        _name(port): tuple(axis.get_length() if axis.is_static else -1 for axis in port.partial_shape)
        for port in model.outputs
    }
