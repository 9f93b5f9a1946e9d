"""A network on a graphics card as graphs, each captured once for a batch size and then replayed: the pass, and the
choice of what is found.

One stream and one pool of memory a lane: its graphs never run at the same time, and what one leaves behind is fetched
before the next begins, so they share the memory of the largest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.engines.selection import Selection
from models.network import Deployed
from models.postprocess import PostProcess
from stream.geometry import PADDING
from stream.messages import Detections

Hw = tuple[int, int]
WARM_UP = 3  # passes before a capture: libraries choose their kernels and take their memory


class Captured(NamedTuple):
    """Two graphs from `uploaded` to `chosen`."""

    network: torch.cuda.CUDAGraph
    selection: torch.cuda.CUDAGraph
    uploaded: Tensor  # u8 (B, h, w, 3)
    chosen: Tensor  # f32 (B, K, 7), see Selection


class Pinned(NamedTuple):
    """Memory of this machine that the card reads and writes by itself, for the largest batch of one input."""

    pictures: Tensor  # u8 (B, h, w, 3)
    chosen: Tensor  # f32 (B, K, 7)


class CudaLane:
    """Runs one batch at a time, in parts where it is larger than the largest graph."""

    def __init__(
        self,
        network: Deployed,
        post: PostProcess,
        device: torch.device,
        inputs: tuple[Hw, ...],
        batches: tuple[int, int],
    ) -> None:
        """batches: pictures of the largest graph, and of the largest batch to come. Raises RuntimeError where the
        memory does not suffice."""
        self._network = network
        self._selections = {input_hw: Selection(post, input_hw, device) for input_hw in inputs}
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._stream.wait_stream(torch.cuda.current_stream())  # the weights are on their way
        self._pool = torch.cuda.graph_pool_handle()
        self._end = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._graphs: dict[Hw, dict[int, Captured]] = {}
        self._pinned: dict[Hw, Pinned] = {}
        for input_hw in inputs:
            with torch.cuda.stream(self._stream):
                uploaded = torch.full((batches[0], *input_hw, 3), PADDING, dtype=torch.uint8, device=device)
            graphs = {size: self._capture(uploaded[:size], input_hw) for size in sizes_up_to(batches[0])}
            pictures = torch.empty((batches[1], *input_hw, 3), dtype=torch.uint8).pin_memory()
            chosen = torch.empty((batches[1], *graphs[1].chosen.shape[1:])).pin_memory()
            self._graphs[input_hw], self._pinned[input_hw] = graphs, Pinned(pictures, chosen)

    @torch.inference_mode()  # a tensor that was made in this mode is written in it
    def start(self, pictures: np.ndarray) -> None:
        """Upload, pass and fetch, none of which is waited for. Pictures u8 (B, h, w, 3) in pinned memory are read
        where they are, and may not change before `found`; others are copied first."""
        input_hw, count = (pictures.shape[1], pictures.shape[2]), len(pictures)
        pinned = self._pinned[input_hw]
        self._given = _in_pinned_memory(pictures, pinned.pictures)
        self._chosen, self._selection = pinned.chosen[:count], self._selections[input_hw]
        with torch.cuda.stream(self._stream):
            for part, run in self._parts(input_hw, count):
                here = slice(part.stop - part.start)
                run.uploaded[here].copy_(self._given[part], non_blocking=True)
                run.network.replay()
                run.selection.replay()
                self._chosen[part].copy_(run.chosen[here], non_blocking=True)
            self._end.record()

    def done(self) -> bool:
        return bool(self._end.query())  # type: ignore[no-untyped-call]

    def found(self) -> list[Detections]:
        """Waits; what is in the pictures of the batch that was started."""
        self._end.synchronize()
        return [self._selection.read(rows) for rows in self._chosen.numpy()]

    def run_alone(self, pictures: np.ndarray, passes: int) -> float:
        """Seconds that so many passes of the network take by themselves, over a batch that lies on the card."""
        self.start(pictures)
        self._end.synchronize()
        began_s = time.perf_counter()
        with torch.cuda.stream(self._stream):
            for _ in range(passes):
                for _, run in self._parts((pictures.shape[1], pictures.shape[2]), len(pictures)):
                    run.network.replay()
            self._end.record()
        self._end.synchronize()
        return time.perf_counter() - began_s

    def _parts(self, input_hw: Hw, count: int) -> Iterator[tuple[slice, Captured]]:
        """What of a batch goes through which graph."""
        graphs = self._graphs[input_hw]
        for first in range(0, count, max(graphs)):
            part = slice(first, min(first + max(graphs), count))
            yield part, graphs[min(size for size in graphs if size >= part.stop - first)]

    @torch.inference_mode()
    def _capture(self, uploaded: Tensor, input_hw: Hw) -> Captured:
        network, raw = self._graph_of(self._network, uploaded)
        selection, chosen = self._graph_of(self._selections[input_hw], raw)
        return Captured(network, selection, uploaded, chosen)

    def _graph_of(self, part: Callable[[Tensor], Tensor], given: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """And where it will leave its answer."""
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UP):
                part(given)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the card meanwhile: decoders do where all is in one process.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            answer = part(given)
        return graph, answer


def sizes_up_to(most: int) -> list[int]:
    """Batches that get a graph, the largest first, whose memory the others then share: most, and 1, 2, 4, ... below."""
    return sorted({most, *(2**k for k in range(most.bit_length()))}, reverse=True)


def _in_pinned_memory(pictures: np.ndarray, buffer: Tensor) -> Tensor:
    """The pictures where they are, if that is pinned memory; else their copy in the buffer."""
    if pictures.flags.c_contiguous and pictures.flags.writeable:  # torch refuses others, or warns of them
        given = torch.from_numpy(pictures)
        if given.is_pinned():
            return given
    copied = buffer[: len(pictures)]
    copied.numpy()[:] = pictures
    return copied
