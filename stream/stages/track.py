"""Track: detections in, tracks and crossings out. One tracker and one counter a camera."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from stream.counting import Counter
from stream.counting.zones import ZoneCounter
from stream.messages import (
    Checkpoint,
    Counted,
    Crossing,
    Detected,
    EndOfStream,
    Gap,
    InBand,
    Message,
    Notice,
    Restore,
    Visit,
)
from stream.metrics import Metrics
from stream.plan.topology import WorkerPlan
from stream.scene import Scene
from stream.settings import CountingSettings, TrackerSettings
from stream.sight.view import moved_scene
from stream.tracking.silhouettes import Silhouettes
from stream.tracking.tracker import Tracker

Event = TypeVar("Event", Crossing, Visit)


class _State(msgspec.Struct, frozen=True, array_like=True):
    tracker: bytes
    counter: bytes
    zones: bytes
    counted: dict[str, int]
    gap: Gap | None
    view: tuple[float, ...]
    silhouettes: bytes


class _Lane:
    """What is known of one camera."""

    def __init__(self, scene: Scene, tracker: TrackerSettings, counting: CountingSettings) -> None:
        self._scene, self._counting = scene, counting
        self.tracker = Tracker(tracker)
        self._silhouettes = Silhouettes()
        self.counted: Tally[str] = Tally()  # crossings by class
        self._gap: Gap | None = None  # the last one
        self._look(())

    def follow(self, message: Detected) -> Counted:
        frame, detections = message.frame, message.detections
        if detections is not None and any(frame.sway_xy):  # road users and lines are where a steady camera sees them
            detections = detections.moved((-frame.sway_xy[0], -frame.sway_xy[1]))
        tracks = self.tracker.update(detections, frame.pts_s)
        crossings, visits = self.counter.update(frame, tracks), self.zones.update(frame, tracks)
        tracks = self._silhouettes.follow(message.detections, tracks, frame.pts_s)
        return Counted(frame, tracks, self._told(crossings), message.yuv, self._seen(visits))

    def interrupt(self, gap: Gap) -> Gap:
        """All tracks end: what comes after a time that was not seen is new, and gets new ids."""
        self._gap = gap
        crossings, visits = self.finish()
        self.tracker.reset()
        self._silhouettes.reset()
        if gap.view:
            self._look(gap.view)
        return msgspec.structs.replace(gap, crossings=crossings, visits=visits)

    def finish(self) -> tuple[tuple[Crossing, ...], tuple[Visit, ...]]:
        return self._told(self.counter.finish()), self._seen(self.zones.finish())

    def state(self) -> bytes:
        shapes = self._silhouettes.state()
        states = (self.tracker.state(), self.counter.state(), self.zones.state())
        return msgspec.msgpack.encode(_State(*states, self.counted, self._gap, self._view, shapes))

    def restore(self, state: bytes) -> None:
        before = msgspec.msgpack.decode(state, type=_State)
        self._look(before.view)
        self.tracker.restore(before.tracker)
        self.counter.restore(before.counter)
        self.zones.restore(before.zones)
        self._silhouettes.restore(before.silhouettes)
        self.counted, self._gap = Tally(before.counted), before.gap

    def _look(self, view: tuple[float, ...]) -> None:
        """Count on the lines where the camera sees them now."""
        scene = moved_scene(self._scene, view) if view else self._scene
        self._view = view  # of messages.Gap
        self.counter, self.zones = Counter(scene, self._counting), ZoneCounter(scene, self._counting)

    def _told(self, crossings: tuple[Crossing, ...]) -> tuple[Crossing, ...]:
        seen = self._seen(crossings)
        self.counted.update(crossing.label for crossing in seen)
        return seen

    def _seen(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Those that did not happen in the last gap."""
        gap = self._gap
        return tuple(event for event in events if not gap.hides(event)) if events and gap else events


class Track:
    """The trackers and counters of all cameras of one worker."""

    notes: tuple[str, ...] = ()
    wait_s: float | None = None

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        self._tracker = TrackerSettings.model_validate(work.tracker)
        self._counting = CountingSettings.model_validate(work.counting)
        self._scenes = {camera.name: camera.scene for camera in work.cameras}
        self._lanes = {name: self._new_lane(name) for name in self._scenes}
        self._metrics = metrics

    def process(self, message: Message) -> Iterable[Message]:
        if isinstance(message, Detected):
            return [self._follow(message)]
        assert isinstance(message, InBand)
        lane = self._lanes[message.camera]
        if isinstance(message, EndOfStream):
            crossings, visits = lane.finish()
            message = msgspec.structs.replace(message, crossings=crossings, visits=visits)
        elif isinstance(message, Gap):
            message = lane.interrupt(message)
        elif isinstance(message, Checkpoint):
            message = msgspec.structs.replace(message, states={**message.states, "track": lane.state()})
        elif isinstance(message, Restore):
            self._restore(message)
        elif isinstance(message, Notice):
            self._metrics.count("roadtally_notices_total", camera=message.camera, kind=message.kind)
        self._tell(message.camera)
        return [message]

    def _follow(self, message: Detected) -> Counted:
        frame = message.frame
        counted = self._lanes[frame.camera].follow(message)
        if counted.crossings:
            self._tell(frame.camera)
        if frame.seq == 0:
            self._metrics.set("roadtally_first_frame_timestamp_seconds", time.time(), camera=frame.camera)
        self._metrics.set("roadtally_tracks", len(counted.tracks), camera=frame.camera)
        return counted

    def _restore(self, restore: Restore) -> None:
        camera = restore.camera
        told, lane = self._lanes[camera].counted, self._new_lane(camera)
        if "track" in restore.states:
            lane.restore(restore.states["track"])
        lane.counted.update(dict.fromkeys(told, 0))  # so that those are told which are fewer now
        self._lanes[camera] = lane

    def _tell(self, camera: str) -> None:
        for label, count in self._lanes[camera].counted.items():
            self._metrics.set("roadtally_crossings_total", count, camera=camera, label=label)

    def _new_lane(self, camera: str) -> _Lane:
        return _Lane(self._scenes[camera], self._tracker, self._counting)

    def poll(self) -> Iterable[Message]:
        return ()

    def close(self) -> None:
        pass
