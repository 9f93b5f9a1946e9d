"""The second stage of a detector on OpenVINO: what a pass has proposed, looked at again when the pass is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov

from models.proposals import LEAST_SIDE, LEVELS, level_of
from stream.errors import ModelError


class SecondStage:
    """A compiled graph of models.engines.graph_faster_rcnn.build_second. One thread uses it."""

    def __init__(self, core: ov.Core, model: ov.Model, settings: dict[str, Any]) -> None:
        self._request = core.compile_model(model, "CPU", settings | {"NUM_STREAMS": 1}).create_infer_request()
        self._columns = model.output(0).partial_shape[1].get_length()

    def __call__(self, first: Any) -> np.ndarray:
        """Rows f32 (N, classes + 4) of the proposals of a request that is done; a score is the product of what the
        stages say. Raises ModelError."""
        xyxy, sure = first.get_output_tensor(0).data, first.get_output_tensor(1).data
        whole = (xyxy[:, 2:] - xyxy[:, :2] >= LEAST_SIDE).all(1)  # what lies outside the picture was cut to nothing
        xyxy, sure = xyxy[whole], sure[whole]
        if not len(xyxy):
            return np.zeros((0, self._columns), np.float32)
        level = level_of(xyxy)
        for k in range(LEVELS):
            self._request.set_input_tensor(k, first.get_output_tensor(2 + k))
            own = np.ascontiguousarray(xyxy[level == k], np.float32)
            self._request.set_input_tensor(LEVELS + k, ov.Tensor(own))
        try:
            self._request.infer()
        except RuntimeError as error:
            raise ModelError("detector", f"OpenVINO failed on {len(xyxy)} proposals ({error})") from error
        rows = self._request.get_output_tensor(0).data  # level by level
        judged = rows[:, :-4] * sure[np.argsort(level, kind="stable")]
        return np.concatenate((judged, rows[:, -4:]), 1)
