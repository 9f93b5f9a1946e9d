"""Torch: CUDA with captured graphs, or the CPU as a fallback. A network of two stages is not captured.

On CUDA two lanes take turns, each with its own stream, pinned buffers and graphs (models.engines.cuda), so that the
upload of one batch runs under the pass of the other. Resize was done before; conversion to float is in the graph, and
so is post-processing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import torch

from models.contract import DetectorSpec
from models.engines.cuda import CudaLane, Hw
from models.engines.device import Place, halved_to_fit, place_here
from models.families import family_name, family_of
from models.files.weights import Weights
from models.network import Deployed, Network
from models.noise import noise
from models.postprocess import PostProcess
from stream.errors import ModelError
from stream.messages import Detections

CUDA_LANES = 2


class Lane(Protocol):
    """Runs one batch at a time."""

    def start(self, pictures: np.ndarray) -> None: ...
    def done(self) -> bool: ...
    def found(self) -> list[Detections]:
        """Waits; what is in the pictures of the batch that was started, until the next one is."""
        ...

    def run_alone(self, pictures: np.ndarray, passes: int) -> float: ...


class TorchPending:
    """A batch in a lane. The lane is free for another batch once the answer was taken."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._found: list[Detections] | None = None

    def done(self) -> bool:
        try:
            return self._found is not None or self._lane.done()
        except RuntimeError:
            return True  # result() tells what is wrong

    def result(self) -> list[Detections]:
        if self._found is None:
            try:
                self._found = self._lane.found()
            except RuntimeError as error:
                raise ModelError("detector", f"torch failed during a pass ({error})") from error
        return self._found


class TorchDetector:
    """A Detector on torch. Raises ModelError if the precision does not run here or the memory does not suffice."""

    def __init__(self, weights: Weights, spec: DetectorSpec) -> None:
        place, network = place_here(spec.precision, spec.threads), weights.network()
        self._spec = spec
        post = PostProcess(spec.score, spec.nms_iou, weights.labels, family_name(network.arch))
        self._lanes, note = _lanes(network, post, place, spec)
        self._last: list[TorchPending | None] = [None] * len(self._lanes)
        self._turn = 0
        self.in_flight = len(self._lanes)
        self.describe = f"{weights.path.stem} on {place.describe}{note}"

    def start(self, pictures: np.ndarray) -> TorchPending:
        """See models.contract.Detector. Pictures in pinned memory may not change before the result is taken. Raises
        ModelError on a shape that was not opened, or where the device fails."""
        checked(pictures, self._spec)
        lane, last = self._lanes[self._turn], self._last[self._turn]
        if last is not None:
            last.result()  # its lane is taken over: keep its answer
        try:
            lane.start(pictures)
        except RuntimeError as error:
            raise ModelError("detector", f"torch failed to begin a pass ({error})", "set a smaller batch") from error
        pending = TorchPending(lane)
        self._last[self._turn] = pending
        self._turn = (self._turn + 1) % len(self._lanes)
        return pending

    def run_alone(self, pictures: np.ndarray, passes: int) -> float:
        """Seconds that the network alone takes for so many passes over a batch that lies on its device already: what
        a detector does beside is measured by it."""
        return self._lanes[0].run_alone(pictures, passes)

    def close(self) -> None:
        for last in filter(None, self._last):
            with contextlib.suppress(ModelError):
                last.result()  # buffers of a pass under way are not given back
        self._lanes, self._last = [], []


def checked(pictures: np.ndarray, spec: DetectorSpec) -> Hw:
    """Height and width of a batch. Raises ModelError on one that was not opened."""
    input_hw = (pictures.shape[1], pictures.shape[2]) if pictures.ndim == 4 else (0, 0)
    if input_hw not in spec.input_hw or pictures.dtype != np.uint8 or not 1 <= len(pictures) <= spec.max_batch:
        opened = ", ".join(f"({spec.max_batch}, {h}, {w}, 3)" for h, w in spec.input_hw)
        raise ModelError("detector", f"expected u8 up to {opened}, got {pictures.dtype} {pictures.shape}")
    return input_hw


def _lanes(network: Network, post: PostProcess, place: Place, spec: DetectorSpec) -> tuple[list[Lane], str]:
    """And what to add to the description."""
    device, family = place.device, family_of(network.arch)

    def attempt(batch: int) -> list[Lane]:
        network.to(memory_format=torch.channels_last)
        deployed = Deployed(network.to(device, place.dtype).eval().requires_grad_(False), place.dtype)
        if device.type == "cuda" and not family.second:
            sizes = (batch, spec.max_batch)
            return [CudaLane(deployed, post, device, spec.input_hw, sizes) for _ in range(CUDA_LANES)]
        lane = PlainLane(deployed, post, device, batch)
        for input_hw in spec.input_hw if device.type == "cuda" else ():
            lane.start(noise(input_hw, batch))  # whether the memory suffices
        return [lane]

    return halved_to_fit(attempt, spec.max_batch) if device.type == "cuda" else (attempt(spec.max_batch), "")


class PlainLane:
    """The pass happens inside start(): on a CPU, and where the number of proposals is not known before."""

    def __init__(self, network: Deployed, post: PostProcess, device: torch.device, most: int) -> None:
        """most: pictures a pass; a larger batch is passed in parts."""
        self._network, self._post, self._device, self._most = network, post, device, most

    @torch.inference_mode()
    def start(self, pictures: np.ndarray) -> None:
        self._raw = [self._network(part).cpu().numpy() for part in uploads(pictures, self._device, self._most)]
        self._input_hw = (pictures.shape[1], pictures.shape[2])

    def done(self) -> bool:
        return True

    def found(self) -> list[Detections]:
        return [self._post(rows, self._input_hw) for part in self._raw for rows in part]

    @torch.inference_mode()
    def run_alone(self, pictures: np.ndarray, passes: int) -> float:
        return seconds_of(self._network, list(uploads(pictures, self._device, self._most)), passes)


def uploads(pictures: np.ndarray, device: torch.device, most: int) -> Iterable[torch.Tensor]:
    """Pictures u8 (B, h, w, 3) on the device, in parts of at most so many."""
    writeable = np.require(pictures, requirements=("C", "W"))  # those of another host are not: torch would warn
    return (part.to(device) for part in torch.split(torch.from_numpy(writeable), most))


def seconds_of(network: Callable[[torch.Tensor], object], parts: list[torch.Tensor], passes: int) -> float:
    """Seconds for so many passes of a batch whose parts lie on the device."""
    _finish(parts[0].device)
    began_s = time.perf_counter()
    for _ in range(passes):
        for part in parts:
            network(part)
    _finish(parts[0].device)
    return time.perf_counter() - began_s


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
