"""What the text after --line, --zone, --movement and --set means: plain values for the configuration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import yaml

from stream.errors import ConfigError

T = TypeVar("T")


def read_lines(texts: Sequence[str]) -> dict[str, list[float]]:
    """NAME:x1,y1,x2,y2 each -> name: values. Raises ConfigError."""
    shape = ("--line", "NAME:x1,y1,x2,y2", "--line A:0.1,0.5,0.9,0.5")
    return _by_name(texts, shape, lambda text: _numbers(text, lambda n: n == 4))


def read_zones(texts: Sequence[str]) -> dict[str, list[float]]:
    """NAME:x1,y1,x2,y2,x3,y3... each -> name: values. Raises ConfigError."""
    shape = ("--zone", "NAME:x1,y1,x2,y2,x3,y3 and so on", "--zone stop:0.4,0.5,0.6,0.5,0.6,0.7,0.4,0.7")
    return _by_name(texts, shape, lambda text: _numbers(text, lambda n: n >= 6 and n % 2 == 0))


def read_movements(texts: Sequence[str]) -> dict[str, list[str]]:
    """NAME:ORIGIN,DESTINATION each -> name: the two lines. Raises ConfigError."""
    shape = ("--movement", "NAME:ORIGIN,DESTINATION with the names of two lines", "--movement left:north,east")

    def ends(text: str) -> list[str]:
        names = text.split(",")
        return names if len(names) == 2 and all(names) else []

    return _by_name(texts, shape, ends)


def _by_name(texts: Sequence[str], shape: tuple[str, str, str], read: Callable[[str], list[T]]) -> dict[str, list[T]]:
    """NAME:REST each -> name: what `read` makes of the rest; an empty list where it makes nothing of it. shape: the
    option, what is expected of it, an example."""
    option, expected, example = shape
    found: dict[str, list[T]] = {}
    for text in texts:
        name, _, rest = text.rpartition(":")
        values = read(rest)
        if not name or not values:
            raise ConfigError(option, f"expected {expected}, got {text!r}", f"for example {example}")
        if name in found:
            what = f"two {option.removeprefix('--')}s are named {name!r}"
            raise ConfigError(option, what, "give each a name of its own")
        found[name] = values
    return found


def _numbers(text: str, fits: Callable[[int], bool]) -> list[float]:
    """x,y,... as numbers; empty where they are none, or not as many as fit."""
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        return []
    return numbers if fits(len(numbers)) else []


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


def read_whole_numbers(option: str, text: str) -> list[int]:
    """1,2,4 -> 1, 2, 4, each more than 0. Raises ConfigError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise ConfigError(option, f"expected whole numbers, got {text!r}", f"for example {option} 1,2,4")
    return [int(part) for part in parts]


def read_size(option: str, text: str) -> tuple[int, int]:
    """416x256 -> width, height. Raises ConfigError."""
    width, _, height = text.strip().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigError(option, f"expected a width and a height, got {text!r}", f"for example {option} 416x256")
    return int(width), int(height)


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
