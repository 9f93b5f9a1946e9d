"""What a synthetic clip is made from, and what making it leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stream.scene import Line

Light = Literal["day", "dusk", "night"]
Where = Literal["road", "crossroads", "t-junction"]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class SynthSettings(BaseModel):
    """The recipe of a clip: the same settings give the same clip, the same truth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: Where = "road"
    seed: int = Field(default=7, ge=0, description="Chooses the place, the camera and the traffic.")
    duration_s: float = Field(default=20.0, gt=0.0, le=3600.0)
    fps: float = Field(default=25.0, ge=1.0, le=120.0)
    width: int = Field(default=640, ge=160, le=3840, multiple_of=2, description="Pixels; even, for yuv420p.")
    height: int = Field(default=360, ge=120, le=2160, multiple_of=2, description="Pixels; even, for yuv420p.")
    light: Light = "day"
    density: float = Field(
        default=1.0, gt=0.0, le=3.0, description="1: about 850 vehicles per lane and hour, or 220 on an arm."
    )
    lanes: int = Field(
        default=2, ge=1, le=3, description="Of a road: motor lanes in each direction, besides a cycle lane."
    )
    lines: dict[str, tuple[Fraction, Fraction, Fraction, Fraction]] = Field(
        default={},
        description="Name to x1, y1, x2, y2 as fractions of the picture; none: one line over the whole road. "
        "A junction has one over each arm.",
    )

    @model_validator(mode="after")
    def _junction_has_its_own_lines(self) -> SynthSettings:
        if self.lines and self.place != "road":
            raise ValueError("lines: a junction has a line over each arm, and takes no others")
        return self

    @property
    def frames(self) -> int:
        """How many pictures the clip has."""
        return max(1, round(self.duration_s * self.fps))


class SynthResult(msgspec.Struct, frozen=True):
    """The files of a clip. `line` is the suggested counting line in pixels: over both directions, kerb to kerb; of a
    junction, that of its first arm. movements: of a junction."""

    clip: Path
    gt: Path
    crossings: Path
    line_file: Path
    frames: int
    line: Line
    lines: tuple[Line, ...]  # those of truth_crossings.csv, in pixels
    movements: Path | None = None
