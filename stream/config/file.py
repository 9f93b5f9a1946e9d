"""Reading a configuration file: YAML to the schema, with every problem at once."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stream.config.problems import describe
from stream.config.schema import Config
from stream.errors import ConfigError


class _Unrepeated(yaml.SafeLoader):
    """Safe YAML in which a repeated key is an error: the second line of the same name would replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for (key, _), again in zip(node.value, (key in keys[:i] for i, key in enumerate(keys)), strict=True):
            if again:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is repeated", key.start_mark)
        return super().construct_mapping(node, deep)


def load(path: Path, changes: Mapping[str, Any] | None = None) -> Config:
    """Read a YAML file; relative sources are relative to it. changes: see `override`. Raises ConfigError with every
    problem at once."""
    raw = _read(path)
    if not isinstance(raw, dict):
        got = "nothing" if raw is None else repr(raw)[:60]
        raise ConfigError(str(path), f"expected a mapping with `cameras`, got {got}", "see configs/")
    config = parse(raw, str(path), changes)
    cameras = tuple(c.model_copy(update={"source": _beside(path, c.source)}) for c in config.cameras)
    return config.model_copy(update={"cameras": cameras})


def read_profile(path: Path) -> dict[str, Any]:
    """The changes that a profile of `roadtally tune` makes: its section `detector`. Raises ConfigError."""
    raw = _read(path)
    section = raw.get("detector") if isinstance(raw, dict) else None
    if not isinstance(section, dict) or not section.get("points"):
        raise ConfigError(str(path), "expected a profile with detector.points", "make one with `roadtally tune`")
    return {f"detector.{key}": value for key, value in section.items()}


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Unrepeated)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError.refused(path, "read", error, "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is not YAML: {error}", "compare with the examples in configs/") from error


def parse(raw: dict[str, Any], where: str, changes: Mapping[str, Any] | None = None) -> Config:
    """Validate plain values. Raises ConfigError that lists every problem with its place in the file."""
    raw = override(raw, changes or {}, where)
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = describe(error, raw, Config)
        text = "\n  ".join((f"{len(lines)} problem(s)", *lines))
        raise ConfigError(where, text, "see docs/configuration.md for every key") from None


def override(raw: dict[str, Any], changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Plain values with single keys changed: {"detector.input": 640, "cameras.0.roi": "full"}. They are changed before
    they are validated, so that a default which depends on another key follows it. Raises ConfigError."""
    changed = deepcopy(raw)
    for dotted, value in changes.items():
        *sections, key = dotted.split(".")
        section: Any = changed
        for name in sections:
            if isinstance(section, list):
                section = section[int(name)] if name.isdecimal() and int(name) < len(section) else None
            else:
                section = section.setdefault(name, {}) if isinstance(section, dict) else None
        if not isinstance(section, dict):
            raise ConfigError(where, f"unknown key {dotted!r}", "see docs/configuration.md for every key")
        section[key] = value
    return changed


def _beside(path: Path, source: str) -> str:
    return source if "://" in source or Path(source).is_absolute() else str(path.parent / source)
