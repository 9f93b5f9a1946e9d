"""The road's cross-section: which strip of it is used by whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LANE_M, CYCLE_M, KERB_M, FOOTWAY_M = 3.3, 1.4, 0.25, 2.6
POST_SPACING_M = 28.0  # between street lamps, the first 16 m from the mast


@dataclass(frozen=True, slots=True)
class Lane:
    """A strip along the road: its middle, its width, the direction of travel (+1 away from the camera, -1 towards)."""

    x_m: float
    width_m: float
    heading: int
    use: Literal["motor", "cycle", "foot"]


@dataclass(frozen=True, slots=True)
class Road:
    """A two-way road with traffic on the right, cycle lanes and footways. Lanes from left to right."""

    per_direction: int

    @property
    def carriageway_m(self) -> float:
        """Half of the carriageway: from the middle to where the cycle lane begins."""
        return self.per_direction * LANE_M

    @property
    def kerb_x_m(self) -> float:
        """From the middle to the kerb."""
        return self.carriageway_m + CYCLE_M

    @property
    def footway_x_m(self) -> float:
        """From the middle to the outer edge of the footway."""
        return self.kerb_x_m + KERB_M + FOOTWAY_M

    @property
    def lanes(self) -> tuple[Lane, ...]:
        motor = [(i + 0.5) * LANE_M for i in range(self.per_direction)]
        cycle, foot = self.carriageway_m + CYCLE_M / 2, self.kerb_x_m + KERB_M + FOOTWAY_M / 2
        right = [Lane(x, LANE_M, 1, "motor") for x in motor] + [Lane(cycle, CYCLE_M, 1, "cycle")]
        left = [Lane(-lane.x_m, lane.width_m, -1, lane.use) for lane in right]
        walks = [Lane(side * foot, FOOTWAY_M, way, "foot") for side in (-1, 1) for way in (-1, 1)]
        return (*left, *right, *walks)
