"""The results of an evaluation as plain values, for JSON: what the tables show, and every single difference."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import msgspec

from stream.evaluation.counts import Score, total
from stream.evaluation.deviation import Row, by_bin, by_class, by_line, share, weighted_rmse
from stream.evaluation.runs import LaneResult, RunResult

WHAT = ("missed", "extra", "class")


class Difference(msgspec.Struct, frozen=True):
    """One crossing that was missed, counted too much or called by another class (label: the true one). frame, pts_s: of
    the truth where there is one. cause: one of stream.evaluation.causes.Cause."""

    camera: str
    what: str  # of WHAT
    line: str
    direction: str
    label: str
    counted_as: str
    frame: int
    pts_s: float
    track_id: int | None
    cause: str


def differences(lane: LaneResult) -> list[Difference]:
    """In order of time."""
    score = lane.counts
    if score is None or lane.causes is None:
        return []
    missed, extra = lane.causes
    found = [
        Difference(lane.camera, "missed", t.line, t.direction, t.label, "", t.frame, lane.recording.pts_of(t.frame),
                   None, cause)
        for t, cause in zip(score.missed, missed, strict=True)
    ]  # fmt: skip
    found += [
        Difference(lane.camera, "extra", c.line, c.direction, "", c.label, c.seq, c.pts_s, c.track_id, cause)
        for c, cause in zip(score.extra, extra, strict=True)
    ]
    found += [
        Difference(lane.camera, "class", t.line, t.direction, t.label, c.label, t.frame,
                   lane.recording.pts_of(t.frame), c.track_id, "wrong class")
        for t, c in score.matched
        if t.label != c.label
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.frame, one.line))


def causes(found: list[Difference]) -> dict[str, dict[str, int]]:
    """Cause -> how many missed, extra and of another class, most first."""
    count = Counter((one.cause, one.what) for one in found)
    table = {cause: {what: count[cause, what] for what in WHAT} for cause, _ in count}
    return dict(sorted(table.items(), key=lambda item: -sum(item[1].values())))


def run_document(result: RunResult, bin_s: float) -> dict[str, Any]:
    """Of a whole run: each camera, and all of them together."""
    listed = [one for lane in result.lanes for one in differences(lane)]
    scores = [lane.counts for lane in result.lanes if lane.counts is not None]
    return {
        "counts": _score(total(scores)) if scores else None,
        "causes": causes(listed),
        "causes_known": all(lane.causes_known for lane in result.lanes),  # else probable: there were no true tracks
        "cameras": [_lane(lane, bin_s) for lane in result.lanes],
        "differences": msgspec.to_builtins(listed),
        "movements": [
            {"camera": one.camera, "weighted_rmse_score": one.weighted_rmse, "by_movement": [_row(r) for r in one.rows]}
            for one in result.movements
        ],
        "audited": msgspec.to_builtins(result.audited),
    }


def picture_document(result: Any) -> dict[str, Any]:
    """result: models.scoring.evaluation.PictureResult."""
    names = ("label", "ap", "ap50", "boxes", "pictures")
    rows = [{name: getattr(one, name) for name in names} for one in result.scores]
    return {
        "pictures": result.pictures,
        "classes": [{k: None if isinstance(v, float) and math.isnan(v) else v for k, v in r.items()} for r in rows],
    }


def _lane(lane: LaneResult, bin_s: float) -> dict[str, Any]:
    document: dict[str, Any] = {"camera": lane.camera, "frames": lane.recording.frames, "counts": None, "tracks": None}
    if lane.tracks is not None:
        document["tracks"] = msgspec.to_builtins(lane.tracks)
    if lane.counts is not None:
        bins = by_bin(lane.counts, lane.recording.pts_of, bin_s)
        document["counts"] = _score(lane.counts) | {
            "weighted_rmse_score": weighted_rmse(lane.counts, lane.recording.frames),
            "by_line": [_row(row) for row in by_line(lane.counts)],
            "by_bin": [_row(row) | {"start_s": start_s, "name": f"{start_s:g} s"} for start_s, row in bins],
        }
    return document


def _score(score: Score) -> dict[str, Any]:
    matched = len(score.matched)
    true, counted = matched + len(score.missed), matched + len(score.extra)
    same = sum(t.label == c.label for t, c in score.matched)
    return {
        "true": true,
        "counted": counted,
        "matched": matched,
        "missed": len(score.missed),
        "extra": len(score.extra),
        "recall": msgspec.to_builtins(share(matched, true)),
        "precision": msgspec.to_builtins(share(matched, counted)),
        "class_right": msgspec.to_builtins(share(same, matched)),
        "by_class": [_row(row) for row in by_class(score)],
    }


def _row(row: Row) -> dict[str, Any]:
    return msgspec.to_builtins(row) | {"error": row.error}
