"""The name of a published detector: FAMILY[:FILE][?proposals=N]."""

from __future__ import annotations

from dataclasses import dataclass

from stream.errors import ModelError


@dataclass(frozen=True, slots=True)
class Name:
    """file: an own checkpoint, empty for the published weights; proposals: of a two-stage family, 0: as published."""

    family: str
    file: str = ""
    proposals: int = 0


def read_name(model: str) -> Name:
    """Raises ModelError on a knob that there is not."""
    path, proposals = read_knobs(model)
    family, _, file = path.partition(":")
    return Name(family, file, proposals)


def read_knobs(model: str) -> tuple[str, int]:
    """What stands before '?', and the proposals after it, 0 without. Raises ModelError on a knob that there is not."""
    path, _, knobs = model.partition("?")
    proposals = 0
    for knob in filter(None, knobs.split("&")):
        key, _, value = knob.partition("=")
        if key != "proposals" or not value.isdecimal() or int(value) < 1:
            raise ModelError(model, f"expected proposals=1 or more after '?', got {knob!r}", f"{path}?proposals=300")
        proposals = int(value)
    return path, proposals
