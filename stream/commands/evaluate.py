"""Results against truth: the counts and tracks of a run, or a detector on pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from stream.commands.signature import fields_as_options

LINE_HEADINGS = ("true", "counted", "error", "right", "missed", "extra")


@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """Of `roadtally eval`."""

    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="The folder of a finished run.")] = None
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="Of a run: CSV of true crossings. With --pictures: COCO file or YOLO folder."),
    ] = None
    tracks: Annotated[Path | None, typer.Option("--tracks", help="True tracks of a run: MOTChallenge text.")] = None
    movements: Annotated[Path | None, typer.Option("--movements", help="CSV of a run's true movements.")] = None
    corrections: Annotated[Path | None, typer.Option("--corrections", help="What the audit page saved.")] = None
    camera: Annotated[str | None, typer.Option("--camera", help="Only this camera of the run.")] = None
    bin_min: Annotated[float, typer.Option("--bin", min=0.01, help="Length of a bin, minutes.")] = 15.0
    pictures: Annotated[Path | None, typer.Option("--pictures", help="Score a detector on this folder.")] = None
    weights: Annotated[str, typer.Option("--weights", help="Name, file or module:Class.")] = "roadtally-small"
    long_side: Annotated[int, typer.Option("--input", min=32, help="Long side of the network input.")] = 416
    split: Annotated[str | None, typer.Option("--split", help="Of a COCO file: only these pictures.")] = None
    rows: Annotated[Path | None, typer.Option("--rows", help="Write the detections here as COCO results.")] = None
    json: Annotated[Path | None, typer.Option("--json", help="Write everything here as JSON.")] = None


@fields_as_options
def evaluate(options: EvalOptions) -> None:
    """Score a run against true crossings, true tracks or a person's corrections; or any detector on pictures."""
    from stream.errors import ConfigError

    if options.folder is not None and options.pictures is None:
        document = _run(options, options.folder)
    elif options.pictures is not None and options.folder is None:
        document = _pictures(options, options.pictures)
    else:
        raise ConfigError("eval", "expected the folder of a run, or --pictures", "one of the two")
    if options.json is not None:
        _write(options.json, document)


def _run(options: EvalOptions, folder: Path) -> dict[str, Any]:
    from stream.commands.audit import show_estimates
    from stream.errors import ConfigError
    from stream.evaluation.document import run_document
    from stream.evaluation.runs import TruthFiles, evaluate_run

    files = TruthFiles(options.truth, options.tracks, options.corrections, options.movements)
    if files == TruthFiles():
        what = "expected something to compare with"
        raise ConfigError("eval", what, "--truth, --tracks, --movements or --corrections")
    result = evaluate_run(folder, files, options.camera)
    document = run_document(result, options.bin_min * 60)
    if document["counts"]:
        _show_counts(document)
        _show_differences(document)
    if files.tracks is not None:
        _show_tracks(document)
    if files.movements is not None:
        _show_movements(document)
    if result.audited:
        show_estimates(result.audited)
    return document


def _pictures(options: EvalOptions, pictures: Path) -> dict[str, Any]:
    from models.scoring.average_precision import mean
    from models.scoring.evaluation import PictureTruth, evaluate_detector
    from stream.commands.console import console
    from stream.commands.tables import new_table
    from stream.errors import ConfigError
    from stream.evaluation.document import picture_document

    if options.truth is None or options.tracks or options.movements or options.corrections:
        raise ConfigError("eval", "pictures are scored against --truth alone", "a COCO file or a YOLO folder")
    truth, weights, long_side = PictureTruth(pictures, options.truth, options.split), options.weights, options.long_side
    with console.status("looking at pictures") as status:
        result = evaluate_detector(
            truth, weights, long_side, lambda done, of: status.update(f"{done} of {of} pictures")
        )
    known = [one for one in result.scores if one.boxes]
    table = new_table(f"{weights} at {long_side} on {result.pictures} pictures", ("class",), ("AP", "AP50", "boxes"))
    table.add_column("pictures that tell of it", justify="right")
    for one in [*result.scores, *([mean(known)] if known else [])]:
        shares = (f"{100 * value:.1f}" if one.boxes else "–" for value in (one.ap, one.ap50))
        table.add_row(one.label, *shares, str(one.boxes), str(one.pictures))
    console.print(table)
    if options.rows is not None:
        _write(options.rows, result.rows)
    return {"weights": weights, "input": long_side} | picture_document(result)


def _show_counts(document: dict[str, Any]) -> None:
    from stream.commands.console import console
    from stream.commands.tables import new_table

    table = new_table("counted against true", ("camera", "what"), LINE_HEADINGS)
    for lane in document["cameras"]:
        if lane["counts"]:
            bins = lane["counts"]["by_bin"]
            for row in lane["counts"]["by_line"] + (bins if len(bins) > 1 else []):
                table.add_row(lane["camera"], row["name"], *_cells(row))
            table.add_section()
    for row in document["counts"]["by_class"]:
        table.add_row("all", row["name"], *_cells(row))
    table.add_section()
    table.add_row("all", "everything", *_cells(document["counts"] | {"right": document["counts"]["matched"]}))
    console.print(table)
    shares = (("recall", "recall"), ("precision", "precision"), ("class right", "class_right"))
    console.print(", ".join(f"{name} {_share(document['counts'][key])}" for name, key in shares), highlight=False)
    for lane in document["cameras"]:
        if lane["counts"] and lane["counts"]["weighted_rmse_score"] is not None:
            value = lane["counts"]["weighted_rmse_score"]
            console.print(f"{lane['camera']}: 1 - weighted RMSE (AI City, track 1) {value:.4f}", highlight=False)


def _show_differences(document: dict[str, Any]) -> None:
    from stream.commands.console import console
    from stream.commands.tables import new_table
    from stream.evaluation.document import WHAT

    heading = "cause" if document["causes_known"] else "probable cause"
    words = ("camera", "what", "line", "direction", "class", "counted as", heading)
    table = new_table("every difference", words, ("frame", "seconds", "track"))
    for one in document["differences"]:
        texts = (one[key] for key in ("camera", "what", "line", "direction", "label", "counted_as", "cause"))
        track = "" if one["track_id"] is None else str(one["track_id"])
        table.add_row(*texts, str(one["frame"]), f"{one['pts_s']:.1f}", track)
    if table.row_count:
        console.print(table)
    if document["causes"]:
        table = new_table("causes", (heading,), WHAT)
        for cause, count in document["causes"].items():
            table.add_row(cause, *(str(count[what]) for what in WHAT))
        console.print(table)


def _show_tracks(document: dict[str, Any]) -> None:
    from stream.commands.console import console
    from stream.commands.tables import new_table

    shares = ("hota", "det_a", "ass_a", "loc_a", "mota", "idf1")
    numbers = ("switches", "fragmentations", "true_tracks", "tracks")
    headings = ("HOTA", "DetA", "AssA", "LocA", "MOTA", "IDF1", "switches", "fragments", "true tracks", "tracks")
    table = new_table("tracks against true", ("camera",), headings)
    for lane in document["cameras"]:
        scores = lane["tracks"]
        if scores:
            values = (f"{100 * scores[name]:.2f}" for name in shares)
            table.add_row(lane["camera"], *values, *(str(scores[name]) for name in numbers))
    console.print(table)


def _show_movements(document: dict[str, Any]) -> None:
    from stream.commands.console import console
    from stream.commands.tables import new_table

    table = new_table("movements against true", ("camera", "movement"), LINE_HEADINGS)
    for lane in document["movements"]:
        for row in lane["by_movement"]:
            table.add_row(lane["camera"], row["name"], *_cells(row))
        table.add_section()
    console.print(table)
    for lane in document["movements"]:
        if (value := lane["weighted_rmse_score"]) is not None:
            console.print(
                f"{lane['camera']}: movements, 1 - weighted RMSE (AI City, track 1) {value:.4f}", highlight=False
            )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    true, counted, right = row["true"], row["counted"], row["right"]
    return (str(true), str(counted), f"{counted - true:+d}", str(right), str(true - right), str(counted - right))


def _share(share: dict[str, Any]) -> str:
    if share["value"] is None:
        return "– (nothing to tell)"
    return f"{share['value']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def _write(path: Path, document: Any) -> None:
    import msgspec

    from stream.whole import whole_file

    with whole_file(path, "choose another file") as unfinished:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(document)))
