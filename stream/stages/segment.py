"""Segment: the silhouettes of what was detected, on every k-th look, before the tracker.

The detector may be any: the boxes are its own, the mask network looks at the same tensor once more. A picture without
masks goes on as it came; the tensor goes no further.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from models.registry import open_segmenter
from stream.errors import StageError
from stream.geometry import area
from stream.messages import MASK_SIZE, Checkpoint, Detected, Detections, Gap, Message, Restore
from stream.metrics import Metrics
from stream.plan.cameras import CameraPlan
from stream.plan.topology import WorkerPlan
from stream.scene import Scene
from stream.sight.view import moved_scene
from stream.tracking.silhouettes import is_near

LEAST_PX = 6  # of the shorter side of a box in the network input: a smaller one shows no shape


class Segment:
    """The segmenter of all cameras of one worker."""

    wait_s: float | None = None

    def __init__(self, work: WorkerPlan, metrics: Metrics) -> None:
        assert work.masks is not None  # the stage stands in no plan without
        self._masks, self._metrics = work.masks, metrics
        self._segmenter = open_segmenter(work.masks.segmenter)
        self.notes = (f"masks: {self._segmenter.describe}, every {work.masks.every}. look",)
        self._cameras: dict[str, CameraPlan] = {camera.name: camera for camera in work.cameras}
        self._scenes: dict[str, Scene] = {camera.name: camera.scene for camera in work.cameras}
        self._views: dict[str, bytes] = {}  # of cameras that were moved: f64 of messages.Gap.view

    def process(self, message: Message) -> Iterable[Message]:
        if not isinstance(message, Detected):
            return [self._hear(message)]
        detections = message.detections
        if detections is not None and len(detections) and self._is_due(message):
            detections = self._with_masks(message, detections)
        return [msgspec.structs.replace(message, detections=detections, tensor=None)]

    def _hear(self, message: Message) -> Message:
        """Lines are where the camera sees them: the view is what this stage remembers of a lane."""
        if isinstance(message, Gap) and message.view:
            self._look(message.camera, np.array(message.view).tobytes())
        elif isinstance(message, Restore):
            self._look(message.camera, message.states.get("segment", b""))
        elif isinstance(message, Checkpoint):
            states = {**message.states, "segment": self._views.get(message.camera, b"")}
            return msgspec.structs.replace(message, states=states)
        return message

    def _look(self, camera: str, view: bytes) -> None:
        drawn = self._cameras[camera].scene
        self._views[camera] = view
        self._scenes[camera] = moved_scene(drawn, tuple(np.frombuffer(view).tolist())) if view else drawn

    def _is_due(self, message: Detected) -> bool:
        """Told by the number of the picture alone, so that it is the same after a crash."""
        looks = message.frame.seq // self._cameras[message.frame.camera].every
        return looks % self._masks.every == 0

    def _with_masks(self, message: Detected, found: Detections) -> Detections:
        camera = self._cameras[message.frame.camera]
        if message.tensor is None:
            what = "expected the picture beside the detections, got none"
            raise StageError(f"camera {camera.name}", what, "please report this")
        xyxy = camera.letterbox.to_input(found.xyxy)
        chosen = self._chosen(found, xyxy, self._scenes[camera.name])
        masks = np.zeros((len(found), MASK_SIZE, MASK_SIZE), np.uint8)
        masks[chosen] = self._segmenter.masks(message.tensor, xyxy[chosen])
        self._metrics.count("roadtally_masks_total", len(chosen), camera=camera.name)
        return msgspec.structs.replace(found, masks=masks)

    def _chosen(self, found: Detections, input_xyxy: np.ndarray, scene: Scene) -> np.ndarray:
        """Indices of the boxes that get a mask: the largest of those that are wanted."""
        sides = input_xyxy[:, 2:] - input_xyxy[:, :2]
        wanted = sides.min(1) >= LEAST_PX
        if self._masks.near:
            wanted &= is_near(found.xyxy, scene, self._masks.near)
        rows = np.flatnonzero(wanted)
        return rows[np.argsort(-area(input_xyxy[rows]), kind="stable")[: self._masks.most]]

    def poll(self) -> Iterable[Message]:
        return ()

    def close(self) -> None:
        self._segmenter.close()
