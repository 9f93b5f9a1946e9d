"""Turning movement counts by bin: a row a bin, movement and class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stream.messages import LABELS
from stream.reports.bins import Bins
from stream.reports.tables import bin_columns, bin_heads
from stream.reports.times import HOUR_S, Axis
from stream.results.movements import Turn


def movements_table(all_bins: Sequence[Bins], turns: Sequence[Turn], axis: Axis) -> pa.Table:
    """Of every camera the movements that were made at least once. Where nothing was observed, count is null."""
    rows = []
    for bins in all_bins:
        count = count_turns(bins, turns)
        for movement in bins.scene.movements:
            by_class = count.get(movement.name)
            if by_class is None:
                continue
            place = {"camera": bins.scene.camera, "movement": movement.name, "origin": movement.origin,
                     "destination": movement.destination}  # fmt: skip
            for k, (head, seconds) in enumerate(bin_heads(bins, axis)):
                for label, counts in zip(LABELS, by_class.tolist(), strict=True):
                    known = seconds > 0
                    flow = round(counts[k] * HOUR_S / seconds, 1) if known else None
                    rows.append({**place, "class": label, **head, "count": counts[k] if known else None,
                                 "flow_per_h": flow})  # fmt: skip
    text = {name: pa.string() for name in ("camera", "movement", "origin", "destination", "class")}
    counts_of = {"count": pa.int64(), "flow_per_h": pa.float64()}
    return pa.Table.from_pylist(rows, schema=pa.schema((text | bin_columns(axis) | counts_of).items()))


def count_turns(bins: Bins, turns: Sequence[Turn]) -> dict[str, np.ndarray]:
    """Movement -> i64 (classes, bins), of those that were made."""
    count: dict[str, np.ndarray] = {}
    for turn in turns:
        if turn.camera == bins.scene.camera:
            of_movement = count.setdefault(turn.movement, np.zeros((len(LABELS), len(bins.observed_s)), np.int64))
            of_movement[LABELS.index(turn.label), bins.index(turn.pts_s)] += 1
    return count
