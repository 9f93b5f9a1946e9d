"""What cameras show, for the simulated device of slow_device.py: clips as the networks see them, and synthetic traffic
as a simulated detector does."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from noise import NOISES, Noise, detect
from slow_device import Road

from models.contract import DetectorSpec
from models.registry import LIGHTER
from stream.budget.gate import MotionGate
from stream.budget.looks import Look, OperatingPoint
from stream.config.file import parse
from stream.config.options import read_lines
from stream.config.schema import Config
from stream.geometry import Letterbox, fit_input
from stream.messages import Detections
from stream.plan.cameras import CameraPlan, letterbox_of, plan_camera
from stream.plan.operating import points_of
from stream.scene import Scene
from stream.synth import SynthSettings, watch
from stream.truth import TrueCrossing
from stream.tuning.looks import look
from stream.video import FileFeed, Shaper, probe

LIGHTER_COST = 0.4  # of a network's look, against that of the next better one, as benchmarks/detectors.py finds it
TRAFFIC = {"duration_s": 60.0, "fps": 12.5, "density": 1.5}  # of a synthetic road
BLUR = {416: NOISES[1], 320: Noise("blurred", 0.15, 0.05, 0.8, 0.13), 256: NOISES[2]}  # input -> simulated detector
LEAST_SEEN = 0.3  # of a box: less of it in a part of the picture is not found


def configured(source: str, lines: list[str], model: str) -> Config:
    """A live camera's budget on a clip; the region is left whole, so that the picture is what is given up."""
    camera = {"source": source, "lines": read_lines(lines), "roi": "full", "movements": "none"}
    camera |= {"budget": {"latency_p95_ms": 100}}
    raw = {"cameras": [camera], "detector": {"model": model}, "output": {"record": "none"}, "when_full": "skip"}
    return parse(raw, "benchmark")


def clip_road(clip: Path, lines: list[str], model: str, true: list[TrueCrossing]) -> Road:
    """A clip at its own pace, as it is seen at every operating point that a run without a profile would have."""
    config = configured(str(clip), lines, model)
    plan = plan_camera(config, config.cameras[0], probe(str(clip)))
    seen, pts_s, moved = {}, [], []
    looks = _distinct(config, plan.scene, plan.letterbox, plan.info.fps)
    for way in looks:
        spec = DetectorSpec(way.model or model, ())
        looked = look(config, plan, spec, way, 1e9)
        seen[way], pts_s, moved = looked.seen, looked.pts_s, looked.moved
    return Road(clip.stem, config, plan.scene, pts_s, seen, looks, moved, true)


def halved(road: Road, clip: Path) -> Road:
    """The clip as from a camera that sends half as many pictures."""
    config = road.config
    plan = plan_camera(config, config.cameras[0], probe(str(clip)))
    seen = {way: found[::2] for way, found in road.seen.items()}
    true = [msgspec.structs.replace(t, frame=t.frame // 2, first=t.first // 2, last=t.last // 2) for t in road.true]
    moved = _moved(plan, clip)
    return Road(f"{road.name}, half rate", config, road.scene, road.pts_s[::2], seen, road.cost, moved, true)


def synthetic_road(seed: int, model: str) -> Road:
    """Dense traffic with exact truth, seen by a simulated detector that is worse at smaller inputs. Something always
    moves: the gate spares nothing."""
    recipe = SynthSettings(seed=seed, **TRAFFIC)
    frames, lines, true = watch(recipe)
    size = recipe.width, recipe.height
    texts = [f"{line.name}:{line.x1},{line.y1},{line.x2},{line.y2}" for line in lines]
    config = configured(f"synthetic-{seed}.mp4", texts, model)
    scene = Scene(f"synthetic-{seed}", *size, lines)
    whole = Letterbox((0, 0, *size), fit_input(size, 416))
    looks = _distinct(config, scene, whole, recipe.fps)
    seen: dict[Look, list[Detections]] = {}
    for way in looks:
        crop = letterbox_of(config.detector, scene, whole, way).crop_xyxy
        random = np.random.default_rng(seed)
        seen[way] = [_inside(detect(frame, BLUR[way.input], random), crop) for frame in frames]
    pts_s = [frame.pts_s for frame in frames]
    return Road(scene.camera, config, scene, pts_s, seen, looks, [True] * len(frames), true)


def points_for(road: Road) -> tuple[OperatingPoint, ...]:
    """Those of a run without a profile that differ on this road; the controller has to learn what they cost."""
    return tuple(point for point in points_of(road.config, road.fps) if point.look in road.cost)


def _distinct(config: Config, scene: Scene, whole: Letterbox, fps: float) -> dict[Look, float]:
    """The looks of the operating points -> what each costs. A part that is no smaller than the whole is left out."""
    area = whole.input_hw[0] * whole.input_hw[1]
    costs: dict[Look, float] = {}
    for point in points_of(config, fps):
        box = letterbox_of(config.detector, scene, whole, point.look)
        if point.look.region == "whole" or box.crop_xyxy != whole.crop_xyxy:
            costs[point.look] = box.input_hw[0] * box.input_hw[1] / area * LIGHTER_COST ** _steps(config, point.look)
    return costs


def _steps(config: Config, way: Look) -> int:
    """How many times lighter."""
    model, steps = config.detector.model, 0
    while way.model and model != way.model:
        model, steps = LIGHTER[model], steps + 1
    return steps


def _inside(found: Detections, crop: tuple[int, int, int, int]) -> Detections:
    """What a look at a part of the picture shows of these boxes."""
    low, high = np.array(crop[:2] * 2, np.float32), np.array(crop[2:] * 2, np.float32)
    xyxy = np.clip(found.xyxy, low, high)
    area = np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1)
    keep = area > LEAST_SEEN * np.prod(found.xyxy[:, 2:] - found.xyxy[:, :2], axis=1)
    return Detections(xyxy[keep], found.score[keep], found.label[keep])


def _moved(plan: CameraPlan, clip: Path) -> list[bool]:
    """What the motion gate says of every second picture."""
    gate, shaper = MotionGate.of(plan.scene, plan.letterbox.crop_xyxy), Shaper(plan.info, plan.letterbox, False)
    feed, moved, k = FileFeed(str(clip)), [], 0
    try:
        while (picture := feed.take(0)) is not None:
            if k % 2 == 0:
                moved.append(gate.passes(shaper.upright(picture.frame)[0], picture.pts_s))
            k += 1
    finally:
        feed.close()
    return moved
