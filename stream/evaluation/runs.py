"""A finished run against its truth: what is read, what must fit together, and everything that comes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from stream.audit.estimate import Estimate, estimate
from stream.config.schema import Config
from stream.errors import ConfigError, TruthError
from stream.evaluation.causes import Cause, Inquiry
from stream.evaluation.counts import Score, read_truth, score
from stream.evaluation.mot import TrackBoxes, read_mot
from stream.evaluation.movements import MovementScore, read_turns, score_turns
from stream.evaluation.recording import Recording, read_recording
from stream.evaluation.suspicion import probable_causes
from stream.evaluation.tracks import TrackScore, score_tracks
from stream.messages import Crossing
from stream.results.corrections import read_corrections
from stream.results.replay import Lane, lanes_of, stored_config
from stream.results.summary import stored_crossings, summarise
from stream.truth import TrueCrossing


class TruthFiles(msgspec.Struct, frozen=True):
    """Of a run; what is None is not asked for."""

    crossings: Path | None = None
    tracks: Path | None = None
    corrections: Path | None = None
    movements: Path | None = None


class LaneResult(msgspec.Struct, frozen=True):
    """One camera. counts, tracks and causes are None where there is no truth of them.

    causes: of the missed and of the extra crossings, in order; known where there are true tracks, else only probable.
    """

    camera: str
    recording: Recording
    counts: Score | None
    tracks: TrackScore | None
    causes: tuple[list[Cause], list[Cause]] | None
    causes_known: bool


class RunResult(msgspec.Struct, frozen=True):
    """audited: the counts as corrected by a person; empty without corrections. movements: empty without their truth."""

    lanes: list[LaneResult]
    audited: list[Estimate]
    movements: list[MovementScore] = []


def evaluate_run(folder: Path, files: TruthFiles, camera: str | None = None) -> RunResult:
    """The cameras of a run that the truth tells of, or one of them.

    Raises TruthError where a truth is damaged or of another clip, SourceError where the folder is not of a run.
    """
    config = stored_config(folder)
    every = lanes_of(folder, config)
    lanes = _wanted(every, camera, files.tracks)
    crossings = stored_crossings(folder)
    truth = _by_camera(files.crossings, config, lanes) if files.crossings else {}
    boxes = read_mot(files.tracks) if files.tracks else None
    results = []
    for lane in lanes:
        mine = [c for c in crossings if c.camera == lane.scene.camera]
        if lane.scene.camera in truth or boxes is not None:
            results.append(_evaluate_lane(lane, mine, truth.get(lane.scene.camera), boxes, files))
    audited: list[Estimate] = []
    if files.corrections:
        entered = read_corrections(files.corrections)
        _check_places(files.corrections, [(c.camera, c.line) for c in entered], every)
        audited = [row for row in estimate(crossings, entered) if camera in (None, row.camera)]
    movements = _evaluate_movements(folder, files.movements, config, lanes) if files.movements else []
    return RunResult(results, audited, movements)


def _wanted(lanes: list[Lane], camera: str | None, tracks: Path | None) -> list[Lane]:
    names = [lane.scene.camera for lane in lanes]
    if camera is not None and camera not in names:
        raise ConfigError("--camera", f"expected one of {', '.join(names)}, got {camera!r}")
    wanted = [lane for lane in lanes if camera in (None, lane.scene.camera)]
    if tracks is not None and len(wanted) > 1:
        raise ConfigError("--tracks", f"the run has {len(wanted)} cameras", f"say whose they are: --camera {names[0]}")
    return wanted


def _evaluate_movements(folder: Path, path: Path, config: Config, lanes: Sequence[Lane]) -> list[MovementScore]:
    """Of the cameras that the truth tells of."""
    rows = read_turns(path)
    sources = {camera.name: Path(camera.source).stem for camera in config.cameras}
    turns, found = summarise(folder, [lane.scene for lane in lanes]).tally.turns, []
    for lane in lanes:
        camera, lines = lane.scene.camera, {line.name for line in lane.scene.lines}
        mine = [row for row in rows if row.clip in (camera, sources[camera])]
        unknown = sorted({line for row in mine for line in (row.origin, row.destination)} - lines)
        if unknown:
            names = ", ".join(sorted(lines)) or "no line"
            raise TruthError(str(path), f"names the line {unknown[0]!r}, {camera} has {names}", "count with its lines")
        if mine:
            recording = read_recording(lane)
            made = [turn for turn in turns if turn.camera == camera]
            found.append(score_turns(camera, made, mine, recording.frame_at, recording.frames))
    if not found:
        raise TruthError(str(path), "has no row of a camera of this run", "give the truth of this clip")
    return found


def _by_camera(path: Path, config: Config, lanes: Sequence[Lane]) -> dict[str, list[TrueCrossing]]:
    """Camera -> its rows: those whose clip is the name of the camera, or of its file without suffix.

    A file without any row tells of a single camera that nobody crossed a line.
    """
    rows = read_truth(path)
    if not rows and len(lanes) == 1:
        return {lanes[0].scene.camera: []}
    sources = {camera.name: Path(camera.source).stem for camera in config.cameras}
    found = {}
    for lane in lanes:
        camera = lane.scene.camera
        if mine := [row for row in rows if row.clip in (camera, sources[camera])]:
            _check_places(path, [(camera, row.line) for row in mine], [lane])
            found[camera] = mine
    if not found:
        clips = ", ".join(dict.fromkeys(row.clip for row in rows)) or "none"
        cameras = ", ".join(lane.scene.camera for lane in lanes)
        what = f"expected rows of the clip {cameras}, got rows of {clips}"
        raise TruthError(str(path), what, "give the truth of this clip")
    return found


def _check_places(path: Path, places: Sequence[tuple[str, str]], lanes: Sequence[Lane]) -> None:
    lines = {lane.scene.camera: [line.name for line in lane.scene.lines] for lane in lanes}
    for camera, line in dict.fromkeys(places):
        if camera not in lines:
            raise TruthError(str(path), f"expected a camera of the run ({', '.join(lines)}), got {camera!r}")
        if line not in lines[camera]:
            known = ", ".join(lines[camera]) or "none"
            raise TruthError(
                str(path), f"expected lines that {camera} has ({known}), got {line!r}", "run it with the truth's lines"
            )


def _evaluate_lane(
    lane: Lane, counted: list[Crossing], truth: list[TrueCrossing] | None, boxes: TrackBoxes | None, files: TruthFiles
) -> LaneResult:
    recording = read_recording(lane)
    counts = tracks = causes = None
    if truth is not None:
        _check_frames(files.crossings, max((row.frame for row in truth), default=0), recording)
        counts = score(counted, truth, recording.fps)
    if boxes is not None:
        _check_frames(files.tracks, int(boxes.frame[-1]), recording)
        _check_boxes(files.tracks, boxes, lane)
        shown = recording.tracks.boxes.take(recording.tracks.boxes.considered)
        tracks = score_tracks(boxes, shown, recording.frames)
    lines = {line.name: line for line in lane.scene.lines}
    if counts is not None and truth is not None and boxes is not None:
        causes = Inquiry(lines, boxes, recording.tracks, recording.fps).causes(counts, truth)
    elif counts is not None:
        causes = probable_causes(counts, counted, lines, recording.tracks, recording.fps)
    return LaneResult(lane.scene.camera, recording, counts, tracks, causes, boxes is not None)


def _check_frames(path: Path | None, last: int, recording: Recording) -> None:
    if last >= recording.frames:
        what = f"names frame {last} (from 0), but the run has {recording.frames} frames"
        raise TruthError(str(path), what, "give the truth of this clip")


def _check_boxes(path: Path | None, boxes: TrackBoxes, lane: Lane) -> None:
    x1, y1, x2, y2 = boxes.xyxy.T
    beside = (x1 >= lane.scene.width) | (y1 >= lane.scene.height) | (x2 <= 0) | (y2 <= 0)
    if (beside & boxes.considered).any():
        row = int((beside & boxes.considered).argmax())
        got = ",".join(f"{value:g}" for value in boxes.xyxy[row])
        what = f"expected boxes in a picture of {lane.scene.width}x{lane.scene.height}, got {got}"
        raise TruthError(f"{path}, frame {boxes.frame[row] + 1}", what, "give the truth of this clip")
    if not boxes.considered.any():
        raise TruthError(str(path), "holds no box that is considered", "column 7 says which are: 1")
