"""The study as one CSV, one table in Markdown and one plot with the front."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from study_rows import Row
from timing import markdown

from stream.budget.front import front
from stream.tuning.plot import MARKERS, SHADES, draw_front, save, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEGIN, END = "<!-- study: made by benchmarks/study.py -->", "<!-- study ends -->"
SPEED = ("ms", "ms_min", "best_ms", "batch", "memory_mb")
SEEN = ("AP50", "AP", "AP50 small", "AP50 medium", "AP50 large")
COUNTED = ("error", "count error", "missed", "extra", "true", "class")
HEAD: tuple[str, ...] = ("detector", "input", "engine", "precision", "ms", "best ms (batch)", "MB")
HEAD += ("AP50", "AP", "small / medium / large", "clips %", "synthetic %")
TRAINED_ON = {"road users": "", "COCO": " (COCO)", "none": " (speed only)"}
Line = dict[str, Any]


def write(rows: Sequence[Row], lines: Sequence[Line], out: Path) -> list[Path]:
    """Everything that is known of the rows; a part that was not measured stays empty."""
    out.mkdir(parents=True, exist_ok=True)
    facts = [_facts(row, lines) for row in rows]
    facts = [one for one in facts if any(part in one for part in ("speed", "accuracy", "clips", "synth"))]
    return [_write_csv(facts, out / "study.csv"), _write_table(facts, lines, out / "study.md"),
            _plot(facts, out / "study.png")]  # fmt: skip


def _facts(row: Row, lines: Sequence[Line]) -> Line:
    """The row, and its figures by part; of speed the least of ms_min and the median of the rest over the turns."""
    known: Line = {"row": row}
    for part in ("speed", "accuracy", "clips", "synth"):
        key = row.key if part == "speed" else row.seen
        if part != "speed" and row.weights == "none":
            continue
        own = [one["figures"] for one in lines if (one["part"], one["key"], one["stamp"]) == (part, key, row.stamp)]
        if own:
            known[part] = _folded(own) if part == "speed" else own[-1]
    return known


def _folded(turns: Sequence[Line]) -> Line:
    told = [one for one in turns if "ms" in one]
    if not told:
        return turns[-1]
    fold = {name: median(one[name] for one in told) for name in SPEED}
    return fold | {"ms_min": min(one["ms_min"] for one in told), "batch": told[0]["batch"], "turns": len(told)}


def _write_csv(facts: Sequence[Line], path: Path) -> Path:
    labels = sorted({name for one in facts for name in one.get("accuracy", {}) if name not in (*SEEN, "left out")})
    head = ["detector", "weights", "input", "engine", "precision", *SPEED, *SEEN, *labels]
    head += [f"{part} {name}" for part in ("clips", "synth") for name in COUNTED] + ["left out"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for one in facts:
            row, speed, seen = one["row"], one.get("speed", {}), one.get("accuracy", {})
            counted = [one.get(part, {}).get(name) for part in ("clips", "synth") for name in COUNTED]
            cells = [row.name, row.weights, row.input, row.engine, row.precision]
            cells += [_short(speed.get(name)) for name in SPEED] + [seen.get(name) for name in (*SEEN, *labels)]
            writer.writerow([*cells, *counted, _left_out(one)])
    return path


def _write_table(facts: Sequence[Line], lines: Sequence[Line], path: Path) -> Path:
    """Between the marks of a page, where there is one; the words around it are a person's."""
    table = markdown(HEAD, [_cells(one) for one in facts])
    timed = [one["on"] for one in lines if one["part"] == "speed"]
    on = f"Times taken on {timed[-1]}." if timed else ""
    made = f"{BEGIN}\n\n{on}\n\n{table}\n\n{END}"
    page = path.read_text(encoding="utf-8") if path.exists() else f"# Study\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    path.write_text(before + made + rest.partition(END)[2], encoding="utf-8")
    return path


def _cells(one: Line) -> tuple[object, ...]:
    row, speed, seen = one["row"], one.get("speed", {}), one.get("accuracy", {})
    name = (
        row.name if row.weights == "road users" else f"{row.name} ({'COCO' if row.weights == 'COCO' else 'speed only'})"
    )
    if "ms" not in speed:
        times: tuple[object, ...] = (_left_out(one) or "–", "–", "–")
    else:
        times = (_short(speed["ms"]), f"{_short(speed['best_ms'])} ({speed['batch']})", round(speed["memory_mb"]))
    sizes = " / ".join(_told(seen.get(f"AP50 {size}")) for size in ("small", "medium", "large")) if seen else "–"
    counts = (_told(one.get(part, {}).get("error")) for part in ("clips", "synth"))
    return (name, row.input, row.engine, row.precision, *times, _told(seen.get("AP50")), _told(seen.get("AP")), sizes,
            *counts)  # fmt: skip


def _left_out(one: Line) -> str:
    return next((str(part["left out"]) for part in one.values() if isinstance(part, dict) and "left out" in part), "")


def _told(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _plot(facts: Iterable[Line], path: Path) -> Path:
    """Time of a picture on one thread against AP50, and against the crossings of the clips that were miscounted, as far
    as they are known; with neither, no file is written."""
    from matplotlib.figure import Figure

    whole = [one for one in facts if "ms" in one.get("speed", {})]
    panels = [
        (sign, title, told)
        for part, name, sign, title in (
            ("accuracy", "AP50", -1, "AP50 on held-out pictures, %"),
            ("clips", "error", 1, "crossings miscounted on clips, % (less is better)"),
        )
        if (told := [(one["speed"]["ms"], one[part][name], one["row"]) for one in whole if name in one.get(part, {})])
    ]
    if not panels:
        return path
    figure = Figure(figsize=(1 + 6 * len(panels), 7), layout="constrained")
    styles = _styles(row.name for _, _, told in panels for _, _, row in told)
    for axes, (sign, title, told) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _panel(axes, told, sign, styles)
        axes.set_ylabel(title)
        axes.set_xlabel("ms a picture, one thread")
        scale(axes)
    by_name = {label: one for axes in figure.axes for one, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(by_name.values(), by_name.keys(), loc="outside lower center", ncols=5, fontsize=8)
    return save(figure, path)


def _styles(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each detector, the same in all panels."""
    return {name: (SHADES[k % len(SHADES)], MARKERS[k % len(MARKERS)]) for k, name in enumerate(dict.fromkeys(names))}


def _panel(axes: Axes, told: Sequence[tuple[float, float, Row]], sign: int, styles: dict[str, tuple[str, str]]) -> None:
    """A marker a row, and the front of what is least in ms and in sign times the value."""
    best = front([(ms, sign * value, row) for ms, value, row in told], itemgetter(0), itemgetter(1))
    draw_front(axes, [(ms, sign * value, _named(row)) for ms, value, row in best])
    for detector, (colour, marker) in styles.items():
        if own := [(ms, value) for ms, value, row in told if row.name == detector]:
            axes.scatter(*zip(*own, strict=True), color=colour, marker=marker, label=detector, zorder=2)


def _named(row: Row) -> str:
    return f"{row.name} {row.input}" + ("" if row.precision == "auto" else f" {row.precision}")
