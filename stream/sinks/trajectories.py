"""Trajectories of one camera to disk, from which a run can be counted again: stream/records/trajectories.py."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa

from stream.errors import OutputError
from stream.messages import Counted, EndOfStream, Frame, Gap, Told, Tracks
from stream.plan.cameras import CameraPlan
from stream.records.trajectories import (
    END,
    END_OF_STREAM,
    GAP,
    TRAJECTORIES,
    batch_of,
    encode_batch,
    header_of,
    schema_of,
)

BATCH_ROWS = 50_000  # frames and tracks that wait in memory at most, should nobody call flush()


class Trajectories:
    """Appends every frame and all its tracks. Only ever appends, so that a kill costs no more than the last batch."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """schema: schema_of() the camera."""
        self._path, self._schema = path, schema
        self._frames: list[Frame] = []
        self._tracks: list[Tracks] = []
        self._rows = 0
        try:
            self._file: BinaryIO = path.open("ab")
            self._head()
        except OSError as error:
            raise self._failed(error) from error

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> Trajectories:
        """In the camera's folder; goes on behind what a recorder before wrote."""
        del run_folder
        scene = camera.scene
        schema = schema_of(camera.name, scene.width, scene.height, scene.crop_xyxy, masks=camera.masks)
        return cls(Path(camera.folder) / TRAJECTORIES, schema)

    def write(self, counted: Counted) -> None:
        self._frames.append(counted.frame)
        self._tracks.append(counted.tracks)
        self._rows += 1 + len(counted.tracks)
        if self._rows > BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        if not self._frames:
            return
        batch = batch_of(self._schema, self._frames, self._tracks)
        self._frames, self._tracks, self._rows = [], [], 0
        self._append(batch)

    def state(self) -> bytes:
        self.flush()
        return str(self._file.tell()).encode()

    def restore(self, state: bytes | None) -> None:
        self._frames, self._tracks, self._rows = [], [], 0
        try:
            os.truncate(self._path, min(int(state or b"0"), self._path.stat().st_size))
            self._head()
        except OSError as error:
            raise self._failed(error) from error

    def hear(self, told: Told) -> None:
        if isinstance(told, Gap):
            self._tell(GAP, msgspec.structs.replace(told, crossings=(), visits=()))

    def end(self, end: EndOfStream) -> None:
        self._tell(END, msgspec.structs.replace(end, crossings=(), visits=()))

    def close(self) -> None:
        self.flush()
        try:
            self._file.write(END_OF_STREAM)
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _tell(self, word: bytes, message: Gap | EndOfStream) -> None:
        """A message between frames; without crossings, which are counted, not observed."""
        self.flush()
        nothing = pa.RecordBatch.from_pylist([], schema=self._schema)
        self._append(nothing, {word: msgspec.json.encode(message)})

    def _append(self, batch: pa.RecordBatch, metadata: dict[bytes, bytes] | None = None) -> None:
        try:
            self._file.write(encode_batch(batch, metadata))
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error

    def _head(self) -> None:
        """Go to the end; a file that is empty begins with its header."""
        if not self._file.seek(0, os.SEEK_END):
            self._file.write(header_of(self._schema))
            self._file.flush()

    def _failed(self, error: OSError) -> OutputError:
        return OutputError.refused(self._path, "written", error, "free some disk, or choose --out")
