"""What is wrong with a configuration, in words: where, what was expected, what came."""

from __future__ import annotations

import difflib
import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

# The kinds of pydantic that a user of a YAML file can meet; others keep pydantic's own words.
WORDS: dict[str, str] = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected keys with values (key: value)",
    "finite_number": "expected a finite number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected {ge} or more",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "invalid_key": "expected text as key; put it in quotes",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected {le} or less",
    "literal_error": "expected {expected}",
    "model_type": "expected keys with values (key: value)",
    "multiple_of": "expected a multiple of {multiple_of}",
    "path_type": "expected a path",
    "string_type": "expected text; put it in quotes",
    "too_long": "expected at most {max_length} values",
    "tuple_type": "expected a list",
    "value_error": "{error}",
}


LONGEST = 80  # characters of a value that are shown


def describe(error: ValidationError, raw: Any, schema: type[BaseModel]) -> list[str]:
    """One line a place: `detector.score: expected 1 or less, got 2`. Passwords in addresses are masked."""
    found: dict[str, tuple[list[str], str]] = {}
    for problem in error.errors():
        place, value = _locate(problem["loc"], raw)
        expected = _expected(problem, place, value, schema)
        says_it = problem["type"] == "value_error" or (problem["type"] == "missing" and isinstance(value, dict))
        texts, _ = found.setdefault(".".join(map(str, place)), ([], "" if says_it else f", got {_shown(value)}"))
        if expected not in texts:  # the branches of a union are one problem
            texts.append(expected)
    return [f"{place or 'file'}: {', or '.join(texts)}{got}" for place, (texts, got) in found.items()]


def _locate(loc: tuple[int | str, ...], raw: Any) -> tuple[list[int | str], Any]:
    """What the user wrote of pydantic's location, which also names the branches of unions, and the value there."""
    place: list[int | str] = []
    value = raw
    for part in loc:
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list | tuple) else ()
        if part in keys:
            value = value[part]
            place.append(part)
    return place, value


def _expected(problem: Any, place: list[int | str], value: Any, schema: type[BaseModel]) -> str:
    kind, last = problem["type"], problem["loc"][-1] if problem["loc"] else ""
    if kind == "missing":
        return (
            f"expected {len(value) + 1} values or more" if isinstance(value, list | tuple) else f"`{last}` is missing"
        )
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(last), _keys(schema, place[:-1]), 1)
        return "unknown key" + (f", did you mean `{near[0]}`?" if near else "")
    if last == "[key]":
        kind = "invalid_key"
    words = WORDS.get(kind, problem["msg"])
    return words.format(**problem.get("ctx", {})) if kind in WORDS else words


def _shown(value: Any) -> str:
    text = re.sub(r"//[^/@\s]*@", "//***@", repr(value))
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def _keys(schema: type[BaseModel], place: list[int | str]) -> list[str]:
    """The keys that are known at a place of the file."""
    for part in place:
        if isinstance(part, str) and part in schema.model_fields:
            kind = schema.model_fields[part].annotation
            inner = [k for k in (kind, *get_args(kind)) if isinstance(k, type) and issubclass(k, BaseModel)]
            schema = inner[0] if inner else schema
    return list(schema.model_fields)
