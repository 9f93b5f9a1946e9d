"""Crossings: when a track has passed a line, once, with its direction, class, time and place.

    Stretch --join--> Courses --Sides.follow--> settled behind a line  \\
                              --bridging------> broken at a line        }--> proven, no double --> Crossing

Who crossed is counted when the track is proven: seen for surely enough, and gone far enough to be no standing thing.
Two crossings whose boxes would cover each other at the same moment are one vehicle.
"""

from __future__ import annotations

import msgspec
import numpy as np

from stream.counting.bridging import bridge_births, bridge_deaths
from stream.counting.courses import Courses, Packed, Remembered, join
from stream.counting.passing import Passing
from stream.counting.recent import Recent
from stream.counting.riders import ridden
from stream.counting.sides import CLEARED, Crossed, Sides
from stream.counting.stretch import Stretch
from stream.messages import Crossing, Frame, Tracks
from stream.scene import Scene
from stream.settings import CountingSettings

CUT_OFF = 0.4  # at the end of a stream, of the distance at which a track is clear: nearer, a box only trembles


class _Memory(msgspec.Struct, frozen=True, array_like=True):
    """What a counter knows, as plain data: arrays as bytes, and its passings."""

    before: Packed
    open_: bytes  # bool (N,)
    sides: bytes  # f64 (3, lines, N)
    passed: tuple[Passing, ...]
    on_trial: tuple[Passing, ...]
    recent: tuple[Passing, ...]
    began_s: float | None


class Counter:
    """The crossings of one camera's scene."""

    def __init__(self, scene: Scene, settings: CountingSettings) -> None:
        self.scene, self.settings = scene, settings
        self._before = Remembered.nothing()
        self._began_s: float | None = None  # pts of the first frame
        self._open = np.zeros(0, bool)  # tracks that were not prolonged backwards yet
        self._sides = Sides(scene.lines, settings)
        self._on_trial: list[Passing] = []  # crossed, but their tracks are not proven yet
        self._recent = Recent(settings.duplicate_overlap)

    def update(self, frame: Frame, tracks: Tracks) -> tuple[Crossing, ...]:
        """The crossings that became certain with this frame. A track that `tracks` no longer holds has ended."""
        return self.count(Stretch.of(frame, tracks))

    def count(self, stretch: Stretch) -> tuple[Crossing, ...]:
        """The crossings that became certain with these frames; the same, however a stream is cut into stretches."""
        if not self.scene.lines or not len(stretch):
            return ()
        crossings: tuple[Crossing, ...] = ()
        now_s = float(stretch.pts_s[-1])
        if self._began_s is None:
            self._began_s = float(stretch.pts_s[0])
        if not len(self._before.track_id) and not len(stretch.track_id):
            self._before = msgspec.structs.replace(self._before, now_s=now_s)
            return crossings
        courses = join(self._before, stretch, self.settings.anchor)
        on, after = courses.remember()
        if len(courses):
            open_ = courses.recall(self._open, np.ones(len(courses), bool))
            stand, crossed = self._sides.follow(courses)
            crossed += bridge_deaths(self._sides, courses, stand, courses.ended())
            if crossed or self._on_trial or np.count_nonzero(open_):
                proven = courses.proven(self.settings, ~open_)
                crossed += bridge_births(self._sides, courses, proven, open_, self._began_s)
                crossings = self._enter(courses, proven, crossed, stretch.pts_s)
            self._sides.keep(stand, courses, on)
            self._open = open_[on]
        self._before = msgspec.structs.replace(after, now_s=now_s)
        return crossings

    def finish(self) -> tuple[Crossing, ...]:
        """The last crossings, of tracks that were just past a line when the stream ended."""
        crossings: tuple[Crossing, ...] = ()
        courses = join(self._before, Stretch.nothing(), self.settings.anchor)
        if len(courses):
            stand, _ = self._sides.follow(courses)
            crossed = bridge_deaths(self._sides, courses, stand, np.arange(len(courses)), CUT_OFF)
            proven = courses.proven(self.settings, ~self._open)
            crossings = self._enter(courses, proven, crossed, np.zeros(0))
        recent = self._recent
        self.__init__(self.scene, self.settings)  # type: ignore[misc]
        self._recent = recent
        return crossings

    def state(self) -> bytes:
        """Everything that `restore` needs to go on from here, as msgpack."""
        open_, sides = (np.ascontiguousarray(array).tobytes() for array in (self._open, self._sides.state))
        passed = tuple(passing for _, passing in sorted(self._sides.passed.items()))
        others = (passed, tuple(self._on_trial), tuple(self._recent.passings), self._began_s)
        return msgspec.msgpack.encode(_Memory(self._before.packed(), open_, sides, *others))

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned, of a counter of the same scene.

        Raises msgspec.DecodeError or ValueError on other bytes.
        """
        memory = msgspec.msgpack.decode(state, type=_Memory)
        self._before = memory.before.unpacked()
        self._began_s = memory.began_s
        self._open = np.frombuffer(memory.open_, bool)
        self._sides.state = np.frombuffer(memory.sides).reshape(3, len(self.scene.lines), len(self._open))
        self._sides.passed = {(passing.line, passing.track_id): passing for passing in memory.passed}
        self._on_trial, self._recent.passings = list(memory.on_trial), list(memory.recent)

    def _enter(
        self, courses: Courses, proven: np.ndarray, crossed: list[Crossed], pts_s: np.ndarray
    ) -> tuple[Crossing, ...]:
        """The crossings that are certain, each vehicle once, in the order in which they became so."""
        if not crossed and not self._on_trial:
            return ()
        certain = []
        rows = courses.at(np.array([passing.track_id for passing in self._on_trial], np.int64), -1)
        waiting = list(zip(self._on_trial, rows.tolist(), strict=True))
        for one in sorted(crossed):
            if proven[one.row]:
                certain.append(one)
            else:
                waiting.append((one.passing, one.row))
        self._on_trial = []
        for order, (passing, row) in enumerate(waiting):
            course = int(np.searchsorted(courses.start, row, side="right")) - 1
            later = row + np.flatnonzero(proven[row : int(courses.stop[course])])
            if len(later):
                at = int(later[0])
                certain.append(Crossed(int(courses.frame[at]), CLEARED, order, 0, at, passing))
            elif courses.frame[courses.stop[course] - 1] == courses.frames - 1:
                self._on_trial.append(passing)
        if not certain:
            return ()
        certain.sort()
        now_s = np.append(pts_s, self._before.now_s)[[one.frame for one in certain]]  # frame -1 is the last
        counted = self._recent.admit(courses, certain, now_s)
        return tuple(self._event(one, ridden(courses, one, proven)) for one in counted)

    def _event(self, one: Crossed, label: int) -> Crossing:
        passing = msgspec.structs.replace(one.passing, label=label)
        return passing.crossing(self.scene.camera, self.scene.lines[passing.line].name)
