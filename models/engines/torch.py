"""Torch: CUDA with captured graphs, or the CPU as a fallback. A network of two stages is not captured.

On CUDA two lanes take turns, each with its own stream, pinned buffers and one captured graph per batch size, so that
the upload of one batch runs under the pass of the other. Resize was done before; conversion to float is in the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import torch

from models.contract import DetectorSpec
from models.families import family_name, family_of
from models.files.weights import Weights
from models.network import Deployed
from models.postprocess import PostProcess
from stream.errors import ModelError
from stream.geometry import PADDING
from stream.messages import Detections

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
CUDA_LANES = 2
Size = tuple[tuple[int, int], int]
"""Input (height, width) and batch."""


class Lane(Protocol):
    """Runs one batch at a time."""

    def start(self, pictures: np.ndarray) -> None: ...
    def done(self) -> bool: ...
    def raw(self) -> np.ndarray:
        """Waits; f32 (B, A, outputs of a cell) of the batch that was started."""
        ...


class TorchPending:
    """A batch in a lane. The lane is free for another batch once the answer was taken."""

    def __init__(self, lane: Lane, read: Callable[[np.ndarray], Detections]) -> None:
        self._lane, self._read = lane, read
        self._found: list[Detections] | None = None

    def done(self) -> bool:
        return self._found is not None or self._lane.done()

    def result(self) -> list[Detections]:
        if self._found is None:
            try:
                self._found = [self._read(raw) for raw in self._lane.raw()]
            except RuntimeError as error:
                raise ModelError("detector", f"torch failed during a pass ({error})") from error
        return self._found


class TorchDetector:
    """A Detector on torch. Raises ModelError if the precision does not run here or the memory does not suffice."""

    def __init__(self, weights: Weights, spec: DetectorSpec) -> None:
        device, dtype, where = place_here(spec.precision, spec.threads)
        self._spec, network = spec, weights.network()
        self._post = PostProcess(spec.score, spec.nms_iou, weights.labels, family_name(network.arch))
        network = network.to(memory_format=torch.channels_last)
        deployed = Deployed(network.to(device, dtype).eval().requires_grad_(False), dtype)
        if device.type == "cuda" and not family_of(network.arch).second:
            self._lanes: list[Lane] = [CudaLane(deployed, _sizes(spec)) for _ in range(CUDA_LANES)]
        else:
            self._lanes = [PlainLane(deployed, device)]
        self._last: list[TorchPending | None] = [None] * len(self._lanes)
        self._turn = 0
        self.in_flight = len(self._lanes)
        self.describe = f"{weights.path.stem} on {where}"

    def start(self, pictures: np.ndarray) -> TorchPending:
        """See models.contract.Detector. Raises ModelError on a shape that was not opened."""
        input_hw = (pictures.shape[1], pictures.shape[2]) if pictures.ndim == 4 else (0, 0)
        spec = self._spec
        if input_hw not in spec.input_hw or pictures.dtype != np.uint8 or not 1 <= len(pictures) <= spec.max_batch:
            opened = ", ".join(f"({spec.max_batch}, {h}, {w}, 3)" for h, w in spec.input_hw)
            raise ModelError("detector", f"expected u8 up to {opened}, got {pictures.dtype} {pictures.shape}")
        lane, last = self._lanes[self._turn], self._last[self._turn]
        if last is not None:
            last.result()  # its lane is taken over: keep its answer
        lane.start(pictures)
        pending = TorchPending(lane, partial(self._post, input_hw=input_hw))
        self._last[self._turn] = pending
        self._turn = (self._turn + 1) % len(self._lanes)
        return pending

    def close(self) -> None:
        self._lanes, self._last = [], []


class Place(NamedTuple):
    """Where a network runs, and in which number format."""

    device: torch.device
    dtype: torch.dtype
    describe: str


def place_here(precision: str, threads: int) -> Place:
    """CUDA where it is, else the CPU with so many threads; 0: as many as torch takes. Raises ModelError where the
    precision does not run there."""
    cuda = torch.cuda.is_available()
    precision = ("fp16" if cuda else "f32") if precision == "auto" else precision
    if precision not in DTYPES or (precision == "fp16" and not cuda):
        raise ModelError("precision", f"torch on {'CUDA' if cuda else 'CPU'} does not run {precision}", "use auto")
    if not cuda and threads:
        torch.set_num_threads(threads)
    where = torch.cuda.get_device_name() if cuda else f"the CPU, {torch.get_num_threads()} threads"
    return Place(torch.device("cuda" if cuda else "cpu"), DTYPES[precision], f"torch, {precision}, {where}")


class PlainLane:
    """The pass happens inside start(): on a CPU, and where the number of proposals is not known before."""

    def __init__(self, network: Deployed, device: torch.device) -> None:
        self._network, self._device = network, device

    def start(self, pictures: np.ndarray) -> None:
        with torch.inference_mode():
            uploaded = torch.from_numpy(np.ascontiguousarray(pictures)).to(self._device)
            self._raw = self._network(uploaded).cpu().numpy()

    def done(self) -> bool:
        return True

    def raw(self) -> np.ndarray:
        return self._raw


class CapturedPass(NamedTuple):
    """A graph with the buffers that it reads and writes: host to device to network to device to host."""

    graph: torch.cuda.CUDAGraph
    pinned: torch.Tensor  # u8 (B, h, w, 3)
    uploaded: torch.Tensor
    output: torch.Tensor  # f32 (B, A, outputs of a cell)
    fetched: torch.Tensor


class CudaLane:
    """One stream, pinned buffers, and one captured graph for each batch size; a batch runs in the next larger graph."""

    def __init__(self, network: Deployed, sizes: list[Size]) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._passes = {size: self._capture(network, size) for size in sizes}
        self._end = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._fetched = torch.empty(0)

    def start(self, pictures: np.ndarray) -> None:
        count, input_hw = len(pictures), (pictures.shape[1], pictures.shape[2])
        size = min(n for hw, n in self._passes if hw == input_hw and n >= count)
        run = self._passes[input_hw, size]
        run.pinned[:count].numpy()[:] = pictures
        self._fetched = run.fetched[:count]
        with torch.cuda.stream(self._stream):
            run.uploaded.copy_(run.pinned, non_blocking=True)
            run.graph.replay()
            run.fetched.copy_(run.output, non_blocking=True)
            self._end.record()

    def done(self) -> bool:
        return bool(self._end.query())  # type: ignore[no-untyped-call]

    def raw(self) -> np.ndarray:
        self._end.synchronize()
        return self._fetched.numpy()

    def _capture(self, network: Deployed, size: Size) -> CapturedPass:
        (height, width), batch = size
        try:
            pinned = torch.full((batch, height, width, 3), PADDING, dtype=torch.uint8, pin_memory=True)
            uploaded = pinned.cuda()
            graph = torch.cuda.CUDAGraph()
            with torch.inference_mode():
                with torch.cuda.stream(self._stream):
                    for _ in range(3):  # lets cuDNN choose its kernels before the capture
                        network(uploaded)
                self._stream.synchronize()
                with torch.cuda.graph(graph, stream=self._stream):
                    output = network(uploaded)
                fetched = torch.empty(output.shape, dtype=output.dtype, pin_memory=True)
        except torch.cuda.OutOfMemoryError as error:
            what = f"not enough GPU memory for {batch} pictures of {height}x{width}"
            raise ModelError("detector", what, "set a smaller batch") from error
        return CapturedPass(graph, pinned, uploaded, output, fetched)


def _sizes(spec: DetectorSpec) -> list[Size]:
    """Each input with batches of 1, 2, 4, ... up to the largest."""
    batches = sorted({min(2**k, spec.max_batch) for k in range(spec.max_batch.bit_length() + 1)})
    return [(input_hw, batch) for input_hw in spec.input_hw for batch in batches]
