"""Silhouettes on torch: CUDA in fp16, or the CPU as a fallback."""

from __future__ import annotations

import numpy as np
import torch

from models.contract import SegmenterSpec
from models.engines.torch import DTYPES
from models.mask_weights import MaskWeights
from models.rois import as_bytes, boxes_inside, check_picture
from stream.errors import ModelError

AT_ONCE = 256  # boxes a pass: bounds the memory, however many a detector finds


class TorchSegmenter:
    """A Segmenter. Raises ModelError if the precision does not run here or the memory does not suffice."""

    def __init__(self, weights: MaskWeights, spec: SegmenterSpec) -> None:
        cuda = torch.cuda.is_available()
        precision = ("fp16" if cuda else "f32") if spec.precision == "auto" else spec.precision
        if precision not in DTYPES or (precision == "fp16" and not cuda):
            raise ModelError("precision", f"torch on {'CUDA' if cuda else 'CPU'} does not run {precision}", "use auto")
        self._device, self._dtype = torch.device("cuda" if cuda else "cpu"), DTYPES[precision]
        self._network = weights.network().to(self._device, self._dtype)
        self._opened = spec.input_hw
        if not cuda and spec.threads:
            torch.set_num_threads(spec.threads)
        where = torch.cuda.get_device_name() if cuda else f"the CPU, {torch.get_num_threads()} threads"
        self.describe = f"{weights.path.stem} on torch, {precision}, {where}"

    def masks(self, picture: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
        """See models.contract.Segmenter."""
        check_picture(picture, self._opened)
        boxes, usable = boxes_inside(xyxy, picture.shape[:2])
        found = np.zeros((len(xyxy), 28, 28), np.uint8)
        if not len(usable):
            return found
        network = self._network
        try:
            with torch.inference_mode():
                uploaded = torch.from_numpy(np.ascontiguousarray(picture)).to(self._device)
                finest = network.features(uploaded.permute(2, 0, 1)[None].to(self._dtype))["0"]
                for part in np.array_split(usable, -(-len(usable) // AT_ONCE)):
                    rois = torch.from_numpy(boxes[part]).to(self._device, self._dtype)
                    logits = network.branch(network.pool(finest, rois))
                    found[part] = as_bytes(logits[:, 0].float().sigmoid().cpu().numpy())
        except torch.cuda.OutOfMemoryError as error:
            what = "not enough GPU memory"
            raise ModelError("segmenter", what, "set masks.engine: openvino, or a smaller input") from error
        return found

    def close(self) -> None:
        del self._network
