"""What truth files hold, whether counted by eye or written by the scene maker."""

from __future__ import annotations

import msgspec

FLAGS = ("", "edge", "uncertain")
"""A row with one of the latter two is neither for nor against: see docs/results.md."""


class TrueCrossing(msgspec.Struct, frozen=True):
    """One row of a truth file. first, last: frames (0-based, in decode order) in which any of the road user is on the
    line; frame: the middle of them. flag: one of FLAGS."""

    clip: str
    line: str
    frame: int
    first: int
    last: int
    label: str
    direction: str
    flag: str


class TrueTurn(msgspec.Struct, frozen=True):
    """One row of a truth file of movements: from line to line. frame: 0-based, in decode order, when it came in."""

    clip: str
    origin: str
    destination: str
    frame: int
    label: str
    flag: str
