"""Decode: the source of a lane. Reads pictures, leases a slot for each, writes the pixels that later stages read."""

from __future__ import annotations

import os
import time
from collections import Counter, deque

import msgspec

from stream.cameras import CameraPlan
from stream.gate import MotionGate
from stream.messages import Checkpoint, Clock, Decoded, Duty, EndOfStream, Frame, Gap, Message, Notice, Restore
from stream.metrics import Metrics
from stream.sinks.original import open_original
from stream.sources import with_credentials
from stream.store import RESTART
from stream.transport.ring import Slot, SlotPool
from stream.video import (
    DayTime,
    Feed,
    FileFeed,
    FollowFeed,
    LiveFeed,
    Outage,
    Patience,
    Picture,
    Reading,
    Shaper,
    choose_hardware,
)
from stream.video.live import RESTARTED

WAIT_S = 0.1  # for a picture or a free slot, before the worker looks at its control socket again
CHECKPOINT_S = 0.5  # between two checkpoints of a lane: how much is done again after a crash


class _State(msgspec.Struct, frozen=True, array_like=True):
    feed: bytes
    published: int
    skipped: dict[str, int]
    unseen_s: float
    last_s: float
    gate: bytes


class Decode:
    """One camera's source. Give it time by calling next(); it never blocks longer than WAIT_S plus one picture."""

    def __init__(self, camera: CameraPlan, source: str, pool: SlotPool, metrics: Metrics) -> None:
        self._camera, self._pool, self._metrics = camera, pool, metrics
        self._original = open_original(camera)
        self._hardware = choose_hardware(camera.info.codec, camera.decoder)
        self._feed = _open_feed(camera, source, Reading(self._original is not None, self._hardware))
        self.notes = (self._hardware.note,) if self._hardware.note else ()
        self._shaper = Shaper(camera.info, camera.letterbox, camera.layout.yuv_hw is not None)
        self._gate = _open_gate(camera)
        self._held: Picture | None = None
        self._skipped: Counter[str] = Counter()
        self._unseen_s = 0.0  # in gaps that are over
        self._most_in_flight = self._published = 0
        self._last_s = 0.0  # pts of the last picture
        self._cut_s = time.monotonic()
        self._is_new = False  # something was told since the last checkpoint
        self._told: deque[Message] = deque()
        self._halted = False
        self.ended = False

    def stop(self) -> None:
        """End the stream with the pictures decoded so far."""
        self._feed.stop()
        if self._held is not None:
            self._held = None
            self._skip("stopped")

    def next(self, wait_s: float = WAIT_S) -> Message | None:
        """The next picture, what is told between pictures, the end of the stream; None when nothing came in time."""
        if self._halted:
            time.sleep(min(wait_s, WAIT_S))
            return None
        if self._told:
            return self._told.popleft()
        if self._held is None:
            if self._is_new and time.monotonic() - self._cut_s > CHECKPOINT_S:
                return self._cut()
            item = self._feed.take(min(wait_s, WAIT_S))
            if item is None:
                return self._end() if self._feed.ended else None
            if not isinstance(item, Picture):
                return self._tell(item)
            self._held = item
            if self._original is not None:
                self._original.put(item)
        slot = self._pool.acquire(WAIT_S if self._camera.blocks else 0)
        if slot is not None:
            return self._publish(slot)
        if not self._camera.blocks:
            self._held = None
            self._skip("window full")
        return None

    def halt(self) -> None:
        """Give nothing more until rewind()."""
        self._halted = True

    def rewind(self, epoch: int, checkpoint: Checkpoint | None, reason: str) -> None:
        """Begin the lane's new life at a checkpoint, or from the beginning."""
        packed = checkpoint.states["decode"] if checkpoint else None
        before = msgspec.msgpack.decode(packed, type=_State) if packed else _State(b"", 0, {}, 0.0, 0.0, b"")
        self._pool.restart(epoch)
        if self.ended:
            self._original = open_original(self._camera)  # it was closed with the end
        self._held, self.ended, self._halted, self._is_new = None, False, False, False
        self._feed.restore(before.feed or None, reason)
        self._gate = _open_gate(self._camera)
        if self._gate is not None and before.gate:
            self._gate.restore(before.gate)
        if self._camera.live:
            self._account(before)
        else:
            self._skipped, self._last_s = Counter(before.skipped), before.last_s
        self._published = before.published
        self._told.clear()
        self._told.append(Restore(self._camera.name, epoch, checkpoint.states if checkpoint else {}))
        text = f"{reason}; went back to frame {checkpoint.seq if checkpoint else 0}"
        self._told.append(Notice(self._camera.name, epoch, before.last_s, RESTART, text))

    def close(self) -> None:
        self._feed.close()
        if self._original is not None:
            self._original.close()

    def _account(self, before: _State) -> None:
        """Pictures of a camera that were under way are lost, and skipped for that reason."""
        if self._published or self._skipped:
            lost = self._published - before.published
        else:  # this decoder itself is new
            self._skipped, self._unseen_s, self._last_s = Counter(before.skipped), before.unseen_s, before.last_s
            lost = self._feed.decoded - before.published - sum((self._skipped + self._feed.skipped).values())
        if lost > 0:
            self._skip(RESTARTED, lost)

    def _cut(self) -> Checkpoint:
        self._is_new, self._cut_s = False, time.monotonic()
        gate = b"" if self._gate is None else self._gate.state()
        state = _State(self._feed.state(), self._published, self._skipped, self._unseen_s, self._last_s, gate)
        states = {"decode": msgspec.msgpack.encode(state)}
        return Checkpoint(self._camera.name, self._pool.epoch, self._feed.decoded, states)

    def _tell(self, item: Outage | DayTime) -> Clock | Gap:
        self._is_new = True
        name, epoch = self._camera.name, self._pool.epoch
        if isinstance(item, DayTime):
            return Clock(name, epoch, item.pts_s, item.utc_s, item.source)
        if item.to_s is not None:
            self._unseen_s += item.to_s - item.from_s
        self._metrics.set("roadtally_connected", float(item.to_s is not None), camera=name)
        self._metrics.set("roadtally_reconnects_total", self._feed.reconnects, camera=name)
        self._metrics.set("roadtally_unseen_seconds_total", self._unseen_s, camera=name)
        return Gap(name, epoch, item.from_s, item.to_s, item.from_utc_s, item.to_utc_s, item.reason)

    def _publish(self, slot: Slot) -> Decoded:
        assert self._held is not None
        picture, self._held = self._held, None
        self._published, self._last_s, self._is_new = self._published + 1, picture.pts_s, True
        seq = picture.seq
        planes = self._shaper.upright(picture.frame)
        duty: Duty = "detect" if seq % self._camera.every == 0 else "predict"
        if duty == "detect" and self._gate is not None and not self._gate.passes(planes[0], picture.pts_s):
            duty = "quiet"
        tensor = slot.tensor if duty == "detect" else None
        self._shaper.fill(planes, slot.yuv, tensor)
        slot.stamp[:] = self._pool.epoch, seq
        camera = self._camera
        frame = Frame(
            camera=camera.name,
            epoch=self._pool.epoch,
            seq=seq,
            pts_s=picture.pts_s,
            captured_ns=picture.captured_ns,
            width=camera.scene.width,
            height=camera.scene.height,
            duty=duty,
            slot=slot.index,
        )
        self._note_flow()
        self._metrics.set("roadtally_position_seconds", picture.pts_s, camera=camera.name)
        if camera.live:
            self._metrics.set("roadtally_connected", 1.0, camera=camera.name)
        return Decoded(frame, slot.yuv, tensor)

    def _note_flow(self) -> None:
        camera, in_flight = self._camera.name, self._pool.in_flight()
        self._most_in_flight = max(self._most_in_flight, in_flight)
        self._metrics.set("roadtally_decoded_total", self._feed.decoded, camera=camera)
        self._metrics.set("roadtally_in_flight", in_flight, camera=camera)
        self._metrics.set("roadtally_in_flight_most", self._most_in_flight, camera=camera)

    def _skip(self, reason: str, count: int = 1) -> None:
        self._skipped[reason] += count
        self._note_flow()
        self._metrics.set("roadtally_skipped_total", self._skipped[reason], camera=self._camera.name, reason=reason)

    def _end(self) -> Checkpoint | EndOfStream:
        if self._is_new:  # so that a run that was interrupted goes on from here
            return self._cut()
        self.ended = True
        feed = self._feed
        if self._original is not None:
            self._original.close()  # before the end is told: the last event is cut from what it wrote
        return EndOfStream(
            camera=self._camera.name,
            epoch=self._pool.epoch,
            decoded=feed.decoded,
            skipped=dict(self._skipped + feed.skipped),
            problems=tuple(feed.problems),
            repairs=(*feed.notes, *self._hardware.failures, *self._shaper.notes),
        )


def _open_feed(camera: CameraPlan, source: str, reading: Reading) -> Feed:
    patience = Patience.of(camera.timeout_s, source)
    if camera.live:
        source = with_credentials(source, camera.name, os.environ)
        return LiveFeed(source, camera.info.fps, patience, reading=reading)
    if camera.follow:
        return FollowFeed(source, camera.info.fps, patience, reading=reading)
    return FileFeed(source, reading=reading)


def _open_gate(camera: CameraPlan) -> MotionGate | None:
    scene = camera.scene
    size_wh = (scene.width, scene.height)
    return MotionGate(scene.edges, size_wh, camera.letterbox.crop_xyxy) if camera.gate else None
