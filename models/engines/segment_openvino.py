"""Silhouettes on OpenVINO: the trunk once a picture, the branch on the boxes, a few dozen at a time."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import openvino as ov

from models.contract import SegmenterSpec
from models.engines.graph_masks import build_branch, build_trunk
from models.engines.openvino import PRECISIONS, _precision, cache_folder
from models.mask_weights import MaskWeights
from models.rois import as_bytes, boxes_inside, check_picture
from stream.errors import ModelError

AT_ONCE = 32  # boxes a pass: bounds the memory, however many a detector finds


class OpenVinoSegmenter:
    """A Segmenter. Raises ModelError if the network cannot be run or the precision does not exist here."""

    def __init__(self, weights: MaskWeights, spec: SegmenterSpec) -> None:
        core, threads = ov.Core(), spec.threads or len(os.sched_getaffinity(0))
        precision = _precision(core, spec.precision)
        settings = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,  # one picture at a time, and somebody waits for it
            "ENABLE_CPU_PINNING": False,
            "CACHE_DIR": str(cache_folder() / "compiled"),
        }
        self.describe = f"{weights.path.stem} on OpenVINO, {precision}, {threads} threads"
        self._trunks: dict[tuple[int, int], Any] = {}
        try:
            trunk = build_trunk(weights)
            for input_hw in spec.input_hw:
                trunk.reshape([1, *input_hw, 3])
                self._trunks[input_hw] = core.compile_model(trunk, "CPU", settings).create_infer_request()
            self._branch = core.compile_model(build_branch(weights), "CPU", settings).create_infer_request()
        except (RuntimeError, KeyError) as error:
            fix = "heights and widths are multiples of 32"
            raise ModelError(str(weights.path), f"OpenVINO cannot run it ({error})", fix) from error

    def masks(self, picture: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
        """See models.contract.Segmenter."""
        check_picture(picture, self._trunks)
        boxes, usable = boxes_inside(xyxy, picture.shape[:2])
        found = np.zeros((len(xyxy), 28, 28), np.uint8)
        if not len(usable):
            return found
        trunk = self._trunks[picture.shape[:2]]
        try:
            trunk.infer([ov.Tensor(np.ascontiguousarray(picture[None]), shared_memory=True)])
            finest = trunk.get_output_tensor()
            for part in np.array_split(usable, -(-len(usable) // AT_ONCE)):
                self._branch.infer([finest, np.ascontiguousarray(boxes[part])])
                found[part] = as_bytes(self._branch.get_output_tensor().data[:, 0])
        except RuntimeError as error:
            raise ModelError("segmenter", f"OpenVINO failed during a pass ({error})") from error
        return found

    def close(self) -> None:
        self._trunks.clear()
        del self._branch
