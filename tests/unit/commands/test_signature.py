"""A dataclass of options as a command line: see stream/commands/signature.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from stream.commands.signature import fields_as_options


@dataclass(frozen=True, kw_only=True)
class Shared:
    line: Annotated[list[str] | None, typer.Option("--line")] = None


@dataclass(frozen=True, kw_only=True)
class Options(Shared):
    source: Annotated[str, typer.Argument()]
    every: Annotated[int, typer.Option(min=1)] = 4
    settings: Annotated[list[str] | None, typer.Option("--set")] = None


@fields_as_options
def show(options: Options) -> None:
    """Say what was given."""
    typer.echo(repr(options))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["road.mp4"], Options(source="road.mp4")),
        (
            ["--every", "2", "road.mp4", "--set", "a=1", "--line", "A:1", "--line", "B:2"],
            Options(line=["A:1", "B:2"], source="road.mp4", every=2, settings=["a=1"]),
        ),
    ],
)
def test_each_field_is_an_option_when_a_command_takes_a_dataclass(arguments: list[str], expected: Options) -> None:
    app = typer.Typer(add_completion=False)
    app.command()(show)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert result.output.strip() == repr(expected)


@pytest.mark.parametrize(("arguments", "words"), [([], "Missing argument"), (["road.mp4", "--every", "0"], "--every")])
def test_typer_refuses_what_does_not_fit_a_field_when_called(arguments: list[str], words: str) -> None:
    app = typer.Typer(add_completion=False)
    app.command()(show)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and words in result.output
