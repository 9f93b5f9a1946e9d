"""Counters and gauges of one worker. Names follow Prometheus: base units, `_total` for what only grows, labels by
camera."""

from __future__ import annotations

import re

MEANING = {
    "roadtally_busy_seconds_total": "Time that a stage worked on messages.",
    "roadtally_connected": "1 while a live camera gives pictures, 0 while it is away.",
    "roadtally_cpu_seconds_total": "Processor time of a worker.",
    "roadtally_crossings_total": "Counted road users by class.",
    "roadtally_decoded_total": "Pictures decoded.",
    "roadtally_epoch": "Life of a camera's lane: how often it went back to a checkpoint.",
    "roadtally_first_frame_timestamp_seconds": "When the first picture of a camera was tracked, seconds since 1970.",
    "roadtally_frames_per_second": "Pictures that came through the whole line, over the last seconds.",
    "roadtally_frames_total": "Pictures that came through the whole line.",
    "roadtally_frozen": "1 while a live camera sends the same picture again and again.",
    "roadtally_healthy": "1 while a camera delivers as it should.",
    "roadtally_in_flight": "Pictures that are under way between the decoder and the last stage that reads pixels.",
    "roadtally_in_flight_most": "The most pictures that were under way at a time.",
    "roadtally_latency_seconds": "From the arrival of a picture to its event or its annotated frame, since the start.",
    "roadtally_masks_total": "Silhouettes that were made.",
    "roadtally_notices_total": "Events of a camera by kind: see the notes of the run.",
    "roadtally_open_cpu_seconds": "Processor time that a worker took to open.",
    "roadtally_operating_point": "1 for the point of the profile at which a camera is looked at, 0 for those before.",
    "roadtally_passed_over_total": "Pictures that were predicted, since a newer one waited for the detector.",
    "roadtally_passes_total": "Passes of the network.",
    "roadtally_position_seconds": "Time of the newest picture on the camera's clock.",
    "roadtally_reconnects_total": "How often a live camera was connected again.",
    "roadtally_restarts_total": "How often a worker was started again.",
    "roadtally_skipped_total": "Pictures decoded and not looked at, by reason.",
    "roadtally_tidied_bytes_total": "Bytes of old recordings and tracks that the quota removed.",
    "roadtally_tidied_files_total": "Old recordings and tracks that the quota removed: see the notes of the run.",
    "roadtally_tracks": "Road users that are followed now.",
    "roadtally_unseen_seconds_total": "Time in which crossings of a camera were not observed.",
    "roadtally_view_lost": "1 while a camera looks elsewhere and its lines do not fit.",
    "roadtally_worker_away": "1 while nothing is heard from a worker on another host.",
}
"""What each metric means, for whoever scrapes them. A name that is not listed is served without."""

_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Metrics:
    """The numbers of one worker, keyed by name and labels, ready to be sent whole with each beat."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        name = key(name, **labels)
        self._values[name] = self._values.get(name, 0) + by

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._values[key(name, **labels)] = value

    def snapshot(self) -> dict[str, float]:
        """All values by `name{label="value"}`."""
        return dict(self._values)


def key(name: str, **labels: str) -> str:
    """name{label="value"}"""
    if not labels:
        return name
    inner = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inner}}}"


def read_key(text: str) -> tuple[str, dict[str, str]]:
    """The name and labels of a key."""
    name, _, labels = text.partition("{")
    return name, dict(_LABEL.findall(labels))
