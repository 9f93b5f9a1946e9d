"""The silhouettes of tracks: the last of each, between the pictures that are segmented.

A mask is box-aligned, so it moves and grows with the box of its track. On disk it is a bit a cell: drawn, it covers the
same pixels but for one in forty.
"""

from __future__ import annotations

import msgspec
import numpy as np

from stream.geometry import iou
from stream.messages import MASK_SIZE, Detections, Tracks
from stream.scene import Scene

KEEP_S = 1.0  # an older silhouette says nothing of a vehicle that may have turned
SAME_IOU = 0.5  # a detection is of the track whose box overlaps its own so much
INSIDE = 128  # of 255: a cell of the object
NEWEST = 0.5  # weight of the newest mask against all before: single masks flicker


class _Memory(msgspec.Struct, frozen=True, array_like=True):
    track_id: list[int]
    since_s: list[float]
    masks: bytes  # u8 (N, 28, 28)


class Silhouettes:
    """What is known of the shapes of one camera's tracks."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[float, np.ndarray]] = {}  # track id -> pts_s, mask u8 (28, 28)

    def follow(self, detections: Detections | None, tracks: Tracks, pts_s: float) -> Tracks:
        """The tracks with their masks; as they are while no mask is known at all."""
        if detections is not None and detections.masks is not None:
            self._take(detections, tracks, pts_s)
        ids = tracks.track_id.tolist()
        if self._last:
            alive = self._last.keys() & ids
            self._last = {k: self._last[k] for k in alive if 0 <= pts_s - self._last[k][0] <= KEEP_S}
        if not self._last:
            return tracks
        masks = np.zeros((len(ids), MASK_SIZE, MASK_SIZE), np.uint8)
        for row, track_id in enumerate(ids):
            if track_id in self._last:
                masks[row] = self._last[track_id][1]
        return msgspec.structs.replace(tracks, masks=masks)

    def reset(self) -> None:
        self._last = {}

    def state(self) -> bytes:
        """Everything that `restore` needs to go on from here."""
        ids = sorted(self._last)
        masks = b"".join(self._last[k][1].tobytes() for k in ids)
        return msgspec.msgpack.encode(_Memory(ids, [self._last[k][0] for k in ids], masks))

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned. Raises msgspec.DecodeError or ValueError on other bytes."""
        memory = msgspec.msgpack.decode(state, type=_Memory)
        masks = np.frombuffer(memory.masks, np.uint8).reshape(len(memory.track_id), MASK_SIZE, MASK_SIZE)
        self._last = {k: (t, m) for k, t, m in zip(memory.track_id, memory.since_s, masks, strict=True)}

    def _take(self, detections: Detections, tracks: Tracks, pts_s: float) -> None:
        """Masks of the detections to the tracks that were observed in them."""
        assert detections.masks is not None
        seen, shown = np.flatnonzero(tracks.observed), np.flatnonzero(detections.masks.any((1, 2)))
        if not len(seen) or not len(shown):
            return
        overlap = iou(tracks.xyxy[seen], detections.xyxy[shown])
        best = overlap.argmax(1)
        for row, track_id in enumerate(tracks.track_id[seen].tolist()):
            if overlap[row, best[row]] >= SAME_IOU:
                mask = detections.masks[shown[best[row]]]
                if track_id in self._last:
                    mask = (mask * NEWEST + self._last[track_id][1] * (1 - NEWEST)).astype(np.uint8)
                self._last[track_id] = (pts_s, mask)


def packed(tracks: Tracks) -> np.ndarray:
    """The masks of tracks as bits u8 (N, 98), the first cell the highest; all 0 where none is known."""
    if tracks.masks is None:
        return np.zeros((len(tracks), MASK_SIZE**2 // 8), np.uint8)
    return np.packbits(tracks.masks.reshape(len(tracks), MASK_SIZE**2) >= INSIDE, axis=1)


def unpacked(bits: np.ndarray) -> np.ndarray:
    """Masks u8 (N, 28, 28), 0 or 255, of what packed() made."""
    return np.unpackbits(bits, axis=1).reshape(len(bits), MASK_SIZE, MASK_SIZE) * np.uint8(255)


def is_near(xyxy: np.ndarray, scene: Scene, heights: float) -> np.ndarray:
    """Whether the foot of each box (N, 4) is within so many of its heights of a line or a zone: bool (N,)."""
    near = np.zeros(len(xyxy), bool)
    foot = np.stack([(xyxy[:, 0] + xyxy[:, 2]) / 2, xyxy[:, 3]], 1)
    reach = heights * (xyxy[:, 3] - xyxy[:, 1])
    for edge in scene.edges:
        start, along = np.array([edge.x1, edge.y1]), np.array([edge.x2 - edge.x1, edge.y2 - edge.y1])
        share = np.clip((foot - start) @ along / max(float(along @ along), 1e-9), 0, 1)
        near |= np.hypot(*(foot - start - share[:, None] * along).T) <= reach
    return near
