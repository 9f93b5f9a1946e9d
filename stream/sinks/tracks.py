"""Tracks as MOTChallenge text: frame (from 1), id, left, top, width, height, score, class (from 1), visibility."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

import numpy as np

from stream.errors import OutputError
from stream.messages import Counted, EndOfStream, Told
from stream.plan.cameras import CameraPlan

TRACKS = "tracks.txt"


class TrackFile:
    """The confirmed, observed tracks of one camera as text."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file: TextIO = path.open("a", encoding="ascii")
        except OSError as error:
            raise self._failed(error) from error

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> TrackFile:
        return cls(Path(camera.folder) / TRACKS)

    def write(self, counted: Counted) -> None:
        tracks = counted.tracks
        keep = np.flatnonzero(tracks.confirmed & tracks.observed)
        lines = []
        for row in keep:
            x1, y1, x2, y2 = tracks.xyxy[row].tolist()
            lines.append(
                f"{counted.frame.seq + 1},{tracks.track_id[row]},{x1:.2f},{y1:.2f},{x2 - x1:.2f},{y2 - y1:.2f},"
                f"{tracks.score[row]:.3f},{tracks.label[row] + 1},1\n"
            )
        try:
            self._file.writelines(lines)
        except OSError as error:
            raise self._failed(error) from error

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error

    def state(self) -> bytes:
        self.flush()
        return str(self._path.stat().st_size).encode()

    def restore(self, state: bytes | None) -> None:
        self.flush()
        try:
            os.truncate(self._path, min(int(state or b"0"), self._path.stat().st_size))
        except OSError as error:
            raise self._failed(error) from error

    def hear(self, told: Told) -> None:
        """Nothing to do."""

    def end(self, end: EndOfStream) -> None:
        pass

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputError:
        return OutputError.refused(self._path, "written", error, "free some disk, or choose --out")
