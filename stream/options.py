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
