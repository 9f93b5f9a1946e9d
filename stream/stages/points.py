"""The operating point of each camera, where its pictures meet the network."""

from __future__ import annotations

import time

import numpy as np

from stream.budget.controller import Controller, Move
from stream.budget.looks import Look
from stream.geometry import Letterbox
from stream.messages import Decoded, Frame, Notice
from stream.metrics import Metrics
from stream.plan.topology import WorkerPlan
from stream.video import shrunk


class Points:
    """The cameras of one detector. Decoders give all pictures at the largest size; they are made smaller here, where
    cameras share the device and its time is seen."""

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        self._metrics = metrics
        self._cameras = {camera.name: camera for camera in work.cameras}
        self._controller = Controller(
            work.points, {camera.name: camera.budget for camera in work.cameras}, time.monotonic()
        )
        self._told = len(work.points) > 1
        self._elsewhere = bool(work.host)  # where times of capture mean nothing
        self._last: dict[str, Frame] = {}
        for camera in work.cameras:
            self._tell(camera.name)

    def look(self, message: Decoded) -> tuple[Look, Letterbox] | None:
        """How a picture shall be looked at, and its letterbox; None: it is not."""
        camera, moved = message.frame.camera, message.frame.duty == "detect"
        if not self._controller.asks(camera, time.monotonic(), moved=moved) or message.tensor is None:
            return None
        look = self._controller.point(camera).look
        return look, self._cameras[camera].letterboxes[look.name]

    def picture(self, message: Decoded, letterbox: Letterbox) -> np.ndarray:
        """The network input u8 (h, w, 3) of a picture."""
        assert message.tensor is not None
        return shrunk(message.tensor, self._cameras[message.frame.camera].letterbox, letterbox)

    def served(self, look: Look, ms: float) -> None:
        """A look at one picture kept the device busy for so long."""
        self._controller.served(look, ms)

    def result(self, frame: Frame, since_s: float) -> None:
        """What was found in a picture that came at since_s is about to be told."""
        now_s = time.monotonic()
        captured_s = since_s if self._elsewhere else frame.captured_ns / 1e9
        self._controller.arrived(frame.camera, now_s, now_s - captured_s)
        self._last[frame.camera] = frame

    def moves(self) -> list[Notice]:
        """The moves that are due now, each to be told after the last result of its camera."""
        moves = self._controller.decide(time.monotonic())
        return [self._notice(move) for move in moves]

    def _notice(self, move: Move) -> Notice:
        self._metrics.set("roadtally_operating_point", 0.0, camera=move.camera, point=move.before.name)
        self._tell(move.camera)
        frame = self._last.get(move.camera)
        epoch, pts_s = (frame.epoch, frame.pts_s) if frame else (0, 0.0)
        text = f"{move.before.name} -> {move.after.name}: {move.reason}"
        return Notice(move.camera, epoch, pts_s, "budget", text)

    def _tell(self, camera: str) -> None:
        if self._told:
            point = self._controller.point(camera)
            self._metrics.set("roadtally_operating_point", 1.0, camera=camera, point=point.name)
