"""Track: detections in, tracks and crossings out. One tracker and one counter a camera."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterable

import msgspec

from stream.counting import Counter
from stream.messages import Checkpoint, Counted, Crossing, Detected, EndOfStream, Gap, InBand, Message, Notice, Restore
from stream.metrics import Metrics
from stream.scene import Scene
from stream.settings import CountingSettings, TrackerSettings
from stream.topology import WorkerPlan
from stream.tracking import Tracker
from stream.zones import ZoneCounter


class _State(msgspec.Struct, frozen=True, array_like=True):
    tracker: bytes
    counter: bytes
    zones: bytes
    counted: dict[str, int]
    gap: Gap | None


class _Lane:
    """What is known of one camera."""

    def __init__(self, scene: Scene, tracker: TrackerSettings, counting: CountingSettings) -> None:
        self.tracker = Tracker(tracker)
        self.counter = Counter(scene, counting)
        self.zones = ZoneCounter(scene, counting)
        self.counted: Tally[str] = Tally()  # crossings by class
        self.gap: Gap | None = None  # the last one

    def certain(self, crossings: tuple[Crossing, ...]) -> tuple[Crossing, ...]:
        """Those that did not happen unseen."""
        if crossings and self.gap is not None:
            crossings = tuple(crossing for crossing in crossings if not self.gap.hides(crossing))
        self.counted.update(crossing.label for crossing in crossings)
        return crossings

    def state(self) -> bytes:
        states = (self.tracker.state(), self.counter.state(), self.zones.state())
        return msgspec.msgpack.encode(_State(*states, self.counted, self.gap))

    def restore(self, state: bytes) -> None:
        before = msgspec.msgpack.decode(state, type=_State)
        self.tracker.restore(before.tracker)
        self.counter.restore(before.counter)
        self.zones.restore(before.zones)
        self.counted, self.gap = Tally(before.counted), before.gap


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
            crossings, visits = lane.counter.finish(), lane.zones.finish()
            return [msgspec.structs.replace(message, crossings=crossings, visits=visits)]
        if isinstance(message, Gap):
            return [self._interrupt(message)]
        if isinstance(message, Checkpoint):
            return [msgspec.structs.replace(message, states={**message.states, "track": lane.state()})]
        if isinstance(message, Restore):
            self._restore(message)
        if isinstance(message, Notice):
            self._metrics.count("roadtally_notices_total", camera=message.camera, kind=message.kind)
        return [message]

    def _follow(self, message: Detected) -> Counted:
        frame = message.frame
        lane = self._lanes[frame.camera]
        tracks = lane.tracker.update(message.detections, frame.pts_s)
        crossings = lane.certain(lane.counter.update(frame, tracks))
        visits = lane.zones.update(frame, tracks)
        if crossings:
            self._tell(frame.camera)
        if frame.seq == 0:
            self._metrics.set("roadtally_first_frame_timestamp_seconds", time.time(), camera=frame.camera)
        self._metrics.set("roadtally_tracks", len(tracks), camera=frame.camera)
        return Counted(frame, tracks, crossings, message.yuv, visits)

    def _interrupt(self, gap: Gap) -> Gap:
        """All tracks end: what comes after a time that was not seen is new, and gets new ids."""
        lane = self._lanes[gap.camera]
        lane.gap = gap
        crossings = lane.certain(lane.counter.finish())
        visits = lane.zones.finish()
        lane.tracker.reset()
        self._tell(gap.camera)
        return msgspec.structs.replace(gap, crossings=crossings, visits=visits)

    def _restore(self, restore: Restore) -> None:
        camera = restore.camera
        told, lane = self._lanes[camera].counted, self._new_lane(camera)
        if "track" in restore.states:
            lane.restore(restore.states["track"])
        lane.counted.update(dict.fromkeys(told, 0))  # so that those are told which are fewer now
        self._lanes[camera] = lane
        self._tell(camera)

    def _tell(self, camera: str) -> None:
        for label, count in self._lanes[camera].counted.items():
            self._metrics.set("roadtally_crossings_total", count, camera=camera, label=label)

    def _new_lane(self, camera: str) -> _Lane:
        return _Lane(self._scenes[camera], self._tracker, self._counting)

    def poll(self) -> Iterable[Message]:
        return ()

    def close(self) -> None:
        pass
