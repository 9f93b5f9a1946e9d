"""Which commands there are."""

from __future__ import annotations

import typer

from stream.commands import audit, evaluate, networks, render, results, run, scenes, status, training, tune

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
    audit.audit,
    render.render,
    tune.tune,
    training.train,
    training.label,
):
    app.command()(command)
app.command("eval")(evaluate.evaluate)
app.add_typer(networks.models, name="models")
