"""What an audit says about the count: the corrected count with its confidence interval.

On the checked strips the truth is known. On the others misses and extras are expected at the same rates per counted
crossing; both are events that are rare and independent, so their numbers are Poisson with Garwood's exact interval
(Biometrika, 1936). Each gets half of the allowed error, which makes the interval wide rather than narrow. When every
strip was checked it has no width.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stream.errors import TruthError
from stream.messages import Crossing
from stream.results.corrections import Correction

NEAR_S = 0.5  # a correction names its crossing by track and time


class Estimate(msgspec.Struct, frozen=True):
    """One line and direction. checked: of the counted crossings, those on checked strips; there missed and extra were
    found. count, low, high: of all strips; None where nothing was counted on a checked strip."""

    camera: str
    line: str
    direction: str
    counted: int
    checked: int
    missed: int
    extra: int
    count: float | None
    low: float | None
    high: float | None


def estimate(
    crossings: Sequence[Crossing], corrections: Sequence[Correction], confidence: float = 0.95
) -> list[Estimate]:
    """By camera, line and direction. Corrections outside checked strips say nothing about rates and are left out.

    Raises TruthError where a correction names a crossing that is not there, corrects nothing, or comes twice.
    """
    spans = [c for c in corrections if c.verdict == "checked"]
    findings = [c for c in corrections if c.verdict != "checked" and _inside(c.camera, c.line, c.pts_s, spans)]
    keys = {(c.camera, c.line, c.direction) for c in crossings} | {
        (c.camera, c.line, c.direction) for c in findings if c.direction
    }
    meant = [(c, None if c.verdict == "missed" else _crossing_of(c, crossings)) for c in findings]
    _refuse_repeated(meant)
    wrong = [(c, _wrong_direction(c, crossing)) for c, crossing in meant]
    rows = []
    for key in sorted(keys):
        mine = [c for c in crossings if (c.camera, c.line, c.direction) == key]
        checked = sum(_inside(c.camera, c.line, c.pts_s, spans) for c in mine)
        missed = sum((c.camera, c.line, c.direction) == key for c, _ in wrong if c.verdict in ("missed", "direction"))
        extra = sum((c.camera, c.line, direction) == key for c, direction in wrong)
        bounds = _bounds(len(mine), checked, (missed, extra), confidence)
        rows.append(Estimate(*key, len(mine), checked, missed, extra, *bounds))
    return rows


def poisson_bounds(events: int, confidence: float) -> tuple[float, float]:
    """Garwood's interval for the mean of a Poisson number of which `events` were seen."""
    from scipy.stats import chi2

    tail = (1 - confidence) / 2
    low = float(chi2.ppf(tail, 2 * events)) / 2 if events else 0.0
    return low, float(chi2.ppf(1 - tail, 2 * events + 2)) / 2


def _bounds(
    counted: int, checked: int, found: tuple[int, int], confidence: float
) -> tuple[float | None, float | None, float | None]:
    """The count, and how low and high it may be. found: missed and extra."""
    missed, extra = found
    known, unchecked = checked + missed - extra, counted - checked
    if not unchecked:
        return float(known), float(known), float(known)
    if not checked:
        return None, None, None
    each = 1 - (1 - confidence) / 2
    (least_missed, most_missed), (least_extra, most_extra) = (poisson_bounds(n, each) for n in found)
    low = 1 + (least_missed - most_extra) / checked
    high = 1 + (most_missed - least_extra) / checked
    count = known + unchecked * (1 + (missed - extra) / checked)
    return count, known + unchecked * max(0.0, low), known + unchecked * high


def _inside(camera: str, line: str, pts_s: float, spans: Sequence[Correction]) -> bool:
    return any(
        (span.camera, span.line) == (camera, line) and span.until_s is not None and span.pts_s <= pts_s < span.until_s
        for span in spans
    )


def _crossing_of(correction: Correction, crossings: Sequence[Crossing]) -> Crossing:
    for c in crossings:
        same = (c.camera, c.line, c.track_id) == (correction.camera, correction.line, correction.track_id)
        if same and abs(c.pts_s - correction.pts_s) < NEAR_S:
            if correction.verdict == "direction" and correction.direction == c.direction:
                raise _no_correction(correction, f"counted {c.direction} already", "give the direction that is true")
            return c
    raise _no_correction(correction, "no such crossing", "the corrections belong to another run")


def _refuse_repeated(meant: Sequence[tuple[Correction, Crossing | None]]) -> None:
    """Files of two people that were joined would take the same crossing away twice."""
    seen = set()
    for correction, crossing in meant:
        if correction.verdict in ("extra", "direction"):
            if id(crossing) in seen:
                raise _no_correction(correction, "corrected twice", "leave one of the rows")
            seen.add(id(crossing))


def _no_correction(correction: Correction, problem: str, fix: str) -> TruthError:
    where = f"{correction.verdict} on line {correction.line} of {correction.camera}"
    return TruthError(where, f"track {correction.track_id} at {correction.pts_s:g} s: {problem}", fix)


def _wrong_direction(correction: Correction, crossing: Crossing | None) -> str:
    """The direction in which a crossing was counted that is none there; empty where the count was right or lacking."""
    return crossing.direction if crossing and correction.verdict in ("extra", "direction") else ""
