"""Modules, functions and their parameters stay few enough to be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINES, FUNCTION_LINES, PARAMETERS = 300, 40, 5
# Of parameters self and cls are not counted; there are no exceptions to any of the three.


def modules() -> list[Path]:
    return sorted(path for folder in ("stream", "models", "benchmarks") for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    more = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [argument.arg for argument in (*named, *more) if argument.arg not in ("self", "cls")]


def test_no_module_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


def test_no_function_is_too_long() -> None:
    found = {name: (node.end_lineno or 0) - node.lineno + 1 for path in modules() for name, node in functions(path)}
    assert {name: length for name, length in found.items() if length > FUNCTION_LINES} == {}


def test_no_function_has_too_many_parameters() -> None:
    found = {name: parameters(node) for path in modules() for name, node in functions(path)}
    assert {name: names for name, names in found.items() if len(names) > PARAMETERS} == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(self, a, /, b, *, c=1): ...", ["a", "b", "c"]),
        ("async def f(*rest, **options): ...", ["rest", "options"]),
    ],
)
def test_parameters_are_counted_however_they_are_given(text: str, expected: list[str]) -> None:
    (node,) = ast.parse(text).body
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and parameters(node) == expected
