"""Tracks against MOT ground truth, by the metrics of TrackEval: HOTA, CLEAR (MOTA, switches), Identity (IDF1).

HOTA: Luiten et al., IJCV 2021; CLEAR: Bernardin and Stiefelhagen, 2008; IDF1: Ristani et al., 2016. All road users
count as one class. True boxes that are not considered (hidden, tiny) are neither missed nor false: a box that fits one
of them best, at IoU >= 0.5, is left out, as MOTChallenge does with distractors.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from stream.errors import ConfigError
from stream.evaluation.mot import TrackBoxes
from stream.geometry import iou

MATCH_IOU = 0.5


class TrackScore(msgspec.Struct, frozen=True):
    """hota, det_a, ass_a, loc_a: means over the thresholds 0.05 to 0.95; mota, motp, idf1 and the counts at IoU 0.5."""

    hota: float
    det_a: float
    ass_a: float
    loc_a: float
    mota: float
    motp: float
    idf1: float
    switches: int
    fragmentations: int
    missed_boxes: int
    false_boxes: int
    true_boxes: int
    true_tracks: int
    tracks: int


def score_tracks(truth: TrackBoxes, found: TrackBoxes, frames: int) -> TrackScore:
    """The tracks of one camera over `frames` pictures; both in frames 0 to frames - 1.

    Raises ConfigError where TrackEval is not installed.
    """
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        # not in an extra: what it requires would replace opencv-python-headless
        fix = "pip install --no-deps trackeval tabulate"
        raise ConfigError("eval", f"track metrics need the package trackeval: {error}", fix) from None
    data = _arranged(truth, found, frames)
    settings = {"PRINT_CONFIG": False, "THRESHOLD": MATCH_IOU}
    hota = HOTA().eval_sequence(data)
    clear = CLEAR(dict(settings)).eval_sequence(data)
    identity = Identity(dict(settings)).eval_sequence(data)
    return TrackScore(
        hota=float(np.mean(hota["HOTA"])),
        det_a=float(np.mean(hota["DetA"])),
        ass_a=float(np.mean(hota["AssA"])),
        loc_a=float(np.mean(hota["LocA"])),
        mota=float(clear["MOTA"]),
        motp=float(clear["MOTP"]),
        idf1=float(identity["IDF1"]),
        switches=int(clear["IDSW"]),
        fragmentations=int(clear["Frag"]),
        missed_boxes=int(clear["CLR_FN"]),
        false_boxes=int(clear["CLR_FP"]),
        true_boxes=data["num_gt_dets"],
        true_tracks=data["num_gt_ids"],
        tracks=data["num_tracker_ids"],
    )


def _arranged(truth: TrackBoxes, found: TrackBoxes, frames: int) -> dict[str, Any]:
    """What the metrics of TrackEval read: by frame, ids from 0 on without a hole, and the IoU of all pairs."""
    ends, found_ends = truth.bounds(frames), found.bounds(frames)
    kept_true, kept_found, similarity = [], [], []
    for k in range(frames):
        rows, found_rows = np.arange(ends[k], ends[k + 1]), np.arange(found_ends[k], found_ends[k + 1])
        overlap = iou(truth.xyxy[rows], found.xyxy[found_rows])
        considered = truth.considered[rows]
        keep = np.ones(len(found_rows), bool) if considered.all() else ~_excused(overlap, considered)
        kept_true.append(rows[considered])
        kept_found.append(found_rows[keep])
        similarity.append(overlap[np.ix_(considered, keep)])
    true_ids, true_count = _numbered(truth.track_id, kept_true)
    ids, count = _numbered(found.track_id, kept_found)
    return {
        "num_timesteps": frames,
        "num_gt_ids": true_count,
        "num_tracker_ids": count,
        "num_gt_dets": sum(map(len, true_ids)),
        "num_tracker_dets": sum(map(len, ids)),
        "gt_ids": true_ids,
        "tracker_ids": ids,
        "similarity_scores": similarity,
    }


def _excused(overlap: np.ndarray, considered: np.ndarray) -> np.ndarray:
    """bool (found,): boxes that belong to a true box that is not considered."""
    from scipy.optimize import linear_sum_assignment

    value = np.where(overlap >= MATCH_IOU, overlap, 0.0)
    rows, columns = linear_sum_assignment(value, maximize=True)
    paired = value[rows, columns] > 0
    excused = np.zeros(overlap.shape[1], bool)
    excused[columns[paired & ~considered[rows]]] = True
    return excused


def _numbered(track_id: np.ndarray, kept: list[np.ndarray]) -> tuple[list[np.ndarray], int]:
    rows = np.concatenate([np.zeros(0, np.int64), *kept])
    known, numbers = np.unique(track_id[rows], return_inverse=True)
    return np.split(numbers, np.cumsum([len(one) for one in kept])[:-1]), len(known)
