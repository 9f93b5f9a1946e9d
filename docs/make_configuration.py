"""Writes the tables of docs/configuration.md from the schema. From the root: python docs/make_configuration.py"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stream.config.schema import Config

PAGE = Path(__file__).with_name("configuration.md")
MARKER = "<!-- Below this line: written by docs/make_configuration.py from stream/config/ and stream/settings.py. -->\n"
PLAIN = {"string": "text", "boolean": "`true` or `false`", "null": "nothing"}
BOUNDS = {
    "minimum": "{} or more",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
}


def tables() -> str:
    """Every section of a configuration: a heading, what it is for, and a table of its keys."""
    schema = Config.model_json_schema()
    sections = schema["$defs"]
    return "\n".join((_table("The file", schema, sections), *_inner(schema, "", sections)))


def _inner(outer: dict[str, Any], place: str, sections: dict[str, Any]) -> Iterator[str]:
    """The tables of the sections within a section, each followed by those within it."""
    for name, key in outer["properties"].items():
        section = _section(key, sections)
        if section is not None:
            title = f"`{place}{name}`" + (", each" if key.get("type") == "array" else "")
            yield _table(title, section, sections)
            yield from _inner(section, f"{place}{name}.", sections)


def _table(title: str, section: dict[str, Any], sections: dict[str, Any]) -> str:
    lines = [f"## {title}", "", section["description"], "", "| key | values | default | meaning |", "|---|---|---|---|"]
    required = section.get("required", ())
    for name, key in section["properties"].items():
        default = "required" if name in required else _default(key)
        meaning = key.get("description") or (_section(key, sections) or {}).get("description", "")
        cells = (f"`{name}`", _values(key), default, meaning)
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join((*lines, ""))


def _section(key: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any] | None:
    for branch in key.get("anyOf", ()):
        if (section := _section(branch, sections)) is not None:
            return section
    reference = key.get("$ref") or key.get("items", {}).get("$ref", "")
    return sections.get(reference.rpartition("/")[2])


def _default(key: dict[str, Any]) -> str:
    if "$ref" in key:
        return "all defaults"
    return "`" + json.dumps(key.get("default", {}), ensure_ascii=False) + "`" if key.get("default") != "" else ""


def _values(key: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if "$ref" in key:
        return "keys, see below"
    if "enum" in key:
        return ", ".join(f"`{value}`" for value in key["enum"])
    if "anyOf" in key:
        return "; or ".join(_values(branch) for branch in key["anyOf"])
    if key["type"] in ("integer", "number"):
        kind = "whole number" if key["type"] == "integer" else "number"
        return ", ".join((kind, *(text.format(key[bound]) for bound, text in BOUNDS.items() if bound in key)))
    if key["type"] == "array":
        return _list(key)
    if key["type"] == "object":
        return f"keys, each with {_values(key['additionalProperties'])}"
    return PLAIN[key["type"]]


def _list(key: dict[str, Any]) -> str:
    items = key.get("prefixItems")
    if items:
        return f"list of {len(items)}: {_values(items[0])}"
    return "list, see below" if "$ref" in key["items"] else f"list of ({_values(key['items'])})"


def main() -> None:
    head, _, _ = PAGE.read_text(encoding="utf-8").partition(MARKER)
    PAGE.write_text(head + MARKER + "\n" + tables(), encoding="utf-8")


if __name__ == "__main__":
    main()
