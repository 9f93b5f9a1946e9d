"""Ways of looking at pictures, what they cost and how well they count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from stream.budget.front import front

Region = Literal["whole", "lines"]


class Look(msgspec.Struct, frozen=True):
    """A way of looking at a picture. input: long side of the network's input, for the whole of what the camera's
    network sees; region: that, or only what is near the lines; model, precision: empty: the detector's own."""

    input: int
    region: Region = "whole"
    model: str = ""
    precision: str = ""

    @property
    def name(self) -> str:
        words = [Path(self.model).stem, self.precision, str(self.input), "at lines" if self.region == "lines" else ""]
        return " ".join(word for word in words if word)


class OperatingPoint(msgspec.Struct, frozen=True):
    """every: pictures a look; ms: that a look keeps the device busy; error: share of the crossings that it miscounts;
    gate: of pictures in which nothing moves near the lines, none is looked at."""

    look: Look
    every: int
    ms: float
    error: float
    gate: bool = True

    @property
    def name(self) -> str:
        every = f", every {self.every}" if self.every > 1 else ""
        return f"{self.look.name}{every}{'' if self.gate else ', no gate'}"

    @property
    def cost_ms(self) -> float:
        """Of a picture in which something moves."""
        return self.ms / self.every


def front_of(points: Sequence[OperatingPoint]) -> tuple[OperatingPoint, ...]:
    """Those that no other beats in cost and error: most accurate, and dearest, first."""
    return tuple(front(points, lambda point: (point.cost_ms, not point.gate), lambda point: point.error))
