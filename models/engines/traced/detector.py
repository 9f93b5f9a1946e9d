"""A traced network on OpenVINO, behind the Detector protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov

from models.contract import DetectorSpec
from models.engines.openvino import OpenVinoPasses
from models.engines.traced.graphs import Graphs, Hw, Traceable, graphs_of
from models.postprocess import suppress
from stream.errors import ModelError
from stream.messages import MASK_SIZE, Detections

MOST_CANDIDATES = 1000  # that reach the suppression, best first
MOST = 300  # detections of a picture, best first
LEAST_SIDE = 0.01  # px, of a box that is one


class TracedDetector(OpenVinoPasses):
    """A Detector. What a picture finds in the first stage is looked at again when its pass is read.

    Raises ModelError if the weights cannot be read, or the size or precision cannot be run.
    """

    def __init__(self, source: Traceable, spec: DetectorSpec) -> None:
        if spec.precision == "int8":
            raise ModelError("precision", f"{source.name} runs in f32 and bf16", "use --set detector.precision=auto")
        self._source, self._score, self._nms_iou = source, spec.score, spec.nms_iou
        self._stages: dict[Hw, dict[str, Any]] = {}  # by input and name of the graph: a request
        super().__init__(spec, source.name, source.where)

    def model(self, core: ov.Core, input_hw: Hw) -> ov.Model:
        graphs = graphs_of(core, self._source, input_hw)
        self._stages[input_hw] = self._later(core, graphs)
        return graphs["picture"]

    def _later(self, core: ov.Core, graphs: Graphs) -> dict[str, Any]:
        """The graphs after the first, one picture at a time."""
        settings = self.settings | {"NUM_STREAMS": 1}
        names = [name for name in graphs if name != "picture"]
        return {name: core.compile_model(graphs[name], "CPU", settings).create_infer_request() for name in names}

    def read(self, request: Any, input_hw: Hw) -> Detections:
        stages = self._stages[input_hw]
        if "boxes" not in stages:
            xyxy, scores = request.get_tensor("xyxy").data, request.get_tensor("scores").data
            row, label = self._best(np.broadcast_to(xyxy[:, None], (*scores.shape, 4)), scores)
            return Detections(xyxy[row], scores[row, label], label.astype(np.int16))
        rois, level = request.get_tensor("rois").data, request.get_tensor("level").data
        if not len(rois):
            return Detections.empty()
        pyramid = [request.get_tensor(f"level{k}") for k in range(_levels(request))]
        _look_up(stages["boxes"], pyramid, rois, level)
        boxes, scores, levels = (stages["boxes"].get_tensor(name).data for name in ("xyxy", "scores", "level"))
        row, label = self._best(boxes, scores)
        xyxy, score, level = boxes[row, label], scores[row, label], levels[row, label]
        masks = _masks(stages["masks"], pyramid, xyxy, level, label) if "masks" in stages else None
        return Detections(xyxy, score, label.astype(np.int16), masks)

    def _best(self, xyxy: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of boxes (N, 6, 4) and scores (N, 6): rows and labels of those that stay, best first."""
        row, label = np.nonzero(scores >= self._score)
        order = np.argsort(-scores[row, label], kind="stable")[:MOST_CANDIDATES]
        row, label = row[order], label[order]
        boxes = xyxy[row, label]
        whole = (boxes[:, 2:] - boxes[:, :2] > LEAST_SIDE).all(1)
        row, label = row[whole], label[whole]
        keep = suppress(boxes[whole], label, self._nms_iou)[:MOST]
        return row[keep], label[keep]


def _levels(request: Any) -> int:
    """Of the pyramid that the first stage gives."""
    return len(request.model_outputs) - 2


def _look_up(stage: Any, pyramid: list[ov.Tensor], xyxy: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Run a later stage on boxes, each in its level. Returns which box each of its rows is of. Raises ModelError."""
    for k, features in enumerate(pyramid):
        stage.set_tensor(f"level{k}", features)
        stage.set_tensor(f"rois{k}", ov.Tensor(np.ascontiguousarray(xyxy[level == k], np.float32)))
    try:
        stage.infer()
    except RuntimeError as error:
        raise ModelError("detector", f"OpenVINO failed on {len(xyxy)} boxes ({error})") from error
    return np.argsort(level, kind="stable")


def _masks(stage: Any, pyramid: list[ov.Tensor], xyxy: np.ndarray, level: np.ndarray, label: np.ndarray) -> np.ndarray:
    """u8 (N, 28, 28), in the order of the boxes."""
    masks = np.zeros((len(xyxy), MASK_SIZE, MASK_SIZE), np.uint8)
    if len(xyxy):
        order = _look_up(stage, pyramid, xyxy, level)
        masks[order] = np.rint(stage.get_tensor("masks").data[np.arange(len(order)), label[order]] * 255)
    return masks
