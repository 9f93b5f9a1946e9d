"""Labels of a clip made steadier by time: tracked forward and backward, gaps filled, classes outvoted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.training.fusion import View, fuse
from stream.messages import LABELS, Detections
from stream.settings import TrackerSettings
from stream.tracking.tracker import Tracker

SHORTEST = 3  # observations: a box that lives shorter is a flicker and keeps half its score
LONGEST_GAP_S = 1.0


@dataclass(slots=True)
class Path:
    """Where one track was observed: by index of the picture, xyxy and score; and its votes by class."""

    at: list[int] = field(default_factory=list)
    xyxy: list[np.ndarray] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    votes: np.ndarray = field(default_factory=lambda: np.zeros(len(LABELS)))


def smooth(times_s: list[float], looks: list[Detections]) -> list[Detections]:
    """Detections of successive pictures -> the same, fused from a forward and a backward pass of the tracker and from
    the looks themselves. times_s increase."""
    if not looks:
        return []
    forward = _filled(times_s, track(times_s, looks))
    turned = [times_s[-1] - t for t in reversed(times_s)]
    backward = _filled(turned, track(turned, looks[::-1]))[::-1]
    whole = (-np.inf, -np.inf, np.inf, np.inf)
    views = zip(forward, backward, strict=True)
    return [fuse([View(whole, a), View(whole, b)])[0] for a, b in views]


def track(times_s: list[float], looks: list[Detections]) -> list[Path]:
    """The observed paths of a pass of the tracker."""
    tracker = Tracker(TrackerSettings(birth_score=0.2, confident_score=0.3))
    paths: dict[int, Path] = {}
    for index, (pts_s, look) in enumerate(zip(times_s, looks, strict=True)):
        tracks = tracker.update(look, pts_s)
        for row in np.flatnonzero(tracks.observed):
            path = paths.setdefault(int(tracks.track_id[row]), Path())
            path.at.append(index)
            path.xyxy.append(tracks.xyxy[row])
            path.score.append(float(tracks.score[row]))
            path.votes[tracks.label[row]] += tracks.score[row]
    return list(paths.values())


def _filled(times_s: list[float], paths: list[Path]) -> list[Detections]:
    """The paths as detections of each picture: gaps filled along a straight line, one class a path, the score of a path
    raised to its mean where a single look was weak."""
    rows: list[list[tuple[np.ndarray, float, int]]] = [[] for _ in times_s]
    for path in paths:
        steady = len(path.at) >= SHORTEST
        mean, label = float(np.mean(path.score)), int(path.votes.argmax())
        for k, at in enumerate(path.at):
            rows[at].append((path.xyxy[k], max(path.score[k], mean) if steady else path.score[k] / 2, label))
            following = path.at[k + 1] if k + 1 < len(path.at) else at
            if following - at > 1 and times_s[following] - times_s[at] <= LONGEST_GAP_S:
                for between in range(at + 1, following):
                    part = (times_s[between] - times_s[at]) / (times_s[following] - times_s[at])
                    box = path.xyxy[k] * (1 - part) + path.xyxy[k + 1] * part
                    rows[between].append((box, mean, label))
    return [_detections(row) for row in rows]


def _detections(rows: list[tuple[np.ndarray, float, int]]) -> Detections:
    if not rows:
        return Detections.empty()
    boxes, scores, labels = zip(*rows, strict=True)
    return Detections(np.array(boxes, np.float32), np.array(scores, np.float32), np.array(labels, np.int16))
