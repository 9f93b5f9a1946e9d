"""Silhouettes on OpenVINO: the trunk once a picture, the branch on the boxes, a few dozen at a time."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import openvino as ov

from models.contract import SegmenterSpec
from models.engines.graph_masks import build_branch, build_trunk
from models.engines.openvino import cpu_settings, precision_here
from models.files.mask_weights import MaskWeights
from models.rois import Branch, check_picture, masks_in_parts
from stream.errors import ModelError

AT_ONCE = 32  # boxes a pass: bounds the memory, however many a detector finds


class OpenVinoSegmenter:
    """A Segmenter. Raises ModelError if the network cannot be run or the precision does not exist here."""

    def __init__(self, weights: MaskWeights, spec: SegmenterSpec) -> None:
        core, threads = ov.Core(), spec.threads or len(os.sched_getaffinity(0))
        precision = precision_here(core, spec.precision)
        settings = cpu_settings(precision, threads, streams=1)  # one picture at a time, and somebody waits for it
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
        try:
            return masks_in_parts(self._look, picture, xyxy, AT_ONCE)
        except RuntimeError as error:
            raise ModelError("segmenter", f"OpenVINO failed during a pass ({error})") from error

    def _look(self, picture: np.ndarray) -> Branch:
        trunk = self._trunks[picture.shape[:2]]
        trunk.infer([ov.Tensor(np.ascontiguousarray(picture[None]), shared_memory=True)])
        finest = trunk.get_output_tensor()

        def branch(boxes: np.ndarray) -> np.ndarray:
            self._branch.infer([finest, boxes])
            return self._branch.get_output_tensor().data[:, 0]

        return branch

    def close(self) -> None:
        self._trunks.clear()
        del self._branch
