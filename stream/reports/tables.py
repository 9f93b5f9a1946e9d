"""Bins and peaks as tables, in CSV for people and in Parquet for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from stream.messages import LABELS
from stream.reports.bins import DIRECTIONS, Bins, Peak
from stream.reports.times import HOUR_S, Axis
from stream.whole import whole_file


def bins_table(all_bins: Sequence[Bins], axis: Axis) -> pa.Table:
    """A row a bin, line, direction and class, also where nothing passed. Where nothing was observed, count is null."""
    rows = [row for bins in all_bins for row in _rows(bins, axis)]
    text = {name: pa.string() for name in ("camera", "line", "direction", "class")}
    columns = text | bin_columns(axis) | {"count": pa.int64(), "flow_per_h": pa.float64()}
    return pa.Table.from_pylist(rows, schema=pa.schema(columns.items()))


def peaks_table(peaks: Sequence[Peak], axis: Axis) -> pa.Table:
    """A row a line and direction; nulls where no whole hour was observed."""
    (name,) = _names(axis, "peak_start")
    kinds = {"road_users": pa.int64(), "vehicles": pa.int64(), "heavy_share": pa.float64(), name: _when(axis)}
    kinds |= {"peak_vehicles": pa.int64(), "peak_hour_factor": pa.float64()}
    rows = []
    for peak in peaks:
        row = msgspec.structs.asdict(peak)
        start_s = row.pop("peak_start_s")
        rows.append({**row, name: None if start_s is None else axis.at(start_s)})
    text = {column: pa.string() for column in ("camera", "line", "direction")}
    return pa.Table.from_pylist(rows, schema=pa.schema((text | kinds).items()))


def write_tables(folder: Path, name: str, table: pa.Table) -> list[Path]:
    """name.csv and name.parquet. Raises OutputError."""
    paths = [folder / f"{name}.csv", folder / f"{name}.parquet"]
    options = pyarrow.csv.WriteOptions(quoting_style="needed", quoting_header="needed")
    with whole_file(paths[0]) as unfinished:
        pyarrow.csv.write_csv(table, unfinished, options)
    with whole_file(paths[1]) as unfinished:
        pyarrow.parquet.write_table(table, unfinished)
    return paths


def bin_heads(bins: Bins, axis: Axis) -> list[tuple[dict[str, Any], float]]:
    """Of each bin the cells that say when it was and how much of it was observed, and these seconds."""
    start, end = _names(axis, "start", "end")
    edges_s = bins.edges_s.tolist()
    return [
        ({start: axis.at(edges_s[k]), end: axis.at(edges_s[k + 1]), "observed_s": round(seconds, 3)}, seconds)
        for k, seconds in enumerate(bins.observed_s.tolist())
    ]


def bin_columns(axis: Axis) -> dict[str, pa.DataType]:
    """The columns of bin_heads."""
    return {**dict.fromkeys(_names(axis, "start", "end"), _when(axis)), "observed_s": pa.float64()}


def _rows(bins: Bins, axis: Axis) -> list[dict[str, Any]]:
    rows = []
    for k, (head, seconds) in enumerate(bin_heads(bins, axis)):
        known = seconds > 0
        for line, counts in zip(bins.scene.lines, bins.count[..., k].tolist(), strict=True):
            for direction, by_class in zip(DIRECTIONS, counts, strict=True):
                for label, count in zip(LABELS, by_class, strict=True):
                    place = {"camera": bins.scene.camera, "line": line.name, "direction": direction, "class": label}
                    flow = round(count * HOUR_S / seconds, 1) if known else None
                    rows.append({**place, **head, "count": count if known else None, "flow_per_h": flow})
    return rows


def _names(axis: Axis, *names: str) -> list[str]:
    """Seconds of pts say so in the name of their column."""
    return [name if axis.start else f"{name}_s" for name in names]


def _when(axis: Axis) -> pa.DataType:
    return pa.timestamp("ms") if axis.start else pa.float64()
