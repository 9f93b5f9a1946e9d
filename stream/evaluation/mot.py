"""Boxes of tracks, and reading them from MOTChallenge text.

A row: frame (from 1), id, left, top, width, height[, considered or score, class, visibility, ...]. Class numbers are
places in LABELS, from 1; others are an unknown class. Format: https://motchallenge.net/instructions
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from stream.errors import TruthError
from stream.messages import LABELS

BOX_COLUMNS, CONSIDERED, CLASS = 6, 6, 7


class TrackBoxes(msgspec.Struct, frozen=True):
    """One row a box, in order of frames.

    frame i64 (N,) 0-based in decode order; track_id i64 (N,); xyxy f64 (N, 4) px; label i16 (N,) index into LABELS or
    -1; considered bool (N,): False is neither right nor wrong, such as a true box that is hidden.
    """

    frame: np.ndarray
    track_id: np.ndarray
    xyxy: np.ndarray
    label: np.ndarray
    considered: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, keep: np.ndarray) -> TrackBoxes:
        """The rows that `keep` (a boolean mask or an index array in order) names."""
        return TrackBoxes(*(getattr(self, name)[keep] for name in self.__struct_fields__))

    def bounds(self, frames: int) -> np.ndarray:
        """i64 (frames + 1,): the rows of frame k are those from bounds[k] to bounds[k + 1]."""
        return np.searchsorted(self.frame, np.arange(frames + 1))


def read_mot(path: Path) -> TrackBoxes:
    """Raises TruthError that names the row: wrong columns, no numbers, boxes without area, an id twice in a frame."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TruthError.refused(path, "read", error, "check the path") from error
    rows = [line for line in text.splitlines() if line.strip()]
    if not rows:
        raise TruthError(str(path), "expected rows of frame, id, left, top, width, height; the file is empty")
    try:
        table = np.loadtxt(rows, np.float64, delimiter=",", ndmin=2)
    except ValueError as error:
        raise TruthError(str(path), f"expected rows of numbers with commas: {error}", "MOTChallenge text") from None
    if table.shape[1] < BOX_COLUMNS:
        what = f"expected frame, id, left, top, width, height and more, got {table.shape[1]} columns"
        raise TruthError(str(path), what)
    boxes = _boxes(table)
    _check(path, table, boxes)
    order = np.lexsort((boxes.track_id, boxes.frame))
    return boxes.take(order)


def _boxes(table: np.ndarray) -> TrackBoxes:
    columns = table.shape[1]
    known = np.nan_to_num(table, posinf=0, neginf=0)
    label = known[:, CLASS].astype(np.int64) - 1 if columns > CLASS else np.full(len(table), -1)
    label = np.where((label >= 0) & (label < len(LABELS)), label, -1).astype(np.int16)
    considered = known[:, CONSIDERED] != 0 if columns > CONSIDERED else np.ones(len(table), bool)
    xyxy = np.concatenate((table[:, 2:4], table[:, 2:4] + table[:, 4:6]), axis=1)
    return TrackBoxes(known[:, 0].astype(np.int64) - 1, known[:, 1].astype(np.int64), xyxy, label, considered)


def _check(path: Path, table: np.ndarray, boxes: TrackBoxes) -> None:
    head, sides = table[:, :BOX_COLUMNS], table[:, 4:6]
    with np.errstate(invalid="ignore"):
        whole = (head[:, :2] == np.floor(head[:, :2])).all(axis=1)
        flat = (sides < 0).any(axis=1) | ((sides == 0).any(axis=1) & boxes.considered)
    problems = {
        "expected numbers, got one that is not finite": ~np.isfinite(head).all(axis=1),
        "expected whole numbers for frame and id": ~whole,
        "expected frames from 1 on": head[:, 0] < 1,
        "expected boxes with area": flat,
        "expected an id only once in a frame": _repeated(boxes),
    }
    for what, wrong in problems.items():
        if wrong.any():
            row = int(wrong.argmax())
            got = ",".join(f"{value:g}" for value in head[row])
            raise TruthError(f"{path}, row {row + 1}", f"{what}; got {got}")


def _repeated(boxes: TrackBoxes) -> np.ndarray:
    pairs = np.stack((boxes.frame, boxes.track_id), axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    repeated = np.ones(len(pairs), bool)
    repeated[first] = False
    return repeated
