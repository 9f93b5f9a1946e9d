"""Tables in the terminal, and those of what was counted: crossings, turning movements, visits to zones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from stream.messages import LABELS
from stream.results.summary import Tally
from stream.scene import Scene


def new_table(title: str, words: Sequence[str], numbers: Sequence[str] = ()) -> Table:
    """A table without rows: columns of words to the left, then columns of numbers to the right. In a narrow terminal
    words are broken, not cut off."""
    table = Table(title=title, title_justify="left")
    for heading in words:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", overflow="fold")
    return table


def show_tally(console: Console, tally: Tally, scenes: Sequence[Scene]) -> None:
    """A table of everything that the scenes ask for."""
    if any(scene.lines for scene in scenes):
        console.print(_crossings(tally, scenes))
    if tally.turns:
        console.print(_movements(tally, scenes))
    elif any(scene.movements for scene in scenes):
        console.print("no turning movement: nobody was seen to cross one line and then another", highlight=False)
    if any(scene.zones for scene in scenes):
        console.print(_zones(tally, scenes))


def _crossings(tally: Tally, scenes: Sequence[Scene]) -> Table:
    """By line, direction and class."""
    table = new_table("crossings", ("camera", "line", "direction"), (*LABELS, "all"))
    counted = tally.by_line()
    for scene in scenes:
        for line in scene.lines:
            for direction in ("in", "out"):
                counts = counted.get((scene.camera, line.name, direction), Counter())
                cells = [str(counts[label]) for label in LABELS]
                table.add_row(scene.camera, line.name, direction, *cells, str(sum(counts.values())))
    return table


def _movements(tally: Tally, scenes: Sequence[Scene]) -> Table:
    """By movement and class, those that were made; and how many are known by the likeness of their paths."""
    table = new_table("turning movements", ("camera", "movement"), (*LABELS, "all", "by path"))
    counted = tally.by_movement()
    by_path = Counter((turn.camera, turn.movement) for turn in tally.turns if turn.by == "path")
    for scene in scenes:
        for movement in scene.movements:
            key = (scene.camera, movement.name)
            if (counts := counted.get(key)) is not None:
                cells = [str(counts[label]) for label in LABELS]
                table.add_row(*key, *cells, str(sum(counts.values())), str(by_path[key]))
    return table


def _zones(tally: Tally, scenes: Sequence[Scene]) -> Table:
    """Visits by zone and class; the dwell time is of those that were seen from edge to edge."""
    table = new_table("visits", ("camera", "zone"), (*LABELS, "all", "mean dwell, s"))
    for scene in scenes:
        for zone in scene.zones:
            mine = [visit for visit in tally.visits if (visit.camera, visit.zone) == (scene.camera, zone.name)]
            counts = Counter(visit.label for visit in mine)
            dwell_s = [
                visit.left_s - visit.entered_s
                for visit in mine
                if visit.left_s is not None and (visit.entered, visit.left) == ("edge", "edge")
            ]
            mean = f"{sum(dwell_s) / len(dwell_s):.1f}" if dwell_s else "–"
            table.add_row(scene.camera, zone.name, *(str(counts[label]) for label in LABELS), str(len(mine)), mean)
    return table
