"""Silhouettes on torch: CUDA in fp16, or the CPU as a fallback."""

from __future__ import annotations

import numpy as np
import torch

from models.contract import SegmenterSpec
from models.engines.device import place_here
from models.files.mask_weights import MaskWeights
from models.rois import Branch, check_picture, masks_in_parts
from stream.errors import ModelError

AT_ONCE = 256  # boxes a pass: bounds the memory, however many a detector finds
FIX = "set masks.engine: openvino, or a smaller input"


class TorchSegmenter:
    """A Segmenter. Raises ModelError if the precision does not run here or the memory does not suffice."""

    def __init__(self, weights: MaskWeights, spec: SegmenterSpec) -> None:
        self._device, self._dtype, where = place_here(spec.precision, spec.threads)
        try:
            self._network = weights.network().to(self._device, self._dtype)
        except torch.OutOfMemoryError as error:
            raise ModelError("segmenter", "not enough GPU memory for the network", FIX) from error
        self._opened = spec.input_hw
        self.describe = f"{weights.path.stem} on {where}"

    def masks(self, picture: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
        """See models.contract.Segmenter."""
        check_picture(picture, self._opened)
        try:
            with torch.inference_mode():
                return masks_in_parts(self._look, picture, xyxy, AT_ONCE)
        except RuntimeError as error:
            raise ModelError("segmenter", f"torch failed during a pass ({error})", FIX) from error

    def _look(self, picture: np.ndarray) -> Branch:
        network = self._network
        uploaded = torch.from_numpy(np.require(picture, requirements=("C", "W"))).to(self._device)
        finest = network.features(uploaded.permute(2, 0, 1)[None].to(self._dtype))["0"].float()

        def branch(boxes: np.ndarray) -> np.ndarray:
            pooled = network.pool(finest, torch.from_numpy(boxes).to(self._device))  # boxes in fp16 are off by pixels
            logits = network.branch(pooled.to(self._dtype))
            return logits[:, 0].float().sigmoid().cpu().numpy()

        return branch

    def close(self) -> None:
        del self._network
