"""A family of torchvision behind the Detector protocol: torch on CUDA where there is one, else on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.contract import DetectorSpec, Finished
from models.engines.device import halved_to_fit, place_here
from models.engines.torch import checked, seconds_of, uploads
from models.noise import noise
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
        self._most, note = spec.max_batch, ""
        if place.device.type == "cuda":
            _, note = halved_to_fit(self._move, spec.max_batch)
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
    def run_alone(self, pictures: np.ndarray, passes: int) -> float:
        """See models.engines.torch.TorchDetector."""
        parts = [_rgb(part) for part in uploads(pictures, self._device, self._most)]
        return seconds_of(self._network, parts, passes)

    def close(self) -> None:
        del self._network

    def _move(self, batch: int) -> None:
        """To the device, where the memory suffices for passes of so many pictures."""
        self._network.to(self._device)
        self._most = batch
        for input_hw in self._spec.input_hw:
            self.run_alone(noise(input_hw, batch), 1)

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
