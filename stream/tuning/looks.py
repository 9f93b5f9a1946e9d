"""What a network sees in every picture of a clip, and what that costs on this machine."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from av.video.frame import VideoFrame

from models.bench import bench
from models.contract import DetectorSpec, Pending
from models.registry import open_detector
from stream.budget.gate import MotionGate
from stream.budget.looks import Look, Region
from stream.config.schema import Config
from stream.counting import Counter
from stream.geometry import Letterbox
from stream.messages import Detections, Frame
from stream.plan.cameras import CameraPlan, letterbox_of
from stream.tracking.tracker import Tracker
from stream.video import FileFeed, Shaper, shrunk

BENCH_S = 0.6  # for the time of a look alone


class Network(msgspec.Struct, frozen=True):
    """A network at one input size, for the whole or for what is near the lines. ms: that a look keeps the device busy
    when all of it is used, nothing else running; running_ms: the same beside the other stages; latency_ms: of a look
    alone; memory_mb: that the process grew by."""

    model: str
    precision: str
    input: int
    region: Region
    ms: float
    running_ms: float
    latency_ms: float
    memory_mb: float

    @property
    def name(self) -> str:
        return Look(self.input, self.region, self.model, self.precision).name


class Looks(msgspec.Struct, frozen=True):
    """One entry a picture: its time, what was seen in it, whether the motion gate lets it through."""

    network: Network
    pts_s: list[float]
    seen: list[Detections]
    moved: list[bool]


def look(config: Config, camera: CameraPlan, spec: DetectorSpec, wanted: Look, most_s: float) -> Looks:
    """Let a network look at every picture of the first seconds of a file, with decoding, tracking and counting beside.

    camera: its letterbox is of the largest input; wanted: of which the input and the region count here. Raises
    SourceError, ModelError.
    """
    before_mb = _memory_mb()
    box = letterbox_of(config.detector, camera.scene, camera.letterbox, wanted)
    spec = msgspec.structs.replace(spec, input_hw=(box.input_hw,))
    (alone,) = bench(spec, (1,), BENCH_S)
    watch = _Watch(config, camera, box)
    running_ms = _run(watch, spec, camera.source, most_s)
    memory_mb = max(0.0, _memory_mb() - before_mb)
    times_ms = alone.ms_per_picture, running_ms, alone.latency_ms
    network = Network(spec.model, spec.precision, wanted.input, wanted.region, *times_ms, memory_mb)
    return Looks(network, watch.pts_s, watch.seen, watch.moved)


def _run(watch: _Watch, spec: DetectorSpec, source: str, most_s: float) -> float:
    """Milliseconds of the device a look, median."""
    detector, feed = open_detector(spec), FileFeed(source)
    waiting: deque[tuple[float, Pending, int]] = deque()
    try:
        for tensor in _tensors(watch, feed, most_s):
            if len(waiting) == detector.in_flight:
                watch.found(*waiting.popleft())
            shared = max(len(waiting) + 1, detector.in_flight - 1)
            waiting.append((time.perf_counter(), detector.start(tensor[None]), shared))
        while waiting:
            watch.found(*waiting.popleft())
    finally:
        feed.close()
        detector.close()
    return float(np.median(watch.ms)) if watch.ms else float("nan")


def _tensors(watch: _Watch, feed: FileFeed, most_s: float) -> Iterator[np.ndarray]:
    while (picture := feed.take(0)) is not None and picture.pts_s <= most_s:
        yield watch.shape(picture.frame, picture.pts_s)


class _Watch:
    """What happens beside the looks, as in a run: shaping, the gate, tracking and counting."""

    def __init__(self, config: Config, camera: CameraPlan, box: Letterbox) -> None:
        self._camera, self._box = camera, box
        self._shaper = Shaper(camera.info, camera.letterbox, wants_yuv=False)
        self._tensor = np.zeros((*camera.letterbox.input_hw, 3), np.uint8)
        self._gate = MotionGate.of(camera.scene, camera.letterbox.crop_xyxy)
        self._tracker, self._counter = Tracker(config.tracker), Counter(camera.scene, config.counting)
        self.pts_s: list[float] = []
        self.moved: list[bool] = []
        self.seen: list[Detections] = []
        self.ms: list[float] = []

    def shape(self, picture: VideoFrame, pts_s: float) -> np.ndarray:
        """The network input of a picture, u8 (h, w, 3)."""
        planes = self._shaper.upright(picture)
        self._shaper.fill(planes, None, self._tensor)
        self.pts_s.append(pts_s)
        self.moved.append(self._gate.passes(planes[0], pts_s))
        return shrunk(self._tensor, self._camera.letterbox, self._box).copy()

    def found(self, began_s: float, pending: Pending, shared: int) -> None:
        """A look has ended, or ends now. shared: by how many looks the device was shared."""
        (seen,) = pending.result()
        self.ms.append(1000 * (time.perf_counter() - began_s) / shared)
        seq, scene = len(self.seen), self._camera.scene
        self.seen.append(Detections(self._box.to_picture(seen.xyxy), seen.score, seen.label, seen.masks))
        tracks = self._tracker.update(self.seen[-1], self.pts_s[seq])
        self._counter.update(Frame(scene.camera, 0, seq, self.pts_s[seq], 0, scene.width, scene.height), tracks)


def _memory_mb() -> float:
    """Of this process, resident; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
