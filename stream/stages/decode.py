"""Decode: the source of a lane. Reads pictures, leases a slot for each, writes the pixels that later stages read."""

from __future__ import annotations

import os
import time
from collections import deque

import msgspec

from stream.budget.gate import MotionGate
from stream.messages import Checkpoint, Decoded, Duty, EndOfStream, Frame, Gap, Message, Notice, Restore, Told
from stream.metrics import Metrics
from stream.plan.cameras import CameraPlan
from stream.records.store import RESTART
from stream.scene import Scene
from stream.sight.freeze import Freeze
from stream.sight.lookout import Sight
from stream.sight.steadiness import Steadiness
from stream.sight.sway import Sway
from stream.sight.view import ends_of
from stream.sinks.original import open_original
from stream.sources import with_credentials
from stream.stages.flow import Flow
from stream.transport.ring import Slot, SlotPool
from stream.video import Feed, FileFeed, FollowFeed, LiveFeed, Patience, Picture, Reading, Shaper, choose_hardware

WAIT_S = 0.1  # for a picture or a free slot, before the worker looks at its control socket again
CHECKPOINT_S = 0.5  # between two checkpoints of a lane: how much is done again after a crash


class _State(msgspec.Struct, frozen=True, array_like=True):
    feed: bytes = b""
    sight: bytes = b""
    gate: bytes = b""
    published: int = 0
    skipped: dict[str, int] = {}


class Decode:
    """One camera's source. Give it time by calling next(); it never blocks longer than WAIT_S plus one picture."""

    def __init__(self, camera: CameraPlan, source: str, pool: SlotPool, metrics: Metrics) -> None:
        self._camera, self._pool, self._metrics = camera, pool, metrics
        self._original = open_original(camera)
        self._hardware = choose_hardware(camera.info.codec, camera.decoder)
        self._feed = _open_feed(camera, source, Reading(packets=self._original is not None, hardware=self._hardware))
        self.notes = (self._hardware.note,) if self._hardware.note else ()
        self._shaper = Shaper(camera.info, camera.letterbox, camera.layout.yuv_hw is not None)
        self._gate = _open_gate(camera, camera.scene) if camera.gate else None
        self._sight = _open_sight(camera, pool.epoch)
        self._told: deque[Told | Restore] = deque()  # goes out before the next picture
        self._handed_on = (0.0, time.monotonic())  # the last picture: pts, and when
        self._held: Picture | None = None
        self._flow = Flow(camera, self._feed, pool, metrics)
        self._cut_s = time.monotonic()
        self._is_cut = True  # nothing went out since the last checkpoint
        self._halted = False
        self.ended = False
        self._tell([])

    def stop(self) -> None:
        """End the stream with the pictures decoded so far."""
        self._feed.stop()
        if self._held is not None:
            self._held = None
            self._skip("stopped")

    def halt(self) -> None:
        """Give nothing more until rewind()."""
        self._halted = True

    def next(self, wait_s: float = WAIT_S) -> Message | None:
        """The next picture, what is told between pictures, the end of the stream; None when nothing came in time."""
        if self._halted:
            time.sleep(min(wait_s, WAIT_S))
            return None
        if self._held is None and not self._told:
            if not self._is_cut and time.monotonic() - self._cut_s > CHECKPOINT_S:
                return self._cut()
            self._take(wait_s)
        if self._told:
            self._is_cut = False
            return self._told.popleft()
        if self._held is None:
            return self._end() if self._feed.ended else None
        slot = self._pool.acquire(WAIT_S if self._camera.blocks else 0)
        if slot is not None:
            return self._publish(slot)
        if not self._camera.blocks:
            self._held = None
            self._skip("window full")
        return None

    def rewind(self, epoch: int, checkpoint: Checkpoint | None, reason: str) -> None:
        """Begin the lane's new life at a checkpoint; None: at the beginning."""
        name, states = self._camera.name, checkpoint.states if checkpoint else {}
        before = msgspec.msgpack.decode(states["decode"], type=_State) if states else _State()
        if self.ended:
            self._original = open_original(self._camera)  # it was closed with the end
        self._held, self.ended, self._halted, self._is_cut = None, False, False, True
        self._pool.restart(epoch)
        self._feed.restore(before.feed or None, reason)
        self._flow.restore(before.published, before.skipped)
        self._sight = _open_sight(self._camera, epoch)
        self._sight.restore(before.sight)
        if self._gate is not None:
            self._gate = _open_gate(self._camera, self._sight.scene)
            self._gate.restore(before.gate or None)
        text = f"{reason}: went back to picture {checkpoint.seq if checkpoint else 0}"
        self._told = deque([Restore(name, epoch, states), Notice(name, epoch, self._sight.seen_s, RESTART, text)])

    def close(self) -> None:
        self._feed.close()
        if self._original is not None:
            self._original.close()

    def _take(self, wait_s: float) -> None:
        item = self._feed.take(min(wait_s, WAIT_S))
        if item is None and self._feed.ended:
            self._tell(self._sight.end())
        elif isinstance(item, Picture):
            self._held = item
            if self._original is not None:
                self._original.put(item)
        elif item is not None:
            self._tell(self._sight.hear(item))
        elif self._sight.causes:
            self._note_unseen()

    def _cut(self) -> Checkpoint:
        self._is_cut, self._cut_s = True, time.monotonic()
        gate = b"" if self._gate is None else self._gate.state()
        flow = self._flow
        state = _State(self._feed.state(), self._sight.state(), gate, flow.published, flow.own_skipped)
        states = {"decode": msgspec.msgpack.encode(state)}
        return Checkpoint(self._camera.name, self._pool.epoch, self._feed.decoded, states)

    def _tell(self, told: list[Told]) -> None:
        """What was noticed, and the figures that follow from it."""
        self._told += told
        camera, causes = self._camera, self._sight.causes
        if camera.live:
            self._metrics.set("roadtally_connected", float("away" not in causes), camera=camera.name)
            self._metrics.set("roadtally_frozen", float("frozen" in causes), camera=camera.name)
            self._metrics.set("roadtally_reconnects_total", self._feed.reconnects, camera=camera.name)
        self._metrics.set("roadtally_view_lost", float("lost" in causes), camera=camera.name)
        self._note_unseen()
        if self._gate is not None and any(isinstance(one, Gap) and one.view for one in told):
            self._gate = _open_gate(camera, self._sight.scene)

    def _note_unseen(self) -> None:
        pts_s, at_s = self._handed_on
        unseen_s = self._sight.unseen_s(pts_s + time.monotonic() - at_s)
        self._metrics.set("roadtally_unseen_seconds_total", unseen_s, camera=self._camera.name)

    def _publish(self, slot: Slot) -> Decoded:
        assert self._held is not None
        picture, self._held = self._held, None
        self._is_cut = False
        self._flow.publish()
        seq = picture.seq
        planes = self._shaper.upright(picture.frame)
        self._handed_on = picture.pts_s, time.monotonic()
        told = self._sight.look(planes[0], bool(picture.frame.key_frame), picture.pts_s)
        if told or self._sight.causes:
            self._tell(told)
        duty: Duty = "detect" if seq % self._camera.every == 0 else "predict"
        if duty == "detect" and self._gate is not None and not self._gate.passes(planes[0], picture.pts_s):
            duty = "quiet"
        tensor = slot.tensor if duty == "detect" or (duty == "quiet" and self._camera.gate_opens) else None
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
            sway_xy=self._sight.sway_xy,
        )
        self._metrics.set("roadtally_position_seconds", picture.pts_s, camera=camera.name)
        return Decoded(frame, slot.yuv, tensor)

    def _skip(self, reason: str) -> None:
        self._flow.skip(reason)
        pts_s, at_s = self._handed_on
        stuck_s = time.monotonic() - at_s
        if self._camera.live and stuck_s > self._camera.timeout_s:
            self._tell(self._sight.stuck(pts_s, stuck_s))

    def _end(self) -> Checkpoint | EndOfStream:
        if not self._is_cut:  # so that a run that was interrupted goes on from here
            return self._cut()
        self.ended = True
        feed = self._feed
        lost: tuple[str, ...] = ()
        if self._original is not None:
            self._original.close()  # before the end is told: the last event is cut from what it wrote
            if self._original.lost:
                lost = (f"{self._original.lost} packets are not in the recording: the disk was too slow",)
        return EndOfStream(
            camera=self._camera.name,
            epoch=self._pool.epoch,
            decoded=feed.decoded,
            skipped=self._flow.skipped,
            problems=tuple(feed.problems),
            repairs=(*feed.notes, *lost, *self._hardware.failures, *self._shaper.notes),
        )


def _open_feed(camera: CameraPlan, source: str, reading: Reading) -> Feed:
    patience = Patience.of(camera.timeout_s, source)
    if camera.live:
        source = with_credentials(source, camera.name, os.environ)
        return LiveFeed(source, camera.info.fps, patience, reading=reading)
    if camera.follow:
        return FollowFeed(source, camera.info.fps, patience, reading=reading)
    return FileFeed(source, reading=reading)


def _open_gate(camera: CameraPlan, scene: Scene) -> MotionGate:
    return MotionGate.of(scene, camera.letterbox.crop_xyxy)


def _open_sight(camera: CameraPlan, epoch: int) -> Sight:
    scene = camera.scene
    steadiness = Steadiness((scene.width, scene.height), ends_of(scene)) if camera.view == "follow" else None
    freeze = Freeze(camera.frozen_s) if camera.live and camera.frozen_s else None
    sway = Sway((scene.width, scene.height)) if camera.sway == "follow" else None
    return Sight(scene, epoch, steadiness, freeze, sway)
