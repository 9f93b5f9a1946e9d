"""The tracker against those of the PyPI package `trackers`: time a frame, and accuracy on synthetic traffic.

    python benchmarks/tracking.py --json tracking.json

Speed: random road users in a 1920x1080 picture, 5 % missed, in turns, the least of the rounds
for each frame, so that other programs disturb little, and the mean of the frames. Accuracy: the truth of
`roadtally synth` scenes with simulated detector noise (misses, jitter, false boxes, changes of class, hidden vehicles
missed), the same detections for every tracker, scored by TrackEval; every k-th frame is detected. Scored are all frames
(a tracker that offers nothing between gives nothing there), and the detected ones alone (d). The others run with their
own defaults but for the thresholds on the score, which are set to ours, and the true frame rate.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from noise import NOISES, Noise, detect
from timing import machine, markdown

from stream.evaluation.mot import TrackBoxes
from stream.evaluation.tracks import TrackScore, score_tracks
from stream.messages import Detections
from stream.settings import TrackerSettings
from stream.synth import SynthSettings, simulate
from stream.synth.truth import TrueFrame
from stream.tracking.tracker import Tracker

FPS = 25.0
SHOWN_S = 0.2  # a predicted box is shown for so long after the last detection
PEERS = ("BoTSORTTracker", "ByteTrackTracker", "OCSORTTracker", "SORTTracker")
Update = Callable[[Detections | None, float], tuple[np.ndarray, np.ndarray]]


def ours(**changes: object) -> Update:
    """Our tracker as a function of detections and time to the ids and boxes of confirmed tracks."""
    tracker = Tracker(TrackerSettings.model_validate(changes))
    seen_s: dict[int, float] = {}

    def update(detections: Detections | None, pts_s: float) -> tuple[np.ndarray, np.ndarray]:
        tracks = tracker.update(detections, pts_s)
        seen_s.update(dict.fromkeys(tracks.track_id[tracks.observed].tolist(), pts_s))
        fresh = np.array([pts_s - seen_s[i] <= SHOWN_S + 1e-6 for i in tracks.track_id.tolist()], bool)
        shown = tracks.confirmed & fresh
        return tracks.track_id[shown], tracks.xyxy[shown]

    return update


def peer_tracker(name: str) -> Any:
    """One of the package's trackers."""
    import trackers

    options: dict[str, Any] = {"frame_rate": FPS, "lost_track_buffer": 30}
    if name in ("ByteTrackTracker", "BoTSORTTracker"):
        options |= {"track_activation_threshold": 0.4, "high_conf_det_threshold": 0.4}
    if name == "OCSORTTracker":
        options["high_conf_det_threshold"] = 0.4
    if name == "BoTSORTTracker":
        options["enable_cmc"] = False
    return getattr(trackers, name)(**options)


def as_supervision(detections: Detections) -> Any:
    """The same in the type that the package takes."""
    import supervision

    return supervision.Detections(
        xyxy=detections.xyxy, confidence=detections.score, class_id=detections.label.astype(int)
    )


def peer(name: str) -> Update:
    """One of the package's trackers in the shape of `ours`; a frame without a detector pass is not shown to it."""
    tracker = peer_tracker(name)

    def update(detections: Detections | None, pts_s: float) -> tuple[np.ndarray, np.ndarray]:
        if detections is None:
            return np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
        found = tracker.update(as_supervision(detections))
        shown = found.tracker_id >= 0
        return found.tracker_id[shown], found.xyxy[shown]

    return update


def crowd(objects: int, frames: int) -> list[Detections]:
    """Road users that drive straight through a 1920x1080 picture and come back in on the other side."""
    random = np.random.default_rng(0)
    place, step = random.uniform(0, (1920, 1080), (objects, 2)), random.normal(0, (4, 3), (objects, 2))
    height = random.uniform(20, 90, objects)
    size = np.stack([height * random.uniform(0.8, 2, objects), height], axis=1)
    label = random.integers(0, 6, objects).astype(np.int16)
    scenes = []
    for _ in range(frames):
        place = (place + step) % (1920, 1080)
        seen = random.random(objects) > 0.05
        centre = place[seen] + random.normal(0, 0.02, (seen.sum(), 2)) * height[seen, None]
        xyxy = np.concatenate([centre - size[seen] / 2, centre + size[seen] / 2], axis=1).astype(np.float32)
        scenes.append(Detections(xyxy, random.uniform(0.3, 0.95, seen.sum()).astype(np.float32), label[seen]))
    return scenes


def steps_of(name: str, scenes: Sequence[Detections]) -> list[Callable[[], object]]:
    """A call for every frame of a new tracker, with detections in the type that it takes."""
    if name == "roadtally":
        ours = Tracker(TrackerSettings())
        return [partial(ours.update, detections, k / FPS) for k, detections in enumerate(scenes)]
    theirs = peer_tracker(name)
    return [partial(theirs.update, as_supervision(detections)) for detections in scenes]


def milliseconds(steps: Sequence[Callable[[], object]], warm: int = 20) -> list[float]:
    """Time of each frame, after some to fill the tracker."""
    times = []
    for step in steps:
        start = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - start))
    return times[warm:]


def speed(sizes: Sequence[int], rounds: int) -> list[tuple[object, ...]]:
    """Rows of objects, ms of each tracker, and how many times faster than the fastest other ours is."""
    rows = []
    for objects in sizes:
        scenes = crowd(objects, 100)
        times: dict[str, list[list[float]]] = {name: [] for name in ("roadtally", *PEERS)}
        for _ in range(rounds):
            for name, taken in times.items():
                taken.append(milliseconds(steps_of(name, scenes)))
        each = {name: np.mean(np.min(taken, axis=0)) for name, taken in times.items()}
        ratio = min(each[name] for name in PEERS) / each["roadtally"]
        rows.append((objects, *(f"{each[name]:.2f}" for name in times), f"{ratio:.1f}"))
    return rows


def rows_of(frames: Sequence[tuple[np.ndarray, np.ndarray]]) -> TrackBoxes:
    """Ids and boxes of each frame as the rows that TrackEval's wrapper takes."""
    at = np.repeat(np.arange(len(frames)), [len(ids) for ids, _ in frames])
    ids = np.concatenate([ids for ids, _ in frames]).astype(np.int64)
    xyxy = np.concatenate([boxes for _, boxes in frames]).astype(np.float64)
    return TrackBoxes(at, ids, xyxy, np.full(len(at), -1), np.ones(len(at), bool))


def truth_of(frames: Sequence[TrueFrame]) -> TrackBoxes:
    """The visible boxes; those of which less than a third shows are neither right nor wrong."""
    rows = rows_of([(frame.track_id, frame.visible_xyxy) for frame in frames])
    visible = np.concatenate([frame.visibility > 0.35 for frame in frames])
    real = (rows.xyxy[:, 2:] > rows.xyxy[:, :2]).all(axis=1)
    return TrackBoxes(rows.frame, rows.track_id, rows.xyxy, rows.label, visible).take(real)


def accuracy(seeds: Sequence[int], duration_s: float, every: Sequence[int]) -> list[tuple[object, ...]]:
    """Rows of noise, k, tracker, then HOTA, IDF1 and switches over all frames and over the detected ones."""
    scenes = {
        s: list(simulate(SynthSettings(seed=s, duration_s=duration_s, fps=FPS, density=1.5, lanes=2))) for s in seeds
    }
    makers: dict[str, Callable[[], Update]] = {"roadtally": ours, **{name: (lambda n=name: peer(n)) for name in PEERS}}
    rows = []
    for noise in NOISES:
        for k in every:
            for name, make in makers.items():
                pairs = [run(make(), frames, noise, k, seed) for seed, frames in scenes.items()]
                row: list[object] = [noise.name, k, name]
                for scores in zip(*pairs, strict=True):
                    hota, idf1 = (100 * np.mean([getattr(one, what) for one in scores]) for what in ("hota", "idf1"))
                    row += [f"{hota:.1f}", f"{idf1:.1f}", sum(one.switches for one in scores)]
                rows.append(tuple(row))
    return rows


def run(
    update: Update, frames: Sequence[TrueFrame], noise: Noise, every: int, seed: int
) -> tuple[TrackScore, TrackScore]:
    """One tracker on one scene, over all frames and over the detected ones; the noise is the same for each tracker."""
    random = np.random.default_rng(seed)
    seen = [detect(frame, noise, random) for frame in frames]
    found = [update(seen[k] if k % every == 0 else None, frame.pts_s) for k, frame in enumerate(frames)]
    detected, found_there = frames[::every], found[::every]
    there = score_tracks(truth_of(detected), rows_of(found_there), len(detected))
    return score_tracks(truth_of(frames), rows_of(found), len(frames)), there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, nargs="*", default=[20, 50, 200])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--every", type=int, nargs="*", default=[1, 2, 3, 5])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    print(machine(), "\n", flush=True)
    fast = speed(given.objects, given.rounds)
    head = ("objects", *(f"{name} ms" for name in ("roadtally", *PEERS)), "times faster")
    print(markdown(head, fast), "\n", flush=True)
    right = accuracy(given.seeds, given.seconds, given.every) if given.seeds else []
    right_head = ("noise", "every", "tracker", "HOTA", "IDF1", "switches", "HOTA d", "IDF1 d", "switches d")
    print(markdown(right_head, right))
    if given.json:
        document = {
            "speed": [dict(zip(head, row, strict=True)) for row in fast],
            "accuracy": [dict(zip(right_head, row, strict=True)) for row in right],
        }
        given.json.write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
