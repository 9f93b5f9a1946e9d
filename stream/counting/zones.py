"""Visits: when a track came into a zone, once, and when it left. visits.py says when a visit is certain."""

from __future__ import annotations

import msgspec

from stream.counting.courses import Packed, Remembered, join
from stream.counting.stretch import Stretch
from stream.counting.visits import Stay, ZoneVisits, clear_of
from stream.messages import Frame, Tracks, Visit
from stream.scene import Scene
from stream.settings import CountingSettings


class _Memory(msgspec.Struct, frozen=True, array_like=True):
    """What a counter of zones knows, as plain data."""

    before: Packed
    stays: tuple[tuple[Stay, ...], ...]  # by zone


class ZoneCounter:
    """The visits to the zones of one camera's scene."""

    def __init__(self, scene: Scene, settings: CountingSettings) -> None:
        self.scene, self.settings = scene, settings
        self._zones = [ZoneVisits(scene.camera, zone, settings) for zone in scene.zones]
        self._before = Remembered.nothing()

    def update(self, frame: Frame, tracks: Tracks) -> tuple[Visit, ...]:
        """The visits that began or ended for certain with this frame; tracks that `tracks` no longer holds ended."""
        return self.count(Stretch.of(frame, tracks))

    def count(self, stretch: Stretch) -> tuple[Visit, ...]:
        """The same for several frames, in order; the same, however a stream is cut into stretches."""
        if not self._zones or not len(stretch):
            return ()
        courses = join(self._before, stretch, self.settings.anchor)
        _, after = courses.remember()
        self._before = msgspec.structs.replace(after, now_s=float(stretch.pts_s[-1]))
        if not len(courses):
            return ()
        clear = clear_of(courses, self.settings)
        found = [one for zone in self._zones for one in zone.follow(courses, clear)]
        return tuple(visit for _, visit in sorted(found, key=lambda one: (one[0], one[1].zone, one[1].track_id)))

    def finish(self) -> tuple[Visit, ...]:
        """All tracks end, since nothing more is seen: the visits of who is inside end as `unseen`."""
        courses = join(self._before, Stretch.nothing(), self.settings.anchor)
        self._before, clear = Remembered.nothing(), clear_of(courses, self.settings)
        return tuple(visit for zone in self._zones for visit in zone.finish(courses, clear))

    def state(self) -> bytes:
        """Everything that `restore` needs to go on from here, as msgpack."""
        stays = tuple(tuple(stay for _, stay in sorted(zone.stays.items())) for zone in self._zones)
        return msgspec.msgpack.encode(_Memory(self._before.packed(), stays))

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned, of a counter of the same scene.

        Raises msgspec.DecodeError or ValueError on other bytes.
        """
        memory = msgspec.msgpack.decode(state, type=_Memory)
        self._before = memory.before.unpacked()
        for zone, stays in zip(self._zones, memory.stays, strict=True):
            zone.stays = {stay.track_id: stay for stay in stays}
