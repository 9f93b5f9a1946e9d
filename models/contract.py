"""What a detector is to the rest of the system: letterboxed uint8 pictures in, Detections out."""

from __future__ import annotations

from typing import Protocol

import msgspec
import numpy as np

from stream.messages import Detections


class DetectorSpec(msgspec.Struct, frozen=True):
    """Everything needed to open a detector, in this process or another: plain values only."""

    model: str  # a name from the registry (`roadtally models`) or the path of a weights file
    input_hw: tuple[tuple[int, int], ...]  # network (height, width) of every camera's letterbox
    engine: str = "auto"  # auto | openvino | torch
    precision: str = "auto"  # auto | f32 | bf16 | fp16 | int8
    max_batch: int = 1
    score: float = 0.1  # below this a detection is not reported; the tracker has its own thresholds
    nms_iou: float = 0.6
    threads: int = 0  # 0: all cores
    streams: int = 0  # pictures computed at the same time on a CPU; 0: one a thread (most pictures/s); 1: least latency


class Pending(Protocol):
    """A pass under way."""

    def done(self) -> bool:
        """True when result() will not wait."""
        ...

    def result(self) -> list[Detections]:
        """Waits for the pass; one Detections a picture, xyxy in network pixels. Raises ModelError if it failed.
        May be called again: the answer is kept."""
        ...


class Finished:
    """A pass that was over when it began: of a detector that computes where it is called."""

    def __init__(self, found: list[Detections]) -> None:
        self._found = found

    def done(self) -> bool:
        return True

    def result(self) -> list[Detections]:
        return self._found


class Detector(Protocol):
    """An open detector. One thread uses it; `start` may be called `in_flight` times before a result is taken."""

    in_flight: int  # passes that run at the same time
    describe: str  # one line for the user: model, engine, precision, threads

    def start(self, pictures: np.ndarray) -> Pending:
        """Begin a pass over u8 (B, h, w, 3) BGR letterboxed pictures (padding value 114), B <= max_batch."""
        ...

    def close(self) -> None: ...


class SegmenterSpec(msgspec.Struct, frozen=True):
    """Everything needed to open a segmenter: plain values only."""

    model: str  # roadtally-mask, or the path of a weights file
    input_hw: tuple[tuple[int, int], ...]  # network (height, width) of every camera's letterbox
    engine: str = "auto"  # auto | openvino | torch
    precision: str = "auto"  # auto | f32 | bf16 | fp16
    threads: int = 0  # 0: all cores


class Segmenter(Protocol):
    """Silhouettes of what a detector has found, whichever detector it was. One thread uses it."""

    describe: str  # one line for the user: model, engine, precision, threads

    def masks(self, picture: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
        """u8 (N, 28, 28): of each box the probability times 255 that a pixel of it is the object, rows from its top.

        picture: u8 (h, w, 3) BGR, letterboxed as for a Detector; xyxy f32 (N, 4) in its pixels. What of a box lies
        outside the picture, and a box without area, is empty. Raises ModelError on a shape that was not opened.
        """
        ...

    def close(self) -> None: ...
