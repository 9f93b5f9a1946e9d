"""A stretch of frames with their tracks as columns: what is counted in one go."""

from __future__ import annotations

import msgspec
import numpy as np

from stream.messages import Frame, Tracks


class Stretch(msgspec.Struct, frozen=True):
    """Consecutive frames of one camera: one of a live camera, thousands of a stored run.

    seq i64 (F,), pts_s f64 (F,). A row for every track after every frame, in the order of frames: frame i64 (R,) index
    into seq, and of messages.Tracks track_id, xyxy, velocity, label, score, observed, confirmed.
    """

    seq: np.ndarray
    pts_s: np.ndarray
    frame: np.ndarray
    track_id: np.ndarray
    xyxy: np.ndarray
    velocity: np.ndarray
    label: np.ndarray
    score: np.ndarray
    observed: np.ndarray
    confirmed: np.ndarray

    def __len__(self) -> int:
        """How many frames."""
        return len(self.seq)

    @staticmethod
    def of(frame: Frame, tracks: Tracks) -> Stretch:
        """A stretch of one frame."""
        return Stretch(
            np.array([frame.seq]), np.array([frame.pts_s]), np.zeros(len(tracks), np.int64), tracks.track_id,
            tracks.xyxy, tracks.velocity, tracks.label, tracks.score, tracks.observed, tracks.confirmed,
        )  # fmt: skip

    @staticmethod
    def nothing() -> Stretch:
        """A stretch without frames."""
        none, no = np.zeros(0, np.int64), np.zeros(0, bool)
        return Stretch(none, np.zeros(0), none, none, np.zeros((0, 4)), np.zeros((0, 2)), none, np.zeros(0), no, no)
