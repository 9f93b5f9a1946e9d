"""OpenVINO on the CPU: one picture a thread, asynchronous, at the processor's native precision.

A picture is one request, also inside a batch: on two cores two pictures side by side cost less than two threads on one
picture. Nothing here imports torch, but for .pth files. OpenVINO keeps what it compiled in the user's cache folder.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openvino as ov

from models.contract import DetectorSpec
from models.engines.second_stage import SecondStage
from models.engines.stem import without_focus
from models.families import family_name, family_of
from models.files.kept import cache_folder, compiled_folder, takes_files
from models.files.weights import Weights
from models.postprocess import PostProcess
from stream.errors import ModelError
from stream.messages import Detections

NANODET_OUTPUTS = 80 + 4 * 8  # a row of the published exports, which take normalised pixels
NANODET_INPUT = "data"  # its name in them; that of PicoDet's exports is another
MEAN, SPREAD = [103.53, 116.28, 123.675], [57.375, 57.12, 58.395]  # of B, G and R in ImageNet
NO_INT8 = "a network of two stages is not quantised", "run it as it is, precision auto"
PRECISIONS = {"f32": "f32", "bf16": "bf16", "int8": "f32"}  # and how what is not quantised is computed


class OpenVinoPending:
    """The requests of one batch, in order of its pictures."""

    def __init__(self, owner: OpenVinoPasses, input_hw: tuple[int, int], requests: list[Any]) -> None:
        self._owner, self._input_hw, self._requests = owner, input_hw, requests
        self._found: list[Detections] | None = None  # once known: the requests then serve other pictures

    def done(self) -> bool:
        return self._found is not None or all(request.wait_for(0) for request in self._requests)

    def result(self) -> list[Detections]:
        if self._found is None:
            self._found = self._owner.finish(self._input_hw, self._requests)
        return self._found


class OpenVinoPasses(ABC):
    """A Detector on OpenVINO, but for the network and the reading of its outputs.

    Raises ModelError if the network cannot be run or the precision does not exist here.
    """

    def __init__(self, spec: DetectorSpec, name: str, where: str) -> None:
        """name: for `describe`; where: the file, for errors."""
        threads = spec.threads or len(os.sched_getaffinity(0))
        streams = min(spec.streams or threads, threads)
        core = ov.Core()
        self.precision = precision = precision_here(core, spec.precision)
        self._max_batch = spec.max_batch
        self.in_flight = streams + 1
        self.describe = f"{name} on OpenVINO, {precision}, {threads} threads, {streams} pictures at a time"
        self.settings = cpu_settings(precision, threads, streams)
        self._free: dict[tuple[int, int], list[Any]] = {}
        self._compiled = {}
        for input_hw in spec.input_hw:
            try:
                self._compiled[input_hw] = core.compile_model(self.model(core, input_hw), "CPU", self.settings)
            except RuntimeError as error:
                raise ModelError(where, f"OpenVINO cannot run it at {input_hw} ({error})",
                                 "heights and widths are multiples of 32") from error  # fmt: skip
            self._free[input_hw] = []

    @abstractmethod
    def model(self, core: ov.Core, input_hw: tuple[int, int]) -> ov.Model:
        """The network, with one input u8 (1, h, w, 3) BGR."""

    @abstractmethod
    def read(self, request: Any, input_hw: tuple[int, int]) -> Detections:
        """What a request that is done has found."""

    def start(self, pictures: np.ndarray) -> OpenVinoPending:
        """See models.contract.Detector. Raises ModelError on a shape that was not opened."""
        input_hw = (pictures.shape[1], pictures.shape[2]) if pictures.ndim == 4 else (0, 0)
        if input_hw not in self._compiled or pictures.dtype != np.uint8 or not 1 <= len(pictures) <= self._max_batch:
            opened = ", ".join(f"({self._max_batch}, {h}, {w}, 3)" for h, w in self._compiled)
            raise ModelError("detector", f"expected u8 up to {opened}, got {pictures.dtype} {pictures.shape}")
        free, requests = self._free[input_hw], []
        for picture in pictures:
            request = free.pop() if free else self._compiled[input_hw].create_infer_request()
            request.set_input_tensor(ov.Tensor(np.ascontiguousarray(picture[None]), shared_memory=False))
            request.start_async()
            requests.append(request)
        return OpenVinoPending(self, input_hw, requests)

    def finish(self, input_hw: tuple[int, int], requests: list[Any]) -> list[Detections]:
        """Wait for the requests of a batch, read their outputs and take them back."""
        found = []
        for request in requests:
            try:
                request.wait()
            except RuntimeError as error:
                raise ModelError("detector", f"OpenVINO failed during a pass ({error})") from error
            found.append(self.read(request, input_hw))
        self._free[input_hw] += requests
        return found

    def close(self) -> None:
        self._free.clear()
        self._compiled.clear()


class OpenVinoDetector(OpenVinoPasses):
    """A Detector of our own families. Raises ModelError if the weights cannot be read."""

    def __init__(self, weights: Weights, spec: DetectorSpec) -> None:
        core = ov.Core()
        self._graph = graph_of(core, weights, precision_here(core, spec.precision))
        self._post = PostProcess(spec.score, spec.nms_iou, weights.labels, self._graph.family)
        super().__init__(spec, weights.path.stem, str(weights.path))
        self._second = SecondStage(core, self._graph.second, self.settings) if self._graph.second else None

    def model(self, core: ov.Core, input_hw: tuple[int, int]) -> ov.Model:
        model = self._graph.model.clone()
        model.reshape([1, *input_hw, 3])
        return model

    def read(self, request: Any, input_hw: tuple[int, int]) -> Detections:
        rows = self._second(request) if self._second else request.get_output_tensor(0).data[0]
        return self._post(rows, input_hw)


def int8_path(weights: Weights) -> Path:
    """Where the int8 network of these weights is kept, see models/quantise.py."""
    return cache_folder() / "int8" / f"{weights.path.stem}-{weights.sha256[:16]}.xml"


def cpu_settings(precision: str, threads: int, streams: int) -> dict[str, Any]:
    """Of a network that is compiled for this processor. streams: pictures at a time."""
    folder = compiled_folder()
    kept = {"CACHE_DIR": str(folder)} if takes_files(folder) else {}  # without, each start compiles
    return {
        "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
        "ENABLE_CPU_PINNING": False,  # decoders and encoders share the cores
        **kept,
    }


def precision_here(core: ov.Core, wanted: str) -> str:
    """The number format that is meant: of `auto`, the quickest of this processor. Raises ModelError where it is not
    able to."""
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if wanted == "auto":
        return "bf16" if "BF16" in able else "f32"
    if wanted not in PRECISIONS:
        raise ModelError("precision", f"OpenVINO runs {', '.join(PRECISIONS)}, not {wanted}", "use the precision auto")
    if wanted == "bf16" and "BF16" not in able:
        raise ModelError("precision", "this processor has no bf16", "use the precision f32")
    return wanted


class Graph(NamedTuple):
    """A network with u8 NHWC BGR input of any size, the name of its family, and its second stage where it has one."""

    model: ov.Model
    family: str
    second: ov.Model | None = None


def graph_of(core: ov.Core, weights: Weights, precision: str) -> Graph:
    """The graph in int8 where that is wanted, read from ONNX, or built from the tensors. Raises ModelError."""
    graph = _graph(core, weights)
    if precision != "int8":
        return graph
    if graph.second is not None:
        raise ModelError(str(weights.path), *NO_INT8)
    path = int8_path(weights)
    try:
        return Graph(core.read_model(path), graph.family)
    except RuntimeError as error:
        what = f"{weights.path.stem} was not quantised on this machine" if not path.exists() else f"{error}"
        raise ModelError(str(path), what, f"roadtally models quantise {weights.path} CLIP") from error


def _graph(core: ov.Core, weights: Weights) -> Graph:
    """The graph read from ONNX, or built from the tensors."""
    if weights.path.suffix != ".onnx":
        arch, tensors = weights.tensors()
        try:
            family = family_of(arch)
            second = family.part("second")(arch, tensors) if family.second else None
            return Graph(family.part("graph")(arch, tensors), family_name(arch), second)
        except KeyError as error:
            raise ModelError(
                str(weights.path), f"a tensor is missing: {error}", "use weights of this version"
            ) from error
    try:
        return _with_picture_input(core.read_model(weights.path))
    except RuntimeError as error:
        what = f"cannot be read ({last_line(error)})"
        fix = "give an export of YOLOX or NanoDet-Plus, or describe it in a YAML file: docs/detectors.md"
        raise ModelError(str(weights.path), what, fix) from error


def last_line(error: RuntimeError) -> str:
    """What OpenVINO says, without the places in its code that it was told at."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), "no reason given").strip()


def _with_picture_input(model: ov.Model) -> Graph:
    """Put the conversion from u8 NHWC to the f32 NCHW of a published export in front of it."""
    shape = model.input(0).partial_shape
    if shape.rank.get_length() != 4 or model.output(0).partial_shape.rank.get_length() != 3:
        raise RuntimeError("expected one (B, 3, H, W) input and one (B, A, outputs of a cell) output")
    nanodet = model.output(0).partial_shape[2] == NANODET_OUTPUTS
    if nanodet and NANODET_INPUT not in model.input(0).get_names():
        raise RuntimeError("its outputs could be those of NanoDet-Plus or of PicoDet, which mean other places")
    if not nanodet and (direct := without_focus(model)) is not None:
        return Graph(direct, "yolox")
    steps = ov.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    if nanodet:
        steps.input().preprocess().convert_element_type(ov.Type.f32).mean(MEAN).scale(SPREAD)
    return Graph(steps.build(), "nanodet" if nanodet else "yolox")
