"""From a configuration to workers, edges and rings. Pure: opens nothing, so `roadtally check` shows what would run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from models.contract import DetectorSpec, SegmenterSpec
from stream.budget.looks import OperatingPoint
from stream.config.placement import PlacementConfig
from stream.config.schema import Config
from stream.errors import ConfigError
from stream.plan.cameras import CameraPlan, plan_camera, points_for
from stream.transport.ring import RingSpec
from stream.video import VideoInfo

Endpoint = Callable[[str, str], str]
"""(name of a socket, host or "") -> its address; the caller knows which transport and which ports are free."""


class MaskPlan(msgspec.Struct, frozen=True):
    """Of which detections there are silhouettes, see stream.config.schema.MasksConfig."""

    segmenter: SegmenterSpec
    every: int
    near: float
    most: int


class WorkerPlan(msgspec.Struct, frozen=True):
    """Everything one worker needs: plain values, so it can be sent to another host."""

    name: str
    stages: tuple[str, ...]
    cameras: tuple[CameraPlan, ...]
    sources: dict[str, str]  # camera -> what it opens, password included; only of a worker that decodes
    inlet: str | None  # address it binds for its messages; None: it decodes
    outlets: dict[str, str]  # camera -> address of the next worker; empty: the last one
    sends_pixels: bool  # over the outlets, as message parts
    credits_in: str | None  # the decoder binds this
    credits_out: dict[str, str]  # camera -> where the last reader of pixels returns slots
    rings: tuple[RingSpec, ...]  # shared memory it maps, named after the camera
    slots: int
    detector: DetectorSpec
    points: tuple[OperatingPoint, ...]  # that cameras with a budget move between, the most accurate first; one or more
    max_wait_ms: float
    tracker: dict[str, Any]
    counting: dict[str, Any]
    folder: str
    masks: MaskPlan | None = None  # None: no silhouettes
    host: str = ""  # another host, where a person starts it
    epochs: dict[str, int] = {}  # camera -> its life now; 0 where it stands not here. A later life begins with a rewind


class Plan(msgspec.Struct, frozen=True):
    """A whole run."""

    cameras: tuple[CameraPlan, ...]
    workers: tuple[WorkerPlan, ...]
    rings: tuple[RingSpec, ...]
    control: str
    folder: str
    inline: bool

    @property
    def shared_bytes(self) -> int:
        """Shared memory that all rings take together."""
        return sum(ring.total_bytes for ring in self.rings)


def make_plan(config: Config, infos: Mapping[str, VideoInfo], endpoint: Endpoint, run: str) -> Plan:
    """infos: what a look at each source gave, by camera name; run: keeps the rings of two runs apart.
    Raises ConfigError with the problems of all cameras."""
    cameras = _plan_cameras(config, infos)
    control = endpoint("control", "")  # asked for first: of fixed ports it gets the one that the user named
    place = config.placement
    handles = place.mode == "processes"
    rings = {c.name: RingSpec(f"roadtally-{run}-{i}", place.slots, c.layout) for i, c in enumerate(cameras)}
    told = _told_all(config, cameras)
    masks = config.masks.every > 0
    groups = place.groups(masks)
    last = _last_pixel_group(groups, config.output.record == "annotated", masks)
    lane = {camera.name: f"credits-{i}" for i, camera in enumerate(cameras)}  # short: a socket's path has a limit
    sources = {camera.name: camera.source for camera in config.cameras}
    names = [_worker_names(place, group, cameras) for group in groups]
    workers = []
    for group, stages in enumerate(groups):
        for name in sorted(set(names[group].values())):
            mine = tuple(c for c in cameras if names[group][c.name] == name)
            onward = names[group + 1] if group + 1 < len(names) else {}
            host, onward_host = place.remote.get(group, ""), place.remote.get(group + 1, "")
            returns = group == last and group > 0
            workers.append(
                WorkerPlan(
                    name=name,
                    stages=stages,
                    cameras=mine,
                    sources={c.name: sources[c.name] for c in mine} if group == 0 else {},
                    inlet=endpoint(name, host) if group else None,
                    outlets={c.name: endpoint(onward[c.name], onward_host) for c in mine} if onward else {},
                    sends_pixels=not handles and group < last,
                    credits_in=endpoint(lane[mine[0].name], "") if group == 0 and last > 0 else None,
                    credits_out={c.name: endpoint(lane[c.name], "") for c in mine} if returns else {},
                    rings=tuple(rings[c.name] for c in mine) if handles and group <= last else (),
                    host=host,
                    **told,
                )
            )
    used = tuple(rings.values()) if handles else ()
    return Plan(cameras, tuple(workers), used, control, str(config.output.dir), place.mode == "inline")


def _told_all(config: Config, cameras: tuple[CameraPlan, ...]) -> dict[str, Any]:
    """The fields of a WorkerPlan that are the same for every worker of the run."""
    return {
        "slots": config.placement.slots,
        "detector": _detector_spec(config, cameras),
        "points": points_for(config, cameras),
        "max_wait_ms": config.detector.max_wait_ms,
        "tracker": config.tracker.model_dump(mode="json"),
        "counting": config.counting.model_dump(mode="json"),
        "folder": str(config.output.dir),
        "masks": _mask_plan(config, cameras),
    }


def _plan_cameras(config: Config, infos: Mapping[str, VideoInfo]) -> tuple[CameraPlan, ...]:
    cameras, problems = [], []
    for camera in config.cameras:
        try:
            cameras.append(plan_camera(config, camera, infos[camera.name]))
        except ConfigError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ConfigError("configuration", "\n".join(str(problem) for problem in problems))
    return tuple(cameras)


def _detector_spec(config: Config, cameras: tuple[CameraPlan, ...]) -> DetectorSpec:
    wanted = config.detector
    return DetectorSpec(
        model=wanted.model,
        input_hw=tuple(sorted({box.input_hw for camera in cameras for box in camera.letterboxes.values()})),
        engine=wanted.engine,
        precision=wanted.precision,
        max_batch=wanted.batch,
        score=wanted.score,
        threads=wanted.threads,
    )


def _mask_plan(config: Config, cameras: tuple[CameraPlan, ...]) -> MaskPlan | None:
    wanted = config.masks
    if not wanted.every:
        return None
    inputs = tuple(sorted({camera.letterbox.input_hw for camera in cameras}))
    spec = SegmenterSpec(wanted.model, inputs, wanted.engine, wanted.precision, config.detector.threads)
    return MaskPlan(spec, wanted.every, wanted.near, wanted.most)


def _last_pixel_group(groups: tuple[tuple[str, ...], ...], video: bool, masks: bool) -> int:
    """The group after which no stage reads pixels: the recorder's, or when nothing is drawn the segmenter's, or else
    the detector's."""
    reader = "record" if video else "segment" if masks else "detect"
    return next(group for group, stages in enumerate(groups) if reader in stages)


def _worker_names(place: PlacementConfig, stages: tuple[str, ...], cameras: tuple[CameraPlan, ...]) -> dict[str, str]:
    """Camera -> its worker in this group: cameras are dealt out, frames never are, so order is kept."""
    if place.mode == "inline":
        return {camera.name: "inline" for camera in cameras}
    count = {"decode": len(cameras), "detect": place.detectors}.get(stages[0], 1)
    label = "+".join(stages)
    return {c.name: f"{label}-{i % count}" if count > 1 else label for i, c in enumerate(cameras)}
