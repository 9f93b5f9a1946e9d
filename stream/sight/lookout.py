"""Whether what a camera shows can be counted on, told in band: it is away, stuck, frozen, or looks elsewhere.

Any of these opens a gap, in which nothing is counted; the gap ends when the last of them is over. What happened is
told as a notice beside it.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from stream.messages import Clock, Gap, Notice, Told
from stream.scene import Scene
from stream.sight.freeze import Freeze
from stream.sight.steadiness import Moved, Steadiness
from stream.sight.sway import Sway
from stream.sight.view import moved_scene
from stream.video import DayTime, Outage

Cause = Literal["away", "stuck", "frozen", "lost"]
MOVED = "the camera was moved"


class _State(msgspec.Struct, frozen=True, array_like=True):
    clock: Clock | None
    gap: Gap | None
    seen_s: float
    unseen_s: float
    view: tuple[float, ...]
    causes: set[Cause]
    steadiness: bytes
    sway: bytes = b""


class Sight:
    """One camera. steadiness, freeze, sway: None where its view, its picture, or its trembling is not watched.

    sway_xy: how far the last picture lies from where the lines are, px.
    """

    def __init__(
        self, scene: Scene, epoch: int, steadiness: Steadiness | None, freeze: Freeze | None, sway: Sway | None = None
    ) -> None:
        self._drawn, self._epoch = scene, epoch
        self._steadiness, self._freeze, self._sway = steadiness, freeze, sway
        self.sway_xy = 0.0, 0.0
        self._clock: Clock | None = None
        self._gap: Gap | None = None  # that is open
        self.seen_s = self._unseen_s = 0.0  # the last picture; time in gaps that are over
        self._view: tuple[float, ...] = ()  # of messages.Gap
        self.scene = scene  # as the camera sees it now
        self.causes: set[Cause] = set()  # why nothing is counted

    def unseen_s(self, now_s: float) -> float:
        """Time in which nothing was counted, until now (pts)."""
        return self._unseen_s + (max(0.0, now_s - self._gap.from_s) if self._gap else 0.0)

    def hear(self, item: Outage | DayTime) -> list[Told]:
        """What the feed tells."""
        name = self._drawn.camera
        if isinstance(item, DayTime):
            self._clock = Clock(name, self._epoch, item.pts_s, item.utc_s, item.source)
            return [self._clock]
        told: list[Told] = []
        if "away" not in self.causes:
            told = [Notice(name, self._epoch, item.from_s, "stalled", f"no pictures: {item.reason}")]
            told += self._begin("away", item.from_s, item.reason)
        if item.to_s is None:
            return told
        for watched in (self._steadiness, self._freeze):
            if watched is not None:
                watched.restart()
        return told + self._end("away", item.to_s)

    def stuck(self, since_s: float, for_s: float) -> list[Told]:
        """No stage has taken a picture over for so long: since the one of since_s."""
        if "stuck" in self.causes:
            return []
        text = f"no picture was taken over for {for_s:.0f} s: a stage behind the decoder is stuck or far too slow"
        notice = Notice(self._drawn.camera, self._epoch, since_s, "stalled", text)
        return [notice, *self._begin("stuck", since_s, "the stages behind the decoder were stuck")]

    def look(self, luma: np.ndarray, is_key: bool, pts_s: float) -> list[Told]:
        """A picture that is handed on, luma u8 (height, width)."""
        self.seen_s = pts_s
        if self._sway is not None:
            self.sway_xy = self._sway.look(luma)
        told = self._end("stuck", pts_s)
        if self._freeze is not None:
            told += self._thaw_or_freeze(self._freeze.look(luma, is_key, pts_s), pts_s)
        if self._steadiness is not None and self._steadiness.is_due(pts_s):
            move = self._steadiness.look(luma, pts_s)
            if move is not None:
                told += self._moved(move, pts_s)
            elif self._steadiness.lost and "lost" not in self.causes:
                told += self._begin("lost", pts_s, MOVED)
        return told

    def end(self) -> list[Told]:
        """No more pictures come: what lasts ends with the last."""
        self.causes.clear()
        return self._close(self.seen_s)

    def state(self) -> bytes:
        """What restore() needs to go on from here."""
        steadiness = self._steadiness.state() if self._steadiness is not None else b""
        sway = self._sway.state() if self._sway is not None else b""
        return msgspec.msgpack.encode(
            _State(self._clock, self._gap, self.seen_s, self._unseen_s, self._view, self.causes, steadiness, sway)
        )

    def restore(self, state: bytes) -> None:
        """Be as when state() was called; new, where that is empty."""
        if not state:
            return
        before = msgspec.msgpack.decode(state, type=_State)
        self._clock = before.clock
        self._gap, self.seen_s, self._unseen_s, self._view = before.gap, before.seen_s, before.unseen_s, before.view
        self.causes = before.causes
        if self._gap is not None:
            self._gap = msgspec.structs.replace(self._gap, epoch=self._epoch)
        if self._view:
            self.scene = moved_scene(self._drawn, self._view)
        if self._steadiness is not None and before.steadiness:
            self._steadiness.restore(before.steadiness)
        if self._sway is not None and before.sway:
            self._sway.restore(before.sway)

    def _thaw_or_freeze(self, since_s: float | None, pts_s: float) -> list[Told]:
        if since_s is None:
            return self._end("frozen", pts_s)
        if "frozen" in self.causes:
            return []
        text = f"the camera sends the same picture again and again since {since_s:.1f} s"
        notice = Notice(self._drawn.camera, self._epoch, pts_s, "frozen", text)
        return [notice, *self._begin("frozen", since_s, "the picture was frozen")]

    def _moved(self, move: Moved, pts_s: float) -> list[Told]:
        text = move.text
        if self._sway is not None:
            self._sway.restart()
        if move.kind != "lost":
            self._view = tuple(float(value) for value in move.matrix.ravel())
            self.scene = moved_scene(self._drawn, self._view)
            left = {line.name for line in self._drawn.lines} - {line.name for line in self.scene.lines}
            if left:
                text += f"; out of sight, and not counted: {', '.join(sorted(left))}"
        told: list[Told] = [Notice(self._drawn.camera, self._epoch, pts_s, "moved", text)]
        told += self._begin("lost", move.since_s, MOVED)
        return told if move.kind == "lost" else told + self._end("lost", pts_s)

    def _begin(self, cause: Cause, from_s: float, reason: str) -> list[Told]:
        self.causes.add(cause)
        if self._gap is not None:
            return []
        self._gap = Gap(
            self._drawn.camera, self._epoch, from_s, None, self._utc_s(from_s), None, reason, view=self._view
        )
        return [self._gap]

    def _end(self, cause: Cause, to_s: float) -> list[Told]:
        if cause not in self.causes:
            return []
        self.causes.discard(cause)
        return [] if self.causes else self._close(to_s)

    def _close(self, to_s: float) -> list[Told]:
        gap, self._gap = self._gap, None
        if gap is None:
            return []
        self._unseen_s += max(0.0, to_s - gap.from_s)
        return [msgspec.structs.replace(gap, to_s=to_s, to_utc_s=self._utc_s(to_s), view=self._view)]

    def _utc_s(self, pts_s: float) -> float | None:
        return None if self._clock is None else self._clock.utc_s + pts_s - self._clock.pts_s
