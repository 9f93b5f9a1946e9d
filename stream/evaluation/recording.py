"""What a run recorded of a camera, to be held against truth: its frames, and which tracks it claims to see."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from stream.errors import SourceError
from stream.evaluation.causes import RunTracks
from stream.evaluation.mot import TrackBoxes
from stream.messages import Counted
from stream.records.trajectories import read_trajectories
from stream.results.replay import Lane

SHOWN_S = 0.1  # after it was last observed a track is still claimed to be seen


class Recording(msgspec.Struct, frozen=True):
    """What a lane recorded. seq i64 (K,) and pts_s f64 (K,) of its frames."""

    seq: np.ndarray
    pts_s: np.ndarray
    tracks: RunTracks

    @property
    def frames(self) -> int:
        return int(self.seq[-1]) + 1

    @property
    def fps(self) -> float:
        """Frames a second, on average."""
        return float((self.seq[-1] - self.seq[0]) / (self.pts_s[-1] - self.pts_s[0]))

    def frame_at(self, pts_s: float) -> int:
        return round(float(np.interp(pts_s, self.pts_s, self.seq)))

    def pts_of(self, frame: int) -> float:
        return float(np.interp(frame, self.seq, self.pts_s))


def read_recording(lane: Lane) -> Recording:
    """Raises SourceError where fewer than two frames were recorded."""
    frames = [m for path in lane.files for m in read_trajectories(path) if isinstance(m, Counted)]
    if len(frames) < 2:
        raise SourceError(str(lane.files[0]), "expected two frames or more", "the run must be made again")
    lengths = [len(one.tracks) for one in frames]
    seq = np.array([one.frame.seq for one in frames], np.int64)

    def rows(name: str) -> np.ndarray:
        return np.concatenate([getattr(one.tracks, name) for one in frames])

    shown = np.concatenate(_shown(frames))
    boxes = TrackBoxes(np.repeat(seq, lengths), rows("track_id"), rows("xyxy").astype(float), rows("label"), shown)
    asked = np.array([one.frame.seq for one in frames if one.frame.duty == "detect"], np.int64)
    tracks = RunTracks(boxes, rows("observed"), rows("confirmed"), asked)
    return Recording(seq, np.array([one.frame.pts_s for one in frames]), tracks)


def _shown(frames: Sequence[Counted]) -> list[np.ndarray]:
    """Which tracks the run claims to see: confirmed ones that were observed at the last look of the detector, or so
    shortly ago that a road user cannot have gone. A detector misses most of them now and then for a picture or two."""
    shown: list[np.ndarray] = []
    seen_s: dict[int, float] = {}
    looked_s = -np.inf
    for one in frames:
        tracks, pts_s = one.tracks, one.frame.pts_s
        ids = tracks.track_id.tolist()
        if one.frame.duty == "detect":
            looked_s = pts_s
            seen_s.update((i, pts_s) for i, seen in zip(ids, tracks.observed.tolist(), strict=True) if seen)
        last_s = np.array([seen_s.get(i, -np.inf) for i in ids])
        shown.append(tracks.confirmed & ((last_s >= looked_s) | (pts_s - last_s <= SHOWN_S + 1e-6)))
        for i in tracks.ended.tolist():
            seen_s.pop(i, None)
    return shown
