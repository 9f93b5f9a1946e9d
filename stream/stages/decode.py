"""Decode: the source of a lane. Reads pictures, leases a slot for each, writes the pixels that later stages read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import av

from stream.cameras import CameraPlan
from stream.messages import Decoded, Duty, EndOfStream, Frame, Message
from stream.metrics import Metrics
from stream.transport.ring import Slot, SlotPool
from stream.video import Shaper, VideoReader

WAIT_S = 0.1  # for a free slot, before the worker looks at its control socket again


class Decode:
    """One camera's source. Give it time by calling next(); it never blocks longer than WAIT_S plus one picture."""

    def __init__(self, camera: CameraPlan, pool: SlotPool, metrics: Metrics) -> None:
        self._camera, self._pool, self._metrics = camera, pool, metrics
        self._reader = VideoReader(camera.source)
        self._pictures: Iterator[tuple[av.VideoFrame, float]] = iter(self._reader)
        self._shaper = Shaper(camera.info, camera.letterbox, camera.layout.yuv_hw is not None)
        self._held: tuple[av.VideoFrame, float] | None = None
        self._decoded = 0
        self._skipped: Counter[str] = Counter()
        self._most_in_flight = 0
        self.ended = False

    def stop(self) -> None:
        """End the stream with the pictures decoded so far."""
        self._pictures = iter(())
        if self._held is not None:
            self._held = None
            self._skip("stopped")

    def next(self) -> Message | None:
        """The next picture, the end of the stream, or None when no slot came free in time."""
        if self._held is None:
            self._held = next(self._pictures, None)
            if self._held is None:
                return self._end()
            self._decoded += 1
        slot = self._pool.acquire(WAIT_S if self._camera.blocks else 0)
        if slot is not None:
            return self._publish(slot)
        if not self._camera.blocks:
            self._held = None
            self._skip("window full")
        return None

    def close(self) -> None:
        self._reader.close()

    def _publish(self, slot: Slot) -> Decoded:
        assert self._held is not None
        picture, pts_s = self._held
        self._held = None
        seq = self._decoded - 1
        duty: Duty = "detect" if seq % self._camera.every == 0 else "predict"
        tensor = slot.tensor if duty == "detect" else None
        self._shaper.shape(picture, slot.yuv, tensor)
        slot.stamp[:] = self._pool.epoch, seq
        camera = self._camera
        frame = Frame(
            camera=camera.name,
            epoch=self._pool.epoch,
            seq=seq,
            pts_s=pts_s,
            captured_ns=time.monotonic_ns(),
            width=camera.scene.width,
            height=camera.scene.height,
            duty=duty,
            slot=slot.index,
        )
        self._metrics.set("roadtally_decoded_total", self._decoded, camera=camera.name)
        self._metrics.set("roadtally_position_seconds", pts_s, camera=camera.name)
        self._most_in_flight = max(self._most_in_flight, self._pool.in_flight())
        self._metrics.set("roadtally_in_flight_most", self._most_in_flight, camera=camera.name)
        return Decoded(frame, slot.yuv, tensor)

    def _skip(self, reason: str) -> None:
        self._skipped[reason] += 1
        self._metrics.count("roadtally_skipped_total", camera=self._camera.name, reason=reason)

    def _end(self) -> EndOfStream:
        self.ended = True
        return EndOfStream(
            camera=self._camera.name,
            epoch=self._pool.epoch,
            decoded=self._decoded,
            skipped=dict(self._skipped),
            problems=tuple(self._reader.problems),
            repairs=(*self._reader.notes, *self._shaper.notes),
        )
