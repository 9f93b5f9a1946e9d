"""How far a picture lies from where the lines were drawn, while a mast sways or a bridge trembles.

Corners of a background are found again in each picture, small, by optical flow (Lucas and Kanade 1981, in the pyramids
of Bouguet 2001), and the median of their ways is taken: most of a picture stands still, so traffic hardly disturbs. The
background is a running mean of pictures that were moved back. A shift alone is found, no turn and no zoom.
"""

from __future__ import annotations

import cv2
import msgspec
import numpy as np

WIDTH = 320  # px of the small picture
RATE = 0.04  # of the background, that a picture replaces
CORNERS, FRESH = 60, 50  # that are followed; pictures until they are chosen anew
FARTHEST = 0.06  # of the picture: a greater shift is no sway
LEAST_SHARE, LEAST_CORNERS, REACH_PX = 0.4, 8, 1.0  # so many must go the same way, to so much


class Sway:
    """Watches one camera."""

    def __init__(self, size_wh: tuple[int, int]) -> None:
        width, height = size_wh
        self._wh = WIDTH, max(32, round(WIDTH * height / width))
        self._scale = np.array([width / self._wh[0], height / self._wh[1]])
        self._background, self._corners = np.zeros((0, 0), np.float32), np.zeros((0, 1, 2), np.float32)
        self._looks = 0

    def look(self, luma: np.ndarray) -> tuple[float, float]:
        """A picture, luma u8 (height, width): how far right and down it lies of the background, px of the source."""
        picture = cv2.resize(luma, self._wh, interpolation=cv2.INTER_AREA)
        if not self._background.size:
            self._background = picture.astype(np.float32)
        if not self._looks % FRESH:
            self._corners = self._choose()
        self._looks += 1
        way = self._way(picture)
        back = np.array([[1.0, 0.0, -way[0]], [0.0, 1.0, -way[1]]])
        steady = cv2.warpAffine(picture, back, self._wh, borderMode=cv2.BORDER_REPLICATE)
        cv2.accumulateWeighted(steady, self._background, RATE)
        x, y = (way * self._scale).tolist()
        return x, y

    def restart(self) -> None:
        """The next picture is where the lines are."""
        self._background, self._corners = np.zeros((0, 0), np.float32), np.zeros((0, 1, 2), np.float32)
        self._looks = 0

    def state(self) -> bytes:
        """What restore() needs to go on from here."""
        background, corners = self._background, self._corners
        return msgspec.msgpack.encode((background.shape, background.tobytes(), corners.tobytes(), self._looks))

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned. Raises msgspec.DecodeError or ValueError on other bytes."""
        shape, values, corners, self._looks = msgspec.msgpack.decode(
            state, type=tuple[tuple[int, int], bytes, bytes, int]
        )
        self._background = np.frombuffer(values, np.float32).reshape(shape).copy()
        self._corners = np.frombuffer(corners, np.float32).reshape(-1, 1, 2).copy()

    def _choose(self) -> np.ndarray:
        """Corners of the background f32 (n, 1, 2), well apart."""
        found = cv2.goodFeaturesToTrack(self._background, CORNERS, 0.02, WIDTH / 20)
        return np.zeros((0, 1, 2), np.float32) if found is None else found

    def _way(self, picture: np.ndarray) -> np.ndarray:
        """How far the corners went together, f64 (2,), px of the small picture; 0 where they do not agree."""
        nowhere = np.zeros(2)
        if len(self._corners) < LEAST_CORNERS:
            return nowhere
        before, guess = self._background.astype(np.uint8), self._corners.copy()
        there, found, _ = cv2.calcOpticalFlowPyrLK(before, picture, self._corners, guess, winSize=(15, 15), maxLevel=2)
        ways = (there - self._corners)[found.ravel() > 0, 0]
        if len(ways) < LEAST_CORNERS:
            return nowhere
        way: np.ndarray = np.median(ways, axis=0).astype(np.float64)
        agree = (np.abs(ways - way) < REACH_PX).all(axis=1).mean()
        return way if agree >= LEAST_SHARE and np.abs(way).max() <= FARTHEST * WIDTH else nowhere
