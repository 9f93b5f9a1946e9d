"""Encoded pictures in a file, each with its times: what the cameras of the tests send. Needs no other library."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

HEAD = struct.Struct("<qqI")  # pts, dts in ms, bytes

Unit = tuple[int, int, bytes]
"""pts in ms, dts in ms, the encoded picture."""


def store_units(path: Path, units: Iterable[Unit]) -> None:
    path.write_bytes(b"".join(HEAD.pack(pts_ms, dts_ms, len(data)) + data for pts_ms, dts_ms, data in units))


def read_units(path: Path) -> list[Unit]:
    data, at, units = path.read_bytes(), 0, []
    while at < len(data):
        pts_ms, dts_ms, size = HEAD.unpack_from(data, at)
        at += HEAD.size
        units.append((pts_ms, dts_ms, data[at : at + size]))
        at += size
    return units
