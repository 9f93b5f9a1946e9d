"""audit.html: one file that holds everything, opened in any browser, offline."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import msgspec

from stream.audit.frames import crossing_frames
from stream.drawing.colours import CLASS_RGB
from stream.drawing.strips import (
    COLUMNS_A_S,
    GAP_PX,
    GUTTER_PX,
    HEAD_PX,
    PERIOD_S,
    ROW_S,
    clock,
    pixels_under,
    place_of,
    strip_name,
)
from stream.errors import SourceError
from stream.messages import LABELS, Crossing
from stream.results.corrections import Correction
from stream.results.replay import Lane
from stream.scene import Line, Scene
from stream.sinks.strips import STRIPS
from stream.whole import whole_file

PAGE = "audit.html"
STRIP_QUALITY = 82
START = re.compile(r"_(\d+)min\.png$")


class Strip(msgspec.Struct, frozen=True):
    """One strip that was recorded, and what was counted on it."""

    scene: Scene
    line: Line
    start_s: float
    path: Path
    crossings: list[Crossing]


def find_strips(lanes: Sequence[Lane], crossings: Sequence[Crossing]) -> list[Strip]:
    """By camera, line and time. Raises SourceError where there are none."""
    strips = []
    for lane in lanes:
        folder = lane.files[0].parent / STRIPS
        for index, line in enumerate(lane.scene.lines):
            mine = [c for c in crossings if (c.camera, c.line) == (lane.scene.camera, line.name)]
            for start_s in _starts(folder, index, line):
                inside = [c for c in mine if start_s <= c.pts_s < start_s + PERIOD_S]
                strips.append(Strip(lane.scene, line, start_s, folder / strip_name(index, line.name, start_s), inside))
    if not strips:
        fix = "run it with lines and with the video: strips are recorded where pictures are"
        raise SourceError(str(lanes[0].files[0].parent if lanes else ""), "holds no audit strips", fix)
    return strips


def write_page(folder: Path, strips: Sequence[Strip], corrections: Sequence[Correction], path: Path) -> Path:
    """folder: of the run, for the page's title. Raises OutputError, SourceError."""
    frames = _frames(strips)
    document = {
        "title": folder.resolve().name,
        "classes": [{"name": n, "colour": f"rgb{rgb}"} for n, rgb in zip(LABELS, CLASS_RGB, strict=True)],
        "layout": {"head": HEAD_PX, "gutter": GUTTER_PX, "gap": GAP_PX, "row_s": ROW_S, "columns_a_s": COLUMNS_A_S},
        "strips": [_strip(strip, frames) for strip in strips],
        "corrections": [msgspec.structs.asdict(correction) for correction in corrections],
    }
    text = resources.files("stream.audit").joinpath("page.html").read_text(encoding="utf-8")
    data = msgspec.json.encode(document).decode().replace("</", "<\\/")  # nothing in the data ends the script
    with whole_file(path) as unfinished:
        unfinished.write_text(text.replace("/*DATA*/null", data, 1), encoding="utf-8")
    return path


def _starts(folder: Path, index: int, line: Line) -> list[float]:
    """When the recorded strips of a line begin, seconds."""
    found = [(START.search(path.name), path) for path in folder.glob(f"{index + 1}_*.png")]
    starts = sorted(60.0 * int(match[1]) for match, _ in found if match)
    return [start_s for start_s in starts if (folder / strip_name(index, line.name, start_s)).exists()]


def _frames(strips: Sequence[Strip]) -> dict[str, str]:
    """Key of a crossing -> its picture as a data URI; empty where no video was recorded."""
    frames = {}
    for camera in dict.fromkeys(strip.scene.camera for strip in strips):
        mine = [strip for strip in strips if strip.scene.camera == camera]
        crossings = [crossing for strip in mine for crossing in strip.crossings]
        found = crossing_frames(mine[0].path.parent.parent, crossings)
        frames.update({crossing.key: _uri("jpeg", jpeg) for crossing, jpeg in found})
    return frames


def _strip(strip: Strip, frames: dict[str, str]) -> dict[str, Any]:
    image = cv2.imread(str(strip.path))
    if image is None:
        raise SourceError(str(strip.path), "is not a picture", "the run must be made again")
    _, jpeg = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, STRIP_QUALITY))
    width, height = strip.scene.width // 2 * 2, strip.scene.height // 2 * 2
    points = len(pixels_under(strip.line, width, height)) // 2
    rows = (image.shape[0] - HEAD_PX) // (points + GAP_PX)
    columns = image.shape[1] - GUTTER_PX
    until_s = strip.start_s + min(PERIOD_S, rows * ROW_S if rows > 1 else columns / COLUMNS_A_S)
    return {
        "camera": strip.scene.camera,
        "line": strip.line.name,
        "start_s": strip.start_s,
        "until_s": round(until_s, 3),
        "points": points,
        "image": _uri("jpeg", jpeg.tobytes()),
        "crossings": [_crossing(strip, crossing, points, frames) for crossing in strip.crossings],
    }


def _crossing(strip: Strip, crossing: Crossing, points: int, frames: dict[str, str]) -> dict[str, Any]:
    x, y = place_of(crossing, strip.line, strip.start_s, points)
    return {
        "direction": crossing.direction,
        "class": crossing.label,
        "track_id": crossing.track_id,
        "pts_s": round(crossing.pts_s, 3),
        "clock": clock(crossing.pts_s),
        "x": x,
        "y": y,
        "frame": frames.get(crossing.key),
    }


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
