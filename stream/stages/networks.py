"""The networks that the operating points of one detector worker name, all open while it runs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from models.contract import Detector, DetectorSpec, Pending
from models.registry import open_detector
from stream.budget.looks import Look
from stream.plan.topology import WorkerPlan

Kind = tuple[str, str]
"""Model and precision, as a Look names them."""


class Networks:
    """Each is opened once, at the sizes at which some camera is looked at with it. Raises ModelError.

    in_flight: passes that may run at the same time, whichever network they are of: they share one device.
    """

    def __init__(self, work: WorkerPlan) -> None:
        self._open: dict[Kind, Detector] = {}
        try:
            for kind, spec in _specs(work):
                self._open[kind] = open_detector(spec)
        except BaseException:
            self.close()
            raise
        self.in_flight = min(detector.in_flight for detector in self._open.values())
        self.notes = tuple(detector.describe for detector in self._open.values())

    def start(self, look: Look, pictures: np.ndarray) -> Pending:
        """Begin a pass over u8 (B, h, w, 3). Raises ModelError."""
        return self._open[look.model, look.precision].start(pictures)

    def close(self) -> None:
        for detector in self._open.values():
            detector.close()


def _specs(work: WorkerPlan) -> Iterator[tuple[Kind, DetectorSpec]]:
    sizes: dict[Kind, set[tuple[int, int]]] = {}
    for point in work.points:
        seen = {camera.letterboxes[point.look.name].input_hw for camera in work.cameras}
        sizes.setdefault((point.look.model, point.look.precision), set()).update(seen)
    own = work.detector
    for (model, precision), shapes in sizes.items():
        named = {"model": model or own.model, "precision": precision or own.precision}
        yield (model, precision), msgspec.structs.replace(own, input_hw=tuple(sorted(shapes)), **named)
