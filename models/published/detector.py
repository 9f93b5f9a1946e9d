"""A family of torchvision behind the Detector protocol: torch on CUDA where there is one, else on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.contract import DetectorSpec, Finished
from models.published.family import Family
from models.published.name import Name
from models.published.network import MAPS, classes_of, network_of
from stream.errors import ModelError
from stream.messages import MASK_SIZE, Detections

DTYPES = {"f32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchvisionDetector:
    """A Detector. Raises ModelError if the checkpoint is of another network, or the precision does not run here."""

    in_flight = 1

    def __init__(self, family: Family, name: Name, tensors: dict[str, Tensor], spec: DetectorSpec) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._autocast = _dtype(spec.precision, self._device.type)
        classes = classes_of(family, tensors, name.file)
        self._labels = np.array([MAPS[classes].get(k, -1) for k in range(classes)], np.int16)
        self._network = network_of(family, tensors, name, spec)
        self._network.to(self._device)
        if self._device.type == "cpu" and spec.threads:
            torch.set_num_threads(spec.threads)
        self._spec, self._family = spec, family
        weights = Path(name.file).stem if name.file else "COCO"
        where = (
            torch.cuda.get_device_name() if self._device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
        )
        precision = str(self._autocast).removeprefix("torch.") if self._autocast else "f32"
        self.describe = f"{family.name} ({weights}) on torch, {precision}, {where}"

    def start(self, pictures: np.ndarray) -> Finished:
        """See models.contract.Detector. The pass happens here. Raises ModelError on a shape that was not opened."""
        spec = self._spec
        input_hw = pictures.shape[1:3] if pictures.ndim == 4 else ()
        if input_hw not in spec.input_hw or pictures.dtype != np.uint8 or not 1 <= len(pictures) <= spec.max_batch:
            opened = ", ".join(f"({spec.max_batch}, {h}, {w}, 3)" for h, w in spec.input_hw)
            raise ModelError("detector", f"expected u8 up to {opened}, got {pictures.dtype} {pictures.shape}")
        try:
            with torch.inference_mode(), torch.autocast(self._device.type, self._autocast, self._autocast is not None):
                uploaded = torch.from_numpy(np.ascontiguousarray(pictures)).to(self._device)
                rgb = uploaded.permute(0, 3, 1, 2).flip(1).float() / 255
                found = self._network(rgb)
        except torch.cuda.OutOfMemoryError as error:
            what = f"not enough GPU memory for {len(pictures)} pictures of {input_hw[0]}x{input_hw[1]}"
            raise ModelError("detector", what, "set a smaller batch or input") from error
        return Finished([self._read(one, input_hw) for one in found])

    def close(self) -> None:
        del self._network

    def _read(self, found: dict[str, Tensor], input_hw: tuple[int, ...]) -> Detections:
        label = self._labels[found["labels"].cpu().numpy()]
        score = found["scores"].float().cpu().numpy()
        limit = np.array([input_hw[1], input_hw[0]] * 2, np.float32)
        xyxy = np.clip(found["boxes"].float().cpu().numpy(), 0, limit)
        keep = np.flatnonzero((label >= 0) & (score >= self._spec.score) & (xyxy[:, 2:] > xyxy[:, :2]).all(1))
        masks = None
        if self._family.masks:
            masks = (found["masks"].float() * 255).round().byte().cpu().numpy().reshape(-1, MASK_SIZE, MASK_SIZE)[keep]
        return Detections(xyxy[keep], score[keep], label[keep], masks)


def _dtype(precision: str, device: str) -> torch.dtype | None:
    """What autocast computes in; None: f32 throughout."""
    if precision == "auto":
        return torch.float16 if device == "cuda" else None
    if precision not in DTYPES or (precision == "fp16" and device == "cpu"):
        raise ModelError(
            "precision", f"torch on {device} does not run {precision}", "use --set detector.precision=auto"
        )
    return DTYPES[precision]
