"""The script that a user writes today, to compare with: OpenCV, ONNX Runtime, supervision, trackers, VideoWriter.

    python benchmarks/baseline.py clip.mp4 --weights yolox_nano.onnx --line A:0.1,0.5,0.9,0.5 --out annotated.mp4

YOLOX-nano on a padded 416x416 square, all cores; ByteTrack; LineZone; boxes, labels, trails and lines drawn; mp4v.
Prints one JSON object: frames, seconds, fps, and every crossing. Written to be fast where that is a line or two:
the input buffer is kept, candidates are thresholded before their boxes are decoded, NMS is OpenCV's.
"""

from __future__ import annotations

import argparse
import json
import time

import cv2
import numpy as np
import onnxruntime
import supervision as sv
from trackers import ByteTrackTracker

SIZE = 416
# COCO class -> ours; anything else is no road user.
LABELS = {0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}
WANTED = np.array(list(LABELS))


class YoloxNano:
    """BGR pictures in, supervision's Detections out. Keeps its input buffer and grid."""

    def __init__(self, path: str, score: float = 0.1, nms_iou: float = 0.6) -> None:
        options = onnxruntime.SessionOptions()  # intra-op threads: all cores, by default
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name
        self._score, self._nms_iou = score, nms_iou
        self._square = np.full((SIZE, SIZE, 3), 114, np.uint8)
        cells = [(n, SIZE // n) for n in (8, 16, 32)]
        grids = [np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2) for _, n in cells]
        self._grid = np.concatenate(grids).astype(np.float32)
        self._stride = np.concatenate([np.full((n * n, 1), stride, np.float32) for stride, n in cells])

    def __call__(self, picture: np.ndarray) -> sv.Detections:
        height, width = picture.shape[:2]
        scale = min(SIZE / height, SIZE / width)
        w, h = round(width * scale), round(height * scale)
        cv2.resize(picture, (w, h), dst=self._square[:h, :w], interpolation=cv2.INTER_LINEAR)
        blob = cv2.dnn.blobFromImage(self._square)
        output = self._session.run(None, {self._name: blob})[0][0]
        scores = output[:, 4:5] * output[:, 5:][:, WANTED]
        best = scores.argmax(axis=1)
        score = scores[np.arange(len(best)), best]
        keep = np.flatnonzero(score > self._score)
        if not len(keep):
            return sv.Detections.empty()
        raw, stride = output[keep, :4], self._stride[keep]
        centre, size = (raw[:, :2] + self._grid[keep]) * stride, np.exp(raw[:, 2:]) * stride
        boxes = np.concatenate([centre - size / 2, size], axis=1) / scale
        score, label = score[keep], WANTED[best[keep]]
        kept = np.array(
            cv2.dnn.NMSBoxesBatched(boxes.tolist(), score.tolist(), label.tolist(), self._score, self._nms_iou)
        )
        boxes[:, 2:] += boxes[:, :2]
        return sv.Detections(boxes[kept], confidence=score[kept], class_id=label[kept])


class Drawing:
    """supervision's annotators, one after the other."""

    def __init__(self) -> None:
        self._boxes, self._labels, self._trails = sv.BoxAnnotator(), sv.LabelAnnotator(), sv.TraceAnnotator()
        self._lines = sv.LineZoneAnnotator()

    def __call__(self, picture: np.ndarray, tracked: sv.Detections, zones: dict[str, sv.LineZone]) -> np.ndarray:
        confirmed = tracked[tracked.tracker_id >= 0] if len(tracked) else tracked
        names = (
            [f"{LABELS[c]} {i}" for c, i in zip(confirmed.class_id, confirmed.tracker_id, strict=True)]
            if len(confirmed)
            else []
        )
        picture = self._trails.annotate(picture, confirmed) if len(confirmed) else picture
        picture = self._boxes.annotate(picture, confirmed)
        picture = self._labels.annotate(picture, confirmed, labels=names)
        for zone in zones.values():
            picture = self._lines.annotate(picture, zone)
        return picture


def line_zone(text: str, width: int, height: int) -> tuple[str, sv.LineZone]:
    """NAME:x1,y1,x2,y2 in pixels, or in fractions when all are <= 1."""
    name, _, numbers = text.rpartition(":")
    values = np.array(numbers.split(","), float)
    x1, y1, x2, y2 = values * [width, height, width, height] if (values <= 1).all() else values
    anchors = (sv.Position.BOTTOM_CENTER,)
    return name, sv.LineZone(sv.Point(x1, y1), sv.Point(x2, y2), triggering_anchors=anchors)


def crossings(frame: int, tracked: sv.Detections, zones: dict[str, sv.LineZone]) -> list[dict[str, object]]:
    """What LineZone counted in this frame."""
    events = []
    for line, zone in zones.items():
        for direction, crossed in zip(("out", "in"), zone.trigger(tracked), strict=True):
            for i in np.flatnonzero(crossed):
                label, track_id = LABELS[int(tracked.class_id[i])], int(tracked.tracker_id[i])
                events.append(
                    {"line": line, "direction": direction, "class": label, "frame": frame, "track_id": track_id}
                )
    return events


def count(clip: str, weights: str, lines: list[str], out: str | None) -> dict[str, object]:
    """The whole script: read, detect, track, count, draw, write."""
    opened_s = time.perf_counter()
    capture = cv2.VideoCapture(clip)
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
    detect, draw = YoloxNano(weights), Drawing()
    tracker = ByteTrackTracker(frame_rate=fps, track_activation_threshold=0.4, high_conf_det_threshold=0.4)
    zones = dict(line_zone(text, width, height) for text in lines)
    writer = cv2.VideoWriter(out, cv2.VideoWriter_fourcc(*"mp4v"), fps, (width, height)) if out else None
    started_s, frames, events = time.perf_counter(), 0, []
    while (read := capture.read())[0]:
        tracked = tracker.update(detect(read[1]))
        events += crossings(frames, tracked, zones)
        if writer is not None:
            writer.write(draw(read[1], tracked, zones))
        frames += 1
    if writer is not None:
        writer.release()
    ended_s = time.perf_counter()
    busy_s = ended_s - started_s
    return {
        "frames": frames,
        "open_s": started_s - opened_s,
        "busy_s": busy_s,
        "fps": frames / busy_s,
        "crossings": events,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("--weights", required=True, help="yolox_nano.onnx as published")
    parser.add_argument("--line", action="append", default=[], help="NAME:x1,y1,x2,y2")
    parser.add_argument("--out", help="annotated video; without it nothing is drawn or written")
    given = parser.parse_args()
    print(json.dumps(count(given.clip, given.weights, given.line, given.out)))


if __name__ == "__main__":
    main()
