"""A first look at a camera: its picture must be known before a run can be planned."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

from stream.errors import SourceError
from stream.sources import masked
from stream.video.backoff import BackOff
from stream.video.connection import Connection, Patience
from stream.video.live import GRACE_S, LEAVE_S
from stream.video.reading import Reading
from stream.video.source import VideoInfo

PROBE_S = 1.5  # of the stream, to know its frame rate
LOOK_S = 0.1  # how often a wait looks whether it shall end

Stopped = Callable[[], bool]


def probe_live(source: str, patience: Patience, wait_s: float, stopped: Stopped = lambda: False) -> VideoInfo:
    """Open a camera and describe its first picture; a camera that is absent is tried for wait_s, or until stopped.

    Raises SourceError with the last reason when it does not come.
    """
    started_s = time.monotonic()
    back_off = BackOff(started_s, Random())
    while True:
        connection = Connection(source, patience, 1, reading=Reading(analyse_s=PROBE_S))
        why = None
        while connection.info is None and why is None:
            connection.take(LOOK_S)
            why = "stopped by the user" if stopped() else connection.ended or connection.overdue(GRACE_S)
        connection.abandon()
        if connection.info is not None:
            connection.is_stuck(LEAVE_S)
            return connection.info
        now_s = time.monotonic()
        if now_s - started_s >= wait_s or stopped():
            fix = "check address, port, user and password; `wait_s` of a camera waits longer for it at the start"
            raise SourceError(masked(source), f"expected a stream, got: {why}", fix)
        retry_s = now_s + back_off.lose(now_s)
        while time.monotonic() < retry_s and not stopped():
            time.sleep(LOOK_S)
