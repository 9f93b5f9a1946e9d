"""The second stage of a detector on OpenVINO: what a pass has proposed, looked at again when the pass is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov

from models.proposals import LEAST_SIDE, LEVELS, TRUST, level_of, points
from stream.errors import ModelError


class SecondStage:
    """A compiled graph of models.engines.graph_faster_rcnn.build_second. One thread uses it."""

    def __init__(self, core: ov.Core, model: ov.Model, settings: dict[str, Any]) -> None:
        self._request = core.compile_model(model, "CPU", settings | {"NUM_STREAMS": 1}).create_infer_request()
        self._columns = model.output(0).partial_shape[1].get_length()

    def __call__(self, first: Any) -> np.ndarray:
        """Rows f32 (N, classes + 4) of the proposals of a request that is done; a score is what the first
        stage says, corrected by the second. Raises ModelError."""
        xyxy, sure = first.get_output_tensor(0).data, first.get_output_tensor(1).data
        whole = (xyxy[:, 2:] - xyxy[:, :2] >= LEAST_SIDE).all(1)  # what lies outside the picture was cut to nothing
        xyxy, sure = xyxy[whole], sure[whole]
        if not len(xyxy):
            return np.zeros((0, self._columns), np.float32)
        level = level_of(xyxy)
        order = np.argsort(level, kind="stable")
        xyxy, sure, level = xyxy[order], sure[order], level[order]
        for k in range(LEVELS):
            features = first.get_output_tensor(2 + k)
            grid = points(xyxy[level == k], k, tuple(features.shape)[2:])
            self._request.set_input_tensor(k, features)
            self._request.set_input_tensor(LEVELS + k, ov.Tensor(grid))
        self._request.set_input_tensor(2 * LEVELS, ov.Tensor(np.ascontiguousarray(xyxy, np.float32)))
        try:
            self._request.infer()
        except RuntimeError as error:
            raise ModelError("detector", f"OpenVINO failed on {len(xyxy)} proposals ({error})") from error
        rows = self._request.get_output_tensor(0).data
        return np.concatenate((rows[:, :-4] ** TRUST * sure, rows[:, -4:]), 1)
