"""The files that tell the truth of a synthetic clip, in the columns that `roadtally eval` reads."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import msgspec

from stream.scene import Line
from stream.truth import TrueCrossing, TrueTurn


def write_crossings(path: Path, rows: Sequence[TrueCrossing]) -> None:
    """clip,line,frame,first,last,class,direction,flag."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["clip", "line", "frame", "first", "last", "class", "direction", "flag"])
        writer.writerows(msgspec.structs.astuple(row) for row in rows)


def write_lines(path: Path, clip: str, lines: Sequence[Line], size: tuple[int, int]) -> None:
    """clip,line,x1,y1,x2,y2, the coordinates as fractions of the picture (width, height)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["clip", "line", "x1", "y1", "x2", "y2"])
        for line in lines:
            ends = (line.x1 / size[0], line.y1 / size[1], line.x2 / size[0], line.y2 / size[1])
            writer.writerow([clip, line.name, *(f"{value:.5g}" for value in ends)])


def write_movements(path: Path, turns: Sequence[TrueTurn]) -> None:
    """clip,origin,destination,frame,class,flag."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["clip", "origin", "destination", "frame", "class", "flag"])
        writer.writerows(msgspec.structs.astuple(turn) for turn in turns)
