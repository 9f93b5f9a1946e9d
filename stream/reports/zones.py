"""Occupancy and dwell by bin: a row a bin, zone and class."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa

from stream.messages import LABELS, Visit
from stream.reports.bins import Bins
from stream.reports.tables import bin_columns, bin_heads
from stream.reports.times import Axis, observed_s

ALL = "all"


class Occupancy(msgspec.Struct, frozen=True):
    """One zone and class, by bin. begun i64 (bins,): visits that began; mean f64, most i64: how many were inside, on
    average and at most, of the observed time; dwell_s: of every visit that ended there and was seen from edge to edge.
    """

    begun: np.ndarray
    mean: np.ndarray
    most: np.ndarray
    dwell_s: list[list[float]]


def zones_table(
    all_bins: Sequence[Bins], spans: dict[str, np.ndarray], visits: Sequence[Visit], axis: Axis
) -> pa.Table:
    """Of every zone: each class, and all together. Where nothing was observed all is null: unknown is not zero."""
    rows = []
    for bins in all_bins:
        camera = bins.scene.camera
        for zone in bins.scene.zones:
            mine = [visit for visit in visits if (visit.camera, visit.zone) == (camera, zone.name)]
            for label in (*LABELS, ALL):
                of_class = [visit for visit in mine if label in (ALL, visit.label)]
                found = occupancy(of_class, bins, spans[camera])
                for k, (head, seconds) in enumerate(bin_heads(bins, axis)):
                    values = _values(found, k) if seconds > 0 else {}
                    rows.append({"camera": camera, "zone": zone.name, "class": label, **head, **values})
    text = {name: pa.string() for name in ("camera", "zone", "class")}
    figures = {"visits": pa.int64(), "mean_inside": pa.float64(), "most_inside": pa.int64(), "dwell_known": pa.int64(),
               "dwell_mean_s": pa.float64()}  # fmt: skip
    return pa.Table.from_pylist(rows, schema=pa.schema((text | bin_columns(axis) | figures).items()))


def occupancy(visits: Sequence[Visit], bins: Bins, spans: np.ndarray) -> Occupancy:
    """Of one zone. spans: of times.observed_spans; who is inside when one ends is not known to be so after it."""
    n = len(bins.observed_s)
    begun, most, mean = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n)
    dwell_s: list[list[float]] = [[] for _ in range(n)]
    ends_s = spans[:, 1] if len(spans) else np.zeros(1)
    stays = np.array([(visit.entered_s, _end_s(visit, ends_s)) for visit in visits]).reshape(-1, 2)
    for visit in visits:
        begun[bins.index(visit.entered_s)] += 1
        if visit.left_s is not None and (visit.entered, visit.left) == ("edge", "edge"):
            dwell_s[bins.index(visit.left_s)].append(visit.left_s - visit.entered_s)
    moments_s = np.unique(np.concatenate([stays[:, 0], bins.edges_s[:-1]]))
    inside = ((stays[:, :1] <= moments_s) & (moments_s < stays[:, 1:])).sum(axis=0)
    for moment_s, number in zip(moments_s.tolist(), inside.tolist(), strict=True):
        k = bins.index(moment_s)
        most[k] = max(most[k], number)
    for stay in stays:
        mean += observed_s(stay[None], bins.edges_s)
    return Occupancy(begun, mean / np.maximum(bins.observed_s, 1e-9), most, dwell_s)


def _end_s(visit: Visit, ends_s: np.ndarray) -> float:
    """When a stay was over; of one that never ended, when observation did."""
    if visit.left_s is not None:
        return visit.left_s
    after = ends_s[ends_s > visit.entered_s]
    return float(after.min()) if len(after) else visit.entered_s


def _values(found: Occupancy, k: int) -> dict[str, float | int | None]:
    dwell_s = found.dwell_s[k]
    return {
        "visits": int(found.begun[k]),
        "mean_inside": round(float(found.mean[k]), 3),
        "most_inside": int(found.most[k]),
        "dwell_known": len(dwell_s),
        "dwell_mean_s": round(float(np.mean(dwell_s)), 2) if dwell_s else None,
    }
