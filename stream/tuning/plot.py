"""Speed against accuracy, with the front, as Huang et al. draw it (CVPR 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stream.tuning.measure import Measured, front_of
from stream.whole import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vPX*"
SHADES = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#b7791f", "#555555")


def plot_points(measured: Sequence[Measured], path: Path, title: str) -> Path:
    """A PNG: a colour a network, hollow without the gate; the front as a line. Raises OutputError."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    draw_front(axes, [(one.cost_ms, 100 * one.expected_error, _told(one)) for one in front_of(measured)])
    names = list(dict.fromkeys(one.network.name for one in measured))
    for index, name in enumerate(names):
        colour, marker = SHADES[index % len(SHADES)], MARKERS[index % len(MARKERS)]
        for gate in (False, True):
            own = [one for one in measured if one.network.name == name and one.gate == gate]
            label = f"{name}{', motion gate' if gate else ''}"
            face = colour if gate else "none"
            x, y = [one.cost_ms for one in own], [100 * one.expected_error for one in own]
            axes.scatter(x, y, edgecolors=colour, facecolors=face, marker=marker, zorder=2, label=label)
    axes.set_xlabel("device time a picture, ms, beside the other stages")
    axes.set_ylabel("crossings miscounted, %, with the doubt about few of them")
    axes.set_title(title)
    axes.legend(fontsize=8)
    scale(axes)
    return save(figure, path)


def draw_front(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """A line through (x, y, name), each named."""
    axes.plot([x for x, _, _ in points], [y for _, y, _ in points], color="#999999", zorder=1, label="front")
    for x, y, name in points:
        axes.annotate(name, (x, y), textcoords="offset points", xytext=(5, 5), fontsize=8)


def scale(axes: Axes) -> None:
    """Costs differ by orders of magnitude: x in powers, told in plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)


def save(figure: Figure, path: Path) -> Path:
    """Raises OutputError."""
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, dpi=120)
    return path


def _told(one: Measured) -> str:
    return one.network.name if one.every == 1 else f"{one.network.name} / {one.every}"
