"""Where a clip plays: a place, the camera that sees it, its traffic, and the lines over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stream.scene import Line
from stream.synth.arms import HALF_M, LINE_M, Arm, plan_junction
from stream.synth.camera import RoadCamera, junction_camera, mast_camera
from stream.synth.cast import Present
from stream.synth.junction_site import JunctionSite
from stream.synth.junction_traffic import play_junction
from stream.synth.road import Road
from stream.synth.settings import SynthSettings
from stream.synth.site import Site, StraightSite
from stream.synth.traffic import play


@dataclass(frozen=True, slots=True)
class Place:
    """suggested: the lines to count on, in pixels; play: the road users of each frame."""

    camera: RoadCamera
    site: Site
    suggested: tuple[Line, ...]
    play: Callable[[], Iterator[Sequence[Present]]]


def place_of(settings: SynthSettings) -> Place:
    """What the settings say."""
    size = settings.width, settings.height
    if settings.place == "road":
        road = Road(settings.lanes)
        camera = mast_camera(size, settings.seed, road.kerb_x_m)
        return Place(camera, StraightSite(road), (suggest_line(camera, road),), lambda: play(settings))
    camera = junction_camera(size, settings.seed)
    junction = plan_junction(settings.place, settings.seed)
    lines = tuple(arm_line(camera, arm) for arm in junction.arms)
    return Place(camera, JunctionSite(junction, camera), lines, lambda: play_junction(junction, settings))


def suggest_line(camera: RoadCamera, road: Road) -> Line:
    """Straight across the road from kerb to kerb, as near as the whole of it is well inside the picture."""
    for y_m in np.arange(16.0, 80.0, 0.5):
        ends, _ = camera.project(np.array([(-road.kerb_x_m, y_m, 0.0), (road.kerb_x_m, y_m, 0.0)]))
        share = ends / (camera.width, camera.height)
        if share.min() > 0.03 and share[:, 0].max() < 0.97 and share[:, 1].max() < 0.72:
            break
    (x1, y1), (x2, y2) = ends.round(1).tolist()
    return Line("road", x1, y1, x2, y2)


def arm_line(camera: RoadCamera, arm: Arm) -> Line:
    """Across an arm from kerb to kerb, just inside the stop line; crossed `in` by who comes into the junction."""
    ends = np.array([arm.at(LINE_M, aside) for aside in (HALF_M, -HALF_M)])
    (x1, y1), (x2, y2) = camera.project(np.column_stack([ends, np.zeros(2)]))[0].round(1).tolist()
    return Line(arm.name, x1, y1, x2, y2)
