"""What the text after --line and --set means: plain values for the configuration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from stream.errors import ConfigError


def read_lines(texts: Sequence[str]) -> dict[str, list[float]]:
    """NAME:x1,y1,x2,y2 each -> name: values. Raises ConfigError."""
    lines: dict[str, list[float]] = {}
    for text in texts:
        name, _, numbers = text.rpartition(":")
        try:
            values = [float(number) for number in numbers.split(",")]
        except ValueError:
            values = []
        if len(values) != 4 or not name:
            raise ConfigError(
                "--line", f"expected NAME:x1,y1,x2,y2, got {text!r}", "for example --line A:0.1,0.5,0.9,0.5"
            )
        if name in lines:
            raise ConfigError("--line", f"two lines are named {name!r}", "give each a name of its own")
        lines[name] = values
    return lines


def read_zones(texts: Sequence[str]) -> dict[str, list[float]]:
    """NAME:x1,y1,x2,y2,x3,y3... each -> name: values. Raises ConfigError."""
    zones: dict[str, list[float]] = {}
    for text in texts:
        name, _, numbers = text.rpartition(":")
        try:
            values = [float(number) for number in numbers.split(",")]
        except ValueError:
            values = []
        if len(values) < 6 or len(values) % 2 or not name:
            what = f"expected NAME:x1,y1,x2,y2,x3,y3 and so on, got {text!r}"
            raise ConfigError("--zone", what, "for example --zone stop:0.4,0.5,0.6,0.5,0.6,0.7,0.4,0.7")
        if name in zones:
            raise ConfigError("--zone", f"two zones are named {name!r}", "give each a name of its own")
        zones[name] = values
    return zones


def read_movements(texts: Sequence[str]) -> dict[str, list[str]]:
    """NAME:ORIGIN,DESTINATION each -> name: the two lines. Raises ConfigError."""
    movements: dict[str, list[str]] = {}
    for text in texts:
        name, _, ends = text.rpartition(":")
        lines = ends.split(",")
        if len(lines) != 2 or not all(lines) or not name:
            what = f"expected NAME:ORIGIN,DESTINATION with the names of two lines, got {text!r}"
            raise ConfigError("--movement", what, "for example --movement left:north,east")
        if name in movements:
            raise ConfigError("--movement", f"two movements are named {name!r}", "give each a name of its own")
        movements[name] = lines
    return movements


def read_drawing(
    lines: Sequence[str] | None, zones: Sequence[str] | None, movements: Sequence[str] | None
) -> dict[str, dict[str, Any]]:
    """What was drawn with --line, --zone and --movement: keys of a camera with their values, only those given."""
    drawn: dict[str, dict[str, Any]] = {"lines": {}, "zones": {}, "movements": {}}
    drawn["lines"].update(read_lines(lines or []))
    drawn["zones"].update(read_zones(zones or []))
    drawn["movements"].update(read_movements(movements or []))
    return {key: values for key, values in drawn.items() if values}


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE each -> dotted key: value, read as YAML. Raises ConfigError."""
    settings: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError("--set", f"expected KEY=VALUE, got {text!r}", "for example --set detector.input=640")
        try:
            settings[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError("--set", f"expected a value of YAML after {key}=, got {value!r}") from None
    return settings


def read_moment(option: str, text: str) -> float | datetime:
    """Seconds of pts (90, 1:30, 0:01:30), or a time of day with its date (2026-05-04T07:00Z; UTC unless said
    otherwise). Raises ConfigError."""
    try:
        if "T" in text:
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = 0.0
        for part in text.split(":"):
            seconds = 60 * seconds + float(part)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise ConfigError(option, f"expected seconds, H:MM:SS, or a date and time, got {text!r}", f"{option} 1:30")
    return seconds
