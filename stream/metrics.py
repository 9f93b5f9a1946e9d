"""Counters and gauges of one worker. Names follow Prometheus: `roadtally_decoded_total`, labels by camera."""

from __future__ import annotations


class Metrics:
    """The numbers of one worker, keyed by name and labels, ready to be sent whole with each beat."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = _key(name, labels)
        self._values[key] = self._values.get(key, 0) + by

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._values[_key(name, labels)] = value

    def snapshot(self) -> dict[str, float]:
        """All values by `name{label="value"}`."""
        return dict(self._values)


def _key(name: str, labels: dict[str, str]) -> str:
    if not labels:
        return name
    inner = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inner}}}"
