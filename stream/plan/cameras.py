"""From a camera's configuration and a look at its first picture to the plan of its lane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Literal

import msgspec
import numpy as np

from stream.budget.controller import Budget
from stream.budget.looks import Look, OperatingPoint
from stream.config.schema import CameraConfig, Config, DetectorConfig, Recording
from stream.counting.lines import check_line
from stream.counting.polygon import check_zone
from stream.errors import ConfigError
from stream.geometry import Letterbox, fit_input
from stream.plan.operating import longest, points_of, priced
from stream.plan.region import near_lines, region_of
from stream.scene import Line, Movement, Scene, Zone
from stream.sources import comes_in_bursts, is_live, masked
from stream.transport.ring import SlotLayout
from stream.video import Decoder, VideoInfo

RAW = ("rawvideo", "v210", "yuv4")


class Retention(msgspec.Struct, frozen=True):
    """How a live camera's recording is cut, and what of it is kept; 0: everything. Around events: so many seconds."""

    segment_s: float
    quota_gb: float
    keep_days: float
    before_s: float = 3.0
    after_s: float = 3.0


class CameraPlan(msgspec.Struct, frozen=True):
    """One camera, resolved: everything in pixels."""

    name: str
    source: str  # as it may be shown: without password
    info: VideoInfo
    scene: Scene
    letterbox: Letterbox
    layout: SlotLayout
    live: bool  # a camera, which goes on without us; not a file, and no file that a server holds
    follow: bool  # a file that is still being written
    decoder: Decoder
    timeout_s: float  # without a picture, until a live camera is opened anew
    blocks: bool  # True: lose nothing and wait; False: newest wins
    every: int  # detect on every k-th picture
    gate: bool  # of these, only where something moves near the lines
    letterboxes: dict[str, Letterbox]  # of the detector's operating points, by the name of their look
    gate_opens: bool  # some operating point looks at pictures that the gate would pass over: they are shaped, too
    budget: Budget | None
    frozen_s: float  # the same picture for so long is a frozen one; 0: never
    view: Literal["follow", "fixed"]  # what lines do when the camera is moved
    sway: Literal["ignore", "follow"]  # what places do when it trembles
    weight: float  # its share of a busy detector, against that of the other cameras
    masks: bool  # its tracks get silhouettes
    record: Recording
    keep: Retention
    folder: str  # of this camera's own files: the run's, or one below it where there are several cameras


def plan_camera(config: Config, camera: CameraConfig, info: VideoInfo) -> CameraPlan:
    """Raises ConfigError that lists every line and zone that cannot be counted on."""
    out = config.output
    if out.record in ("original", "events") and info.codec in RAW:
        what = f"record: {out.record} keeps compressed pictures, this camera sends raw ones ({info.codec})"
        raise ConfigError(f"camera {camera.name}", what, "choose record: annotated")
    scene, letterbox = _seen(draw_scene(camera, (info.width, info.height)), camera.roi == "auto", config.detector.input)
    yuv_hw = (info.height // 2 * 3, info.width // 2 * 2) if out.record == "annotated" else None
    held = camera.source.startswith("http") and bool(info.duration_s)  # a server's file, which ends
    live = is_live(camera.source) and not held
    waits = not live or comes_in_bursts(camera.source)
    blocks = waits if config.when_full == "auto" else config.when_full == "block"
    points, gate = points_of(config, info.fps), live if config.detector.gate == "auto" else config.detector.gate == "on"
    return CameraPlan(
        name=camera.name,
        source=masked(camera.source),
        info=info,
        scene=scene,
        letterbox=letterbox,
        layout=SlotLayout(yuv_hw, letterbox.input_hw),
        live=live,
        follow=camera.follow and not live,
        decoder=camera.decoder,
        timeout_s=camera.timeout_s,
        blocks=blocks,
        every=config.detector.every,
        gate=gate,
        letterboxes={p.look.name: letterbox_of(config.detector, scene, letterbox, p.look) for p in points},
        gate_opens=gate and not all(point.gate for point in points),
        budget=_budget(camera, blocks),
        frozen_s=camera.frozen_s,
        view=camera.view,
        sway=camera.sway,
        weight=camera.weight,
        masks=config.masks.every > 0,
        record=out.record,
        keep=Retention(out.segment_s, out.quota_gb, out.keep_days, out.before_s, out.after_s),
        folder=str(out.dir if len(config.cameras) == 1 else out.dir / camera.name),
    )


def _seen(scene: Scene, near: bool, wanted: int | tuple[int, int]) -> tuple[Scene, Letterbox]:
    """The most that the network sees: the region of the scene, that near its lines, or the picture without an odd last
    row or column. wanted: the network's long side, or its width and height."""
    size_wh = (scene.width, scene.height)
    input_hw: tuple[int, int] | None = None if isinstance(wanted, int) else (wanted[1], wanted[0])
    if near and isinstance(wanted, int):
        crop, input_hw = region_of(scene.edges, size_wh, wanted)
        scene = msgspec.structs.replace(scene, crop_xyxy=crop)
    x1, y1, x2, y2 = scene.crop_xyxy or (0, 0, scene.width // 2 * 2, scene.height // 2 * 2)
    if x2 - x1 < 2 or y2 - y1 < 2:
        what = f"expected a picture of 2x2 pixels or more, got {scene.width}x{scene.height}"
        raise ConfigError(f"camera {scene.camera}", what)
    if input_hw is None:
        assert isinstance(wanted, int)
        input_hw = fit_input((x2 - x1, y2 - y1), wanted)
    return scene, Letterbox((x1, y1, x2, y2), input_hw)


def points_for(config: Config, cameras: Sequence[CameraPlan]) -> tuple[OperatingPoint, ...]:
    """The operating points that all cameras of a run move between."""
    points = points_of(config, min(camera.info.fps for camera in cameras))
    pixels = {p.look: fmean(_pixels_of(camera, p.look) for camera in cameras) for p in points}
    return priced(config.detector, points, pixels)


def _pixels_of(camera: CameraPlan, look: Look) -> float:
    return math.prod(camera.letterboxes[look.name].input_hw) / math.prod(camera.letterbox.input_hw)


def letterbox_of(wanted: DetectorConfig, scene: Scene, whole: Letterbox, look: Look) -> Letterbox:
    """What a look shows of what a camera's network sees at most."""
    share = look.input / longest(wanted)
    seen = whole if look.region == "whole" else _part_near_lines(scene, whole)
    return seen if share >= 1 else seen.smaller(share)


def _part_near_lines(scene: Scene, whole: Letterbox) -> Letterbox:
    """All where movements or visits are counted: there, tracks are followed through the whole picture."""
    lines = () if scene.zones or scene.movements else scene.lines
    return near_lines(lines, (scene.width, scene.height), whole)


def _budget(camera: CameraConfig, blocks: bool) -> Budget | None:
    wanted = camera.budget
    if wanted is not None and blocks:
        what = "budget: expected a camera whose newest picture wins, but its pictures wait for their turn"
        raise ConfigError(f"camera {camera.name}", what, "leave the budget out, or set when_full: skip")
    return None if wanted is None else Budget(wanted.latency_p95_ms / 1000, wanted.fps, camera.weight)


def draw_scene(camera: CameraConfig, size_wh: tuple[int, int]) -> Scene:
    """What a camera's configuration draws over a picture of this size, in pixels.

    Raises ConfigError that lists every line and zone that cannot be counted on, and a region that cannot be looked at.
    """
    lines = tuple(Line(name, *_pixels(values, size_wh)) for name, values in camera.lines.items())
    zones = tuple(Zone(name, _corners(values, size_wh)) for name, values in camera.zones.items())
    scene = Scene(camera.name, *size_wh, lines, zones, movements=_movements(camera))
    problems = [f"line {line.name}: {reason}" for line in lines if (reason := check_line(line, scene))]
    problems += [f"zone {zone.name}: {reason}" for zone in zones if (reason := check_zone(zone, scene))]
    try:
        scene = msgspec.structs.replace(scene, crop_xyxy=_crop(camera, size_wh))
    except ValueError as error:
        problems.append(f"roi: {error}")
    if problems:
        fix = "coordinates are pixels of the picture, or fractions of it where all of one line or zone are <= 1"
        raise ConfigError(f"camera {camera.name}", "\n  ".join(problems), fix)
    return scene


def _movements(camera: CameraConfig) -> tuple[Movement, ...]:
    """Those that were named; or from every line to every other and back over the same, where there are two or more."""
    if isinstance(camera.movements, dict):
        return tuple(Movement(name, *ends) for name, ends in camera.movements.items())
    if camera.movements == "none" or len(camera.lines) < 2:
        return ()
    return tuple(Movement(f"{origin} to {end}", origin, end) for origin in camera.lines for end in camera.lines)


def _corners(values: tuple[float, ...], size_wh: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    """Those of a zone, without any that repeats the one before: many programs end a polygon with its first corner."""
    flat = _pixels(values, size_wh)
    corners = list(zip(flat[::2], flat[1::2], strict=True))
    return tuple(corner for before, corner in zip(corners[-1:] + corners, corners, strict=False) if corner != before)


def _pixels(values: tuple[float, ...], size: tuple[int, int]) -> tuple[float, ...]:
    """x, y, x, y, ... as fractions when all are <= 1, else already pixels."""
    fractions = all(value <= 1 for value in values)
    return tuple(value * size[i % 2] if fractions else value for i, value in enumerate(values))


def _crop(camera: CameraConfig, size_wh: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The upright, even rectangle around a drawn polygon; None where the network sees everything."""
    if isinstance(camera.roi, str):
        return None
    if len(camera.roi) < 3:
        raise ValueError(f"expected 3 corners or more, got {len(camera.roi)}")
    flat = _pixels(tuple(value for corner in camera.roi for value in corner), size_wh)
    corners = np.array(flat).reshape(-1, 2).clip(0, size_wh)
    x1, y1 = (corners.min(axis=0) // 2 * 2).astype(int)
    x2, y2 = (corners.max(axis=0) // 2 * 2).astype(int)
    if x2 - x1 < 32 or y2 - y1 < 32:
        raise ValueError(f"expected 32x32 pixels or more in the picture, got {x2 - x1}x{y2 - y1}")
    return int(x1), int(y1), int(x2), int(y2)
