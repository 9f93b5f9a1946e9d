"""Track: detections in, tracks and crossings out. One tracker and one counter a camera."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from stream.counting import Counter
from stream.messages import Clock, Counted, Detected, EndOfStream, Gap, Message, Notice
from stream.metrics import Metrics
from stream.settings import CountingSettings, TrackerSettings
from stream.topology import WorkerPlan
from stream.tracking import Tracker
from stream.zones import ZoneCounter


class Track:
    """The trackers and counters of all cameras of one worker."""

    notes: tuple[str, ...] = ()
    wait_s: float | None = None

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        tracker = TrackerSettings.model_validate(work.tracker)
        counting = CountingSettings.model_validate(work.counting)
        self._trackers = {camera.name: Tracker(tracker) for camera in work.cameras}
        self._counters = {camera.name: Counter(camera.scene, counting) for camera in work.cameras}
        self._zones = {camera.name: ZoneCounter(camera.scene, counting) for camera in work.cameras}
        self._gaps: dict[str, Gap] = {}  # the last one of each camera
        self._metrics = metrics

    def process(self, message: Message) -> Iterable[Message]:
        if isinstance(message, EndOfStream):
            crossings, visits = self._counters[message.camera].finish(), self._zones[message.camera].finish()
            return [msgspec.structs.replace(message, crossings=crossings, visits=visits)]
        if isinstance(message, Gap):
            return [self._interrupt(message)]
        if isinstance(message, Notice):
            self._metrics.count("roadtally_notices_total", camera=message.camera, kind=message.kind)
        if isinstance(message, Clock | Notice):
            return [message]
        assert isinstance(message, Detected)
        frame = message.frame
        tracks = self._trackers[frame.camera].update(message.detections, frame.pts_s)
        crossings = self._counters[frame.camera].update(frame, tracks)
        visits = self._zones[frame.camera].update(frame, tracks)
        if crossings and (gap := self._gaps.get(frame.camera)) is not None:
            crossings = tuple(crossing for crossing in crossings if not gap.hides(crossing))
        for crossing in crossings:
            self._metrics.count("roadtally_crossings_total", camera=frame.camera, label=crossing.label)
        if frame.seq == 0:
            self._metrics.set("roadtally_first_frame_timestamp_seconds", time.time(), camera=frame.camera)
        self._metrics.set("roadtally_tracks", len(tracks), camera=frame.camera)
        return [Counted(frame, tracks, crossings, message.yuv, visits)]

    def _interrupt(self, gap: Gap) -> Gap:
        """All tracks end: what comes after a time that was not seen is new, and gets new ids."""
        certain = self._counters[gap.camera].finish()
        crossings = tuple(crossing for crossing in certain if not gap.hides(crossing))
        visits = self._zones[gap.camera].finish()
        self._trackers[gap.camera].reset()
        self._gaps[gap.camera] = gap
        for crossing in crossings:
            self._metrics.count("roadtally_crossings_total", camera=gap.camera, label=crossing.label)
        return msgspec.structs.replace(gap, crossings=crossings, visits=visits)

    def poll(self) -> Iterable[Message]:
        return ()

    def close(self) -> None:
        pass
