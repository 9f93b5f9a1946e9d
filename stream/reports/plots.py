"""Plots of a run as PNG: counts over time, and where road users went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream.drawing.colours import CLASS_RGB
from stream.messages import LABELS
from stream.records.store import RoadUser
from stream.reports.bins import WHOLE, Bins
from stream.reports.times import Axis
from stream.results.movements import Turn
from stream.scene import Line, Scene
from stream.whole import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PATHS = 5000  # drawn at most: more would hide each other, and take long
INK = "#333333"
COLOURS = ["#{:02x}{:02x}{:02x}".format(*(int(0.85 * value) for value in rgb)) for rgb in CLASS_RGB]


def plot_counts(bins: Bins, axis: Axis, path: Path) -> Path:
    """One panel a line: `in` above zero, `out` below, stacked by class; hatched where nothing was observed."""
    from matplotlib.figure import Figure

    lines = bins.scene.lines
    figure = Figure(figsize=(10, 1.2 + 2.2 * len(lines)), layout="constrained")
    panels = figure.subplots(len(lines), 1, sharex=True, squeeze=False)[:, 0]
    for panel, line, count in zip(panels, lines, bins.count, strict=True):
        _draw_bars(panel, bins, count)
        panel.set_ylabel(f"{line.name}\nout  |  in")
    _draw_times(panels[-1], bins, axis)
    seen = [k for k in range(len(LABELS)) if bins.count[:, :, k].any()]
    handles = [panels[0].bar([0], [0], color=COLOURS[k], label=LABELS[k]) for k in seen]
    figure.suptitle(f"{bins.scene.camera}: road users by class, {_duration(axis.bin_s)} a bar", color=INK)
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False)
    return _save(figure, path)


def plot_occupancy(bins: Bins, inside: Mapping[str, np.ndarray], axis: Axis, path: Path) -> Path:
    """One panel a zone: how many were inside, on average of the observed time. inside: zone -> f64 (bins,)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.2 + 1.8 * len(inside)), layout="constrained")
    panels = figure.subplots(len(inside), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (zone, mean) in zip(panels, inside.items(), strict=True):
        panel.bar(bins.edges_s[:-1], mean, 0.92 * np.diff(bins.edges_s), align="edge", color=COLOURS[2], linewidth=0)
        _hatch_unseen(panel, bins)
        panel.set_ylabel(zone)
        panel.spines[["top", "right"]].set_visible(False)
    _draw_times(panels[-1], bins, axis)
    figure.suptitle(f"{bins.scene.camera}: road users inside, {_duration(axis.bin_s)} a bar", color=INK)
    return _save(figure, path)


def plot_trajectories(scene: Scene, users: Sequence[RoadUser], background: Path, path: Path) -> Path:
    """Paths over the empty scene, coloured by class, a dot where each ends; lines and zones with their names."""
    colours = {label: tuple(v / 255 for v in rgb) for label, rgb in zip(LABELS, CLASS_RGB, strict=True)}
    groups = {label: [user for user in users if user.label == label] for label in LABELS}
    return _plot_paths(scene, groups, colours, background, path)


def plot_movements(
    scene: Scene, users: Sequence[RoadUser], turns: Sequence[Turn], background: Path, path: Path
) -> Path:
    """The same, coloured by movement; grey are those whose movement is not known."""
    from matplotlib import colormaps

    made = {turn.track_id: turn.movement for turn in turns}
    names = [movement.name for movement in scene.movements if movement.name in made.values()]
    groups = {"unknown": [user for user in users if user.track_id not in made]}
    groups |= {name: [user for user in users if made.get(user.track_id) == name] for name in names}
    colours = {"unknown": (0.6, 0.6, 0.6)}
    hues = colormaps["tab10" if len(names) <= 10 else "tab20"]
    colours |= {name: hues(k % hues.N)[:3] for k, name in enumerate(names)}
    return _plot_paths(scene, groups, colours, background, path)


def _plot_paths(
    scene: Scene, groups: Mapping[str, Sequence[RoadUser]], colours: Mapping[str, tuple], background: Path, path: Path
) -> Path:
    """Groups of road users by name, each in its colour."""
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    picture = cv2.imread(str(background)) if background.exists() else None
    figure = Figure(figsize=(10, 10 * scene.height / scene.width), dpi=120, facecolor="black")
    panel = figure.add_axes((0, 0, 1, 1))
    ground = np.full((2, 2, 3), 60, np.uint8) if picture is None else picture[..., ::-1]
    panel.imshow(ground, extent=(0, scene.width, scene.height, 0), aspect="auto", alpha=0.75)
    panel.set_facecolor("black")
    every = sum(len(users) for users in groups.values())
    for name, users in groups.items():
        if not users:
            continue
        shown = users[:: -(-every // MOST_PATHS)]
        paths = [np.array(user.path)[:, 1:] for user in shown]
        opacity = float(np.clip(40 / min(every, MOST_PATHS), 0.15, 0.9))
        panel.add_collection(LineCollection(paths, colors=[colours[name]], linewidths=1.4, alpha=opacity))
        ends = np.array([one[-1] for one in paths])
        panel.plot(*ends.T, "o", ms=3, color=colours[name], label=f"{name} {len(users)}")
    _draw_places(panel, scene)
    panel.set(xlim=(0, scene.width), ylim=(scene.height, 0))
    panel.set_axis_off()
    if panel.get_legend_handles_labels()[0]:
        panel.legend(loc="upper right", framealpha=0.7, fontsize=9)
    return _save(figure, path)


def _draw_bars(panel: Axes, bins: Bins, count: np.ndarray) -> None:
    """count: i64 (directions, classes, bins)."""
    from matplotlib.ticker import MaxNLocator

    left, width = bins.edges_s[:-1], np.diff(bins.edges_s)
    for sign, by_class in zip((1, -1), count, strict=True):
        foot = np.zeros(len(left))
        for k in range(len(LABELS)):
            height = sign * by_class[k]
            if height.any():
                panel.bar(left, height, 0.92 * width, foot, align="edge", color=COLOURS[k], linewidth=0)
            foot += height
    _hatch_unseen(panel, bins)
    panel.axhline(0, color=INK, linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
    panel.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))


def _hatch_unseen(panel: Axes, bins: Bins) -> None:
    """The less was observed, the denser the hatching: unknown is not zero."""
    for at, span, seen_s in zip(bins.edges_s.tolist(), np.diff(bins.edges_s), bins.observed_s.tolist(), strict=False):
        if seen_s < WHOLE * span:
            blind = 1 - seen_s / span
            panel.axvspan(at, at + span, facecolor="0.9", edgecolor="0.7", hatch="///", alpha=blind, zorder=0)


def _draw_times(panel: Axes, bins: Bins, axis: Axis) -> None:
    step = max(1, (len(bins.edges_s) - 1) // 10)
    ticks = bins.edges_s[::step]
    panel.set_xticks(ticks, [axis.label(float(tick)) for tick in ticks])
    panel.set_xlim(bins.edges_s[0], bins.edges_s[-1])


def _draw_places(panel: Axes, scene: Scene) -> None:
    for zone in scene.zones:
        panel.fill(*zip(*zone.corners_xy, strict=True), facecolor="none", edgecolor="#50dcd2", linewidth=2)
        panel.annotate(zone.name, zone.corners_xy[0], color="#50dcd2", fontsize=10, weight="bold")
    for line in scene.lines:
        _draw_line(panel, line)


def _draw_line(panel: Axes, line: Line) -> None:
    panel.plot([line.x1, line.x2], [line.y1, line.y2], color="#ff3c3c", linewidth=2)
    panel.annotate(line.name, (line.x1, line.y1), color="white", fontsize=10, weight="bold",
                   bbox={"facecolor": "#ff3c3c", "linewidth": 0, "pad": 2})  # fmt: skip


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _save(figure: Figure, path: Path) -> Path:
    with whole_file(path) as unfinished:
        figure.savefig(unfinished)
    return path
