"""The empty scene of one camera as background.png: the median of a few pictures spread over the whole run."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from stream.messages import Counted, EndOfStream, Told
from stream.plan.cameras import CameraPlan
from stream.sight.medians import median
from stream.video import yuv_planes
from stream.whole import whole_file

BACKGROUND = "background.png"
SAMPLES = 32
FIRST_STEP_S = 0.5  # between the first pictures; doubled whenever SAMPLES are kept, and every other one is dropped
MOST_WIDTH = 1000  # of kept pictures: wider ones are thinned


class Background:
    """Keeps few pictures, ever farther apart, so that it costs the same for a minute and for a week."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._step_s, self._next_s = FIRST_STEP_S, -float("inf")

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> Background:
        del run_folder
        return cls(Path(camera.folder) / BACKGROUND)

    def write(self, counted: Counted) -> None:
        assert counted.yuv is not None  # a sink of pictures runs only where there are some
        if counted.frame.pts_s < self._next_s:
            return
        y, u, v = yuv_planes(counted.yuv)
        thin = -(-y.shape[1] // MOST_WIDTH)
        self._kept.append((y[::thin, ::thin].copy(), u[::thin, ::thin].copy(), v[::thin, ::thin].copy()))
        if len(self._kept) == SAMPLES:
            self._save()
            self._kept = self._kept[1::2]
            self._step_s *= 2
        self._next_s = counted.frame.pts_s + self._step_s

    def flush(self) -> None:
        """Nothing to do: it is saved whenever it has become better by a doubling of time."""

    def hear(self, told: Told) -> None:
        """Nothing to do."""

    def end(self, end: EndOfStream) -> None:
        """Nothing to add."""

    def close(self) -> None:
        if self._kept:
            self._save()

    def _save(self) -> None:
        y, u, v = (median(planes) for planes in zip(*self._kept, strict=True))
        height, width = y.shape
        full = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in (u, v)]
        _, png = cv2.imencode(".png", _bgr(y, *full))
        with whole_file(self._path) as unfinished:
            unfinished.write_bytes(png.tobytes())


def _bgr(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Limited-range BT.601, as colours that need not be exact: planes (H, W) -> BGR u8 (H, W, 3)."""
    luma = (y.astype(np.float32) - 16) * (255 / 219)
    u, v = (plane.astype(np.float32) - 128 for plane in (u, v))
    bgr = np.stack([luma + 2.017 * u, luma - 0.392 * u - 0.813 * v, luma + 1.596 * v], axis=-1)
    return np.clip(np.rint(bgr), 0, 255).astype(np.uint8)
