"""A road of dark blobs on grey, and a detector that finds them: what pipeline tests run on, without any network."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np

from models.contract import DetectorSpec, Finished, SegmenterSpec
from stream.messages import Detections
from tests.build import make_clip

WIDTH, HEIGHT, FRAMES = 320, 192, 60
LINE = "A:0.1,0.5,0.9,0.5"
HOLD_AT, GO = 140, "ROADTALLY_TEST_GO"


def blob_clip(path: Path, frames: int = FRAMES) -> Path:
    """Three blobs cross the line at half height: two downwards (in), one upwards (out)."""
    return make_clip(path, [blob_picture(k) for k in range(frames)])


def blob_picture(k: int) -> np.ndarray:
    """BGR u8 (HEIGHT, WIDTH, 3) of moment k."""
    picture = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    for x, y in ((60, 10 + 3 * k), (150, HEIGHT - 40 - 3 * k), (240, 3 * k - 30)):
        cv2.rectangle(picture, (x, y), (x + 35, y + 24), (20, 20, 20), -1)
    return picture


class BlobDetector:
    """Finds dark blobs and calls them cars."""

    in_flight = 2
    describe = "blobs"
    pause_s = 0.0

    def __init__(self, spec: DetectorSpec) -> None:
        self.spec = spec

    def start(self, pictures: np.ndarray) -> Finished:
        time.sleep(self.pause_s)
        return Finished([self._find(picture) for picture in pictures])

    def close(self) -> None:
        pass

    def _find(self, picture: np.ndarray) -> Detections:
        dark = (picture.max(axis=2) < 70).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(dark)
        stats = stats[1:][stats[1:, cv2.CC_STAT_AREA] > 40].astype(np.float32)
        xyxy = np.column_stack((stats[:, :2], stats[:, :2] + stats[:, 2:4])).astype(np.float32).reshape(-1, 4)
        return Detections(xyxy, np.full(len(xyxy), 0.9, np.float32), np.full(len(xyxy), 2, np.int16))


class SlowBlobDetector(BlobDetector):
    """The same, far too slow."""

    pause_s = 0.05


class SteadyBlobDetector(BlobDetector):
    """The same, at about 60 pictures a second, so that there is time to disturb it."""

    pause_s = 0.015


class HeldBlobDetector(SteadyBlobDetector):
    """The same, but at its picture HOLD_AT it waits until the file exists that the environment names in GO: however
    late a test is run, the run that it wants to disturb is still under way."""

    seen = 0

    def start(self, pictures: np.ndarray) -> Finished:
        self.seen += len(pictures)
        while self.seen >= HOLD_AT and not Path(os.environ[GO]).exists():
            time.sleep(0.005)
        return super().start(pictures)


class FailingDetector(BlobDetector):
    """Finds its model damaged."""

    def __init__(self, spec: DetectorSpec) -> None:
        from stream.errors import ModelError

        raise ModelError("weights.safetensors", "is damaged: expected sha256 aa, got bb", "fetch it again")


class CrashingDetector(BlobDetector):
    """Dies like a segfault on its fifth picture."""

    seen = 0

    def start(self, pictures: np.ndarray) -> Finished:
        self.seen += 1
        if self.seen == 5:
            import signal

            os.kill(os.getpid(), signal.SIGKILL)
        return super().start(pictures)


class BlobSegmenter:
    """Of each box what is dark in it."""

    describe = "dark pixels"

    def __init__(self, spec: SegmenterSpec) -> None:
        pass

    def masks(self, picture: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
        dark = (picture.max(axis=2) < 70).astype(np.uint8) * 255
        found = np.zeros((len(xyxy), 28, 28), np.uint8)
        for mask, (x1, y1, x2, y2) in zip(found, xyxy.round().astype(int), strict=True):
            mask[:] = cv2.resize(dark[y1:y2, x1:x2], (28, 28))
        return found

    def close(self) -> None:
        pass
