"""A network in int8 for OpenVINO: quantised once with NNCF after looking at pictures, then kept for every later run.

The pictures should be of the camera that the detector will watch: they say which values occur inside the network. What
is kept is named after the weights and lies beside the compiled networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
import openvino as ov

from models.bench import throughput
from models.contract import DetectorSpec
from models.engines.openvino import NO_INT8, OpenVinoDetector, graph_of, int8_path
from models.engines.telemetry import no_telemetry
from models.noise import noise
from models.registry import find_weights
from models.scoring.pictures import PICTURES, read_picture
from models.scoring.stills import letterboxed
from stream.errors import ConfigError, ModelError, SourceError
from stream.geometry import Letterbox, fit_input
from stream.video import VideoReader, probe

LOOKS = 120  # pictures that are looked at
TURNS, SECONDS = 7, 0.3  # of the comparison


class Gain(msgspec.Struct, frozen=True):
    """What int8 brings on this machine: ms a picture on one thread, medians of turns."""

    path: Path
    native: str  # the precision it is compared with
    native_ms: float
    int8_ms: float


def quantise(model: str, source: Path, long_side: int) -> Gain:
    """Make and keep the int8 network of a detector from pictures of a clip or folder, and measure what it brings.

    Raises ModelError and SourceError where these cannot be read, ConfigError where NNCF is not installed.
    """
    try:
        with no_telemetry():
            import nncf
    except ImportError as error:
        raise ConfigError("int8", "it needs the nncf package", "pip install 'roadtally[int8]'") from error
    weights = find_weights(model)
    pictures = list(_pictures(source, long_side))
    input_hw = (pictures[0].shape[1], pictures[0].shape[2])
    graph, _, second = graph_of(ov.Core(), weights, "f32")
    if second is not None:
        raise ModelError(str(weights.path), *NO_INT8)
    graph.reshape([1, *input_hw, 3])
    quantised = nncf.quantize(
        graph, nncf.Dataset(pictures), preset=nncf.QuantizationPreset.MIXED, subset_size=len(pictures)
    )
    path = int8_path(weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(quantised, path, compress_to_fp16=False)
    spec = DetectorSpec(model, (input_hw,), threads=1, streams=1)
    native = OpenVinoDetector(weights, spec)
    fast = OpenVinoDetector(weights, msgspec.structs.replace(spec, precision="int8"))
    native_ms, int8_ms = zip(*(_turn(native, fast, input_hw) for _ in range(TURNS)), strict=True)
    return Gain(path, native.precision, median(native_ms), median(int8_ms))


def _turn(native: OpenVinoDetector, fast: OpenVinoDetector, input_hw: tuple[int, int]) -> tuple[float, float]:
    first, second = (1000 / throughput(one, noise(input_hw, 1), SECONDS) for one in (native, fast))
    return first, second


def _pictures(source: Path, long_side: int) -> Iterator[np.ndarray]:
    """At most LOOKS pictures spread over a clip or folder, u8 (1, h, w, 3), all letterboxed as the first needs it."""
    input_hw: tuple[int, int] | None = None
    for picture in _of_folder(source) if source.is_dir() else _of_clip(source):
        height, width = picture.shape[:2]
        input_hw = input_hw or fit_input((width, height), long_side)
        yield letterboxed(picture, Letterbox((0, 0, width, height), input_hw))


def _of_folder(folder: Path) -> Iterator[np.ndarray]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)
    if not paths:
        raise SourceError(str(folder), "no pictures here", f"give a folder with {', '.join(sorted(PICTURES))} files")
    for index in np.unique(np.linspace(0, len(paths) - 1, LOOKS).round().astype(int)):
        yield read_picture(paths[index])


def _of_clip(clip: Path) -> Iterator[np.ndarray]:
    every_s = (probe(str(clip)).duration_s or 60.0) / LOOKS
    due_s, found = -np.inf, 0
    with VideoReader(str(clip)) as reader:
        for frame, pts_s in reader:
            if pts_s >= due_s and found < LOOKS:
                due_s, found = pts_s + every_s, found + 1
                yield frame.to_ndarray(format="bgr24")
