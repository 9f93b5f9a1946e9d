"""A family of torchvision behind the Detector protocol: torch on CUDA where there is one, else on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.contract import DetectorSpec, Finished
from models.engines.device import halved_to_fit, place_here
from models.engines.torch import checked, uploads
from models.published.family import Family
from models.published.name import Name
from models.published.network import MAPS, classes_of, network_of
from models.published.reduced import reduce
from stream.errors import ModelError
from stream.messages import MASK_SIZE, Detections

Hw = tuple[int, int]


class TorchvisionDetector:
    """A Detector. Raises ModelError if the checkpoint is of another network, the precision does not run here, or the
    memory does not suffice."""

    in_flight = 1

    def __init__(self, family: Family, name: Name, tensors: dict[str, Tensor], spec: DetectorSpec) -> None:
        place = place_here(spec.precision, spec.threads)
        classes = classes_of(family, tensors, name.file)
        self._labels = np.array([MAPS[classes].get(k, -1) for k in range(classes)], np.int16)
        self._spec, self._family, self._device = spec, family, place.device
        self._network = network_of(family, tensors, name, spec)
        if place.dtype is not torch.float32:
            reduce(self._network, place.dtype)
        self._lying = torch.empty(0)
        self._most, note = spec.max_batch, ""
        if place.device.type == "cuda":
            self._most, note = halved_to_fit(self._fits, spec.max_batch)
        weights = Path(name.file).stem if name.file else "COCO"
        self.describe = f"{family.name} ({weights}) on {place.describe}{note}"

    def start(self, pictures: np.ndarray) -> Finished:
        """See models.contract.Detector. The pass happens here. Raises ModelError on a shape that was not opened."""
        input_hw = checked(pictures, self._spec)
        try:
            with torch.inference_mode():
                parts = [self._network(_rgb(part)) for part in uploads(pictures, self._device, self._most)]
                return Finished([self._read(one, input_hw) for part in parts for one in part])
        except torch.OutOfMemoryError as error:
            what = f"not enough GPU memory for {len(pictures)} pictures of {input_hw[0]}x{input_hw[1]}"
            raise ModelError("detector", what, "set a smaller batch or input") from error
        except RuntimeError as error:
            raise ModelError("detector", f"torch failed during a pass ({error})") from error

    @torch.inference_mode()
    def again(self, input_hw: Hw, batch: int) -> None:
        """One pass of the network alone over a batch that lies on its device, to measure the rest by. On CUDA its end
        is not waited for."""
        shape = (batch, *input_hw, 3)
        if self._lying.shape != shape:  # noise makes for many proposals
            pictures = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
            self._lying = torch.from_numpy(pictures).to(self._device)
        self._network(_rgb(self._lying))

    def close(self) -> None:
        del self._network

    def _fits(self, batch: int) -> int:
        self._network.to(self._device)
        for input_hw in self._spec.input_hw:
            self.again(input_hw, batch)
        return batch

    def _read(self, found: dict[str, Tensor], input_hw: Hw) -> Detections:
        label = self._labels[found["labels"].cpu().numpy()]
        score = found["scores"].float().cpu().numpy()
        limit = np.array([input_hw[1], input_hw[0]] * 2, np.float32)
        xyxy = np.clip(found["boxes"].float().cpu().numpy(), 0, limit)
        keep = np.flatnonzero((label >= 0) & (score >= self._spec.score) & (xyxy[:, 2:] > xyxy[:, :2]).all(1))
        masks = None
        if self._family.masks:
            masks = (found["masks"].float() * 255).round().byte().cpu().numpy().reshape(-1, MASK_SIZE, MASK_SIZE)[keep]
        return Detections(xyxy[keep], score[keep], label[keep], masks)


def _rgb(pictures: Tensor) -> Tensor:
    """u8 (B, h, w, 3) BGR -> f32 (B, 3, h, w) RGB 0..1, as torchvision takes it."""
    return pictures.permute(0, 3, 1, 2).flip(1).float() / 255
