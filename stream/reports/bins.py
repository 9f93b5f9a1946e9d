"""Counts by bin, line, direction and class; peak hours and heavy-vehicle share from them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from stream.messages import LABELS, Crossing
from stream.reports.times import HOUR_S, Axis, observed_s
from stream.scene import Scene

DIRECTIONS = ("in", "out")
MOTOR_VEHICLES = tuple(LABELS.index(label) for label in ("car", "motorcycle", "bus", "truck"))
HEAVY_VEHICLES = tuple(LABELS.index(label) for label in ("bus", "truck"))
WHOLE = 0.99  # of a bin must be observed for it to be part of a peak hour


class Bins(msgspec.Struct, frozen=True):
    """The counts of one camera.

    edges_s f64 (bins + 1,) pts; observed_s f64 (bins,); count i64 (lines, directions, classes, bins) in the order of
    scene.lines, DIRECTIONS, LABELS. A count where observed_s is 0 says nothing: see known().
    """

    scene: Scene
    edges_s: np.ndarray
    observed_s: np.ndarray
    count: np.ndarray

    def known(self) -> np.ndarray:
        """bool (bins,): anything was observed."""
        return self.observed_s > 0

    def index(self, pts_s: float) -> int:
        """The bin of a moment; of one outside all, the nearest."""
        k = int(np.searchsorted(self.edges_s, pts_s, side="right")) - 1
        return min(max(k, 0), len(self.edges_s) - 2)


class Peak(msgspec.Struct, frozen=True):
    """One line and direction over the whole report. Peak and shares are of motor vehicles: car, motorcycle, bus, truck.

    The peak hour is the busiest hour made of whole bins that were all observed; None where there was no such hour.
    peak_hour_factor: V / (n * most vehicles in one of the hour's n bins); with 15-minute bins that of the Highway
    Capacity Manual, V / (4 * V15).
    """

    camera: str
    line: str
    direction: str
    road_users: int
    vehicles: int
    heavy_share: float | None
    peak_start_s: float | None
    peak_vehicles: int | None
    peak_hour_factor: float | None


def count_bins(scene: Scene, crossings: Sequence[Crossing], spans: np.ndarray, axis: Axis) -> Bins:
    """Count one camera's crossings. spans: of times.observed_spans."""
    times_s = [c.pts_s for c in crossings if c.camera == scene.camera]
    ends_s = [*spans.ravel().tolist(), *times_s] or [0.0]
    edges_s = axis.edges_s(min(ends_s), max(ends_s))
    count = np.zeros((len(scene.lines), len(DIRECTIONS), len(LABELS), len(edges_s) - 1), np.int64)
    lines = {line.name: k for k, line in enumerate(scene.lines)}
    for crossing in crossings:
        if crossing.camera == scene.camera and crossing.line in lines:
            k = min(int(np.searchsorted(edges_s, crossing.pts_s, side="right")) - 1, len(edges_s) - 2)
            place = (lines[crossing.line], DIRECTIONS.index(crossing.direction), LABELS.index(crossing.label), k)
            count[place] += 1
    return Bins(scene, edges_s, observed_s(spans, edges_s), count)


def peaks(bins: Bins) -> list[Peak]:
    """One row a line and direction, and one for both directions together."""
    rows = []
    for line, counts in zip(bins.scene.lines, bins.count, strict=True):
        ways = (*zip(DIRECTIONS, counts, strict=True), ("both", counts.sum(axis=0)))
        rows += [_peak(bins, line.name, direction, count) for direction, count in ways]
    return rows


def _peak(bins: Bins, line: str, direction: str, count: np.ndarray) -> Peak:
    """count: i64 (classes, bins)."""
    vehicles = count[list(MOTOR_VEHICLES)].sum(axis=0)
    total, heavy = int(vehicles.sum()), int(count[list(HEAVY_VEHICLES)].sum())
    start_s, volume, factor = _peak_hour(bins, vehicles)
    share = heavy / total if total else None
    return Peak(bins.scene.camera, line, direction, int(count.sum()), total, share, start_s, volume, factor)


def _peak_hour(bins: Bins, vehicles: np.ndarray) -> tuple[float | None, int | None, float | None]:
    bin_s = bins.edges_s[1] - bins.edges_s[0]
    n = round(HOUR_S / bin_s)
    if len(vehicles) < n:
        return None, None, None
    whole = np.convolve(bins.observed_s >= WHOLE * bin_s, np.ones(n, int), "valid") == n
    volume = np.where(whole, np.convolve(vehicles, np.ones(n, int), "valid"), -1)
    best = int(volume.argmax())
    if volume[best] < 0:
        return None, None, None
    most = int(vehicles[best : best + n].max())
    return float(bins.edges_s[best]), int(volume[best]), float(volume[best] / (n * most)) if most else None
