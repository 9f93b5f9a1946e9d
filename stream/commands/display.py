"""What a person sees of a run in the terminal: its plan before, its tables after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from stream.commands.console import console
from stream.commands.progress import memory_words
from stream.commands.tables import new_table, show_tally
from stream.evaluation.counts import Score
from stream.messages import LABELS
from stream.plan.topology import Plan
from stream.records.store import RoadUser
from stream.results.summary import complaints, suggestions
from stream.running.launch import Report
from stream.scene import Scene


def show_report(report: Report, plan: Plan) -> None:
    """The closing tables: counts, the account of every frame, what was written."""
    outcome = report.outcome
    for note in dict.fromkeys(outcome.notes):
        console.print(note, style="dim")
    if report.saw_something:
        _show_results(report, plan)
    for path in report.paths:
        console.print(f"  {path}", highlight=False, soft_wrap=True)
    if outcome.status == "interrupted":
        console.print("stopped before the end of the input; the counts are those up to there", style="yellow")
    if outcome.error is not None:
        console.print(Text.assemble(("failed", "red"), f" {outcome.error}"), highlight=False)


def _show_results(report: Report, plan: Plan) -> None:
    outcome, summary = report.outcome, report.summary
    scenes = [camera.scene for camera in plan.cameras]
    show_tally(console, summary.tally, scenes)
    if not any(scene.lines for scene in scenes):
        _show_users(report, plan)
    show_complaints(summary.moving, scenes)
    _show_ledger(report)
    _show_gaps(report)
    _show_recoveries(report)
    _show_latency(report, plan)
    frames = sum(balance.decoded for balance in summary.balances)
    busy_s = max(outcome.wall_s - outcome.open_s, 1e-9)
    pace = " since it was resumed" if report.resumed else f"; {frames / busy_s:.0f} frames a second"
    console.print(f"{outcome.wall_s:.1f} s, of which {outcome.open_s:.1f} s to open{pace}")


def show_complaints(users: Sequence[RoadUser], scenes: Sequence[Scene]) -> None:
    """Lines whose counts cannot be trusted, by the tracks of a run."""
    for scene in scenes:
        for complaint in complaints(users, scene):
            console.print(complaint, style="yellow", highlight=False)


def show_plan(plan: Plan) -> None:
    """Workers, their endpoints and rings; what the network of each camera sees."""
    table = new_table("workers", ("worker", "stages", "cameras", "takes from", "sends to"))
    for work in plan.workers:
        cameras = ", ".join(camera.name for camera in work.cameras)
        onward = ", ".join(sorted(set(work.outlets.values()))) or "files"
        table.add_row(work.name, " → ".join(work.stages), cameras, work.inlet or "its source", onward)
    console.print(table)
    table = new_table("cameras", ("camera", "picture", "network input", "sees", "lines and zones", "when full"))
    for camera in plan.cameras:
        height, width = camera.letterbox.input_hw
        table.add_row(
            camera.name,
            f"{camera.scene.width}x{camera.scene.height} at {camera.info.fps:.2f} fps",
            f"{width}x{height}",
            "everything" if camera.scene.crop_xyxy is None else str(camera.scene.crop_xyxy),
            ", ".join([line.name for line in camera.scene.lines] + [zone.name for zone in camera.scene.zones])
            or "none",
            "block" if camera.blocks else "skip",
        )
    console.print(table)
    console.print(f"control {plan.control}; {memory_words(plan)}", highlight=False)


def _show_users(report: Report, plan: Plan) -> None:
    table = new_table("moving road users", ("camera",), (*LABELS, "all"))
    users = report.summary.moving_by_class()
    for camera in plan.cameras:
        counts = users.get(camera.name, Counter())
        table.add_row(camera.name, *(str(counts[label]) for label in LABELS), str(sum(counts.values())))
    console.print(table)
    for camera in plan.cameras:
        lines = suggestions(report.summary.moving, camera.scene)
        if lines:
            drawn = " ".join(f"--line {line}" for line in lines)
            console.print(f"{camera.name}: lines across the flows: {drawn}", highlight=False, soft_wrap=True)


def _show_latency(report: Report, plan: Plan) -> None:
    """Of live cameras: seconds from the arrival of a picture."""
    values = report.outcome.values
    table = new_table("latency from the camera, ms", ("camera", "to"), ("p50", "p95", "max"))
    for camera in plan.cameras:
        for to in ("event", "video"):
            name = f'roadtally_latency_seconds{{camera="{camera.name}",to="{to}",figure="%s"}}'
            figures = [values.get(name % figure) for figure in ("p50", "p95", "max")]
            if None not in figures:
                table.add_row(camera.name, to, *(f"{1000 * (figure or 0):.0f}" for figure in figures))
    if table.row_count:
        console.print(table)


def _show_recoveries(report: Report) -> None:
    for recovery in report.outcome.recoveries:
        again = "" if recovery.recovery_s is None else f", and went on after {recovery.recovery_s:.1f} s"
        console.print(f"{recovery.reason}: it was started again{again}", style="yellow", highlight=False)


def _show_gaps(report: Report) -> None:
    for gap in report.summary.gaps:
        until = "the end" if gap.to_s is None else f"{gap.to_s:.1f} s"
        unseen = f"{gap.camera}: not seen from {gap.from_s:.1f} s to {until}: {gap.reason}"
        console.print(unseen, style="yellow", highlight=False)


def _show_ledger(report: Report) -> None:
    table = new_table("every frame", ("camera",), ("decoded", "detected", "predicted", "quiet", "skipped", "lost"))
    for b in report.summary.balances:
        skipped = ", ".join(f"{n} {reason}" for reason, n in b.skipped.items()) or "0"
        row = (b.camera, b.decoded, b.detected, b.predicted, b.quiet, skipped, b.in_flight)
        table.add_row(*(str(cell) for cell in row))
    console.print(table)
    for b in report.summary.balances:
        for problem in b.problems:
            console.print(f"{b.camera}: {problem}", style="yellow", highlight=False)
    for camera, repair in report.summary.repairs:
        console.print(f"{camera}: {repair}", style="dim", highlight=False)


def show_truth(score: Score) -> None:
    """Counted against true, and each difference."""
    headings = ("true", "counted right", "missed", "extra", "recall", "precision", "class right")
    table = new_table("counted against true", (), headings)
    numbers = (len(score.matched) + len(score.missed), len(score.matched), len(score.missed), len(score.extra))
    shares = (score.recall, score.precision, score.class_agreement)
    table.add_row(*(str(number) for number in numbers), *(f"{share:.1%}" for share in shares))
    console.print(table)
    for missed in score.missed:
        console.print(
            f"missed: {missed.label} {missed.direction} over {missed.line}, frame {missed.frame}", highlight=False
        )
    for extra in score.extra:
        console.print(f"extra: {extra.label} {extra.direction} over {extra.line}, frame {extra.seq}", highlight=False)
