"""The command line: which commands there are, and how an error is shown."""

from __future__ import annotations

import sys

import typer

from stream.commands import evaluate, networks, render, results, run, scenes, status, tune
from stream.errors import RoadtallyError

app = typer.Typer(
    name="roadtally",
    help="Counts road users by class, direction and movement from a road camera or a video file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    run.run,
    run.check,
    status.status,
    run.worker,
    scenes.demo,
    scenes.synth,
    results.replay,
    results.report,
    results.audit,
    render.render,
    tune.tune,
    networks.train,
    networks.label,
):
    app.command()(command)
app.command("eval")(evaluate.evaluate)
app.add_typer(networks.models, name="models")


def main() -> None:
    """The console script: a RoadtallyError becomes one message and its exit code, never a traceback."""
    try:
        app()
    except RoadtallyError as error:
        print(f"roadtally: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
