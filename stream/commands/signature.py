"""A command of many options: one dataclass in the code, one option a field on the command line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import MISSING, fields
from inspect import Parameter, Signature
from typing import Any, get_type_hints


def fields_as_options(command: Callable[[Any], None]) -> Callable[..., None]:
    """Decorate a command whose only parameter is a dataclass: typer then reads its fields, Annotated as parameters are.

    typer makes options of a function's signature. So the command gets the signature that it would have, had its fields
    been written as parameters; called, it puts the values into the dataclass.
    """
    (options,) = (hint for name, hint in get_type_hints(command).items() if name != "return")
    hints = get_type_hints(options, include_extras=True)

    @functools.wraps(command)
    def flat(**values: Any) -> None:
        command(options(**values))

    parameters = []
    for field in fields(options):
        default = Parameter.empty if field.default is MISSING else field.default
        parameters.append(Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name]))
    flat.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return flat
