"""Trajectories on disk: every frame of a camera with all its tracks, bit for bit, as an Arrow IPC stream.

    schema metadata   camera, width, height; seen: what the network saw of the picture, where that was not all of it
    record batch      a row a frame; the tracks of a frame are one list<struct>, so that a column is one flat array
    silhouette        of a track, where the run makes masks: a bit a cell, so that it adds a fifth to the file
    gap               no row; the metadata `gap` of the batch holds the Gap
    last batch        no row; its metadata `end` holds the EndOfStream; absent after a kill

A stream that was cut off is read up to its last whole batch. Runs of before had a file of its own for a recorder that
was started again ("trajectories.2.arrow"), since its tracks began anew; now it goes on behind its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pyarrow as pa

from stream.counting.stretch import Stretch
from stream.errors import SourceError
from stream.messages import MASK_SIZE, Counted, Duty, EndOfStream, Frame, Gap, Tracks
from stream.tracking.silhouettes import packed, unpacked

TRAJECTORIES = "trajectories.arrow"
DUTIES: tuple[Duty, ...] = get_args(Duty)
END, GAP = b"end", b"gap"
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
STRETCH_ROWS = 20_000  # some minutes of traffic: long enough for speed, and a few MiB

_TRACK = pa.struct(
    {
        "track_id": pa.int64(),
        "xyxy": pa.list_(pa.float32(), 4),
        "velocity": pa.list_(pa.float32(), 2),
        "label": pa.int16(),
        "score": pa.float32(),
        "observed": pa.bool_(),
        "confirmed": pa.bool_(),
    }
)
_SILHOUETTE = pa.field("silhouette", pa.list_(pa.uint8(), MASK_SIZE**2 // 8))
_FRAME = {
    "epoch": pa.int32(),
    "seq": pa.int64(),
    "pts_s": pa.float64(),
    "captured_ns": pa.int64(),
    "width": pa.int32(),
    "height": pa.int32(),
}


def schema_of(
    camera: str, width: int, height: int, seen_xyxy: Sequence[int] | None = None, *, masks: bool = False
) -> pa.Schema:
    """The schema of one camera's file. masks: tracks have silhouettes."""
    track = pa.struct([*_TRACK, _SILHOUETTE] if masks else [*_TRACK])
    about = {"camera": camera, "width": str(width), "height": str(height)}
    if seen_xyxy:
        about["seen"] = " ".join(map(str, seen_xyxy))
    lists = [("tracks", pa.list_(track)), ("ended", pa.list_(pa.int64()))]
    return pa.schema([*_FRAME.items(), ("duty", pa.int8()), *lists], about)


def batch_of(schema: pa.Schema, frames: Sequence[Frame], tracks: Sequence[Tracks]) -> pa.RecordBatch:
    """Frames and the tracks after each of them as one batch."""
    kinds = list(schema.field("tracks").type.value_type)
    columns = [pa.array([getattr(frame, name) for frame in frames], kind) for name, kind in _FRAME.items()]
    columns.append(pa.array([DUTIES.index(frame.duty) for frame in frames], pa.int8()))
    structs = pa.StructArray.from_arrays([_flat(kind, tracks) for kind in kinds], fields=kinds)
    columns.append(pa.ListArray.from_arrays(_offsets([len(t) for t in tracks]), structs))
    ended = pa.array(np.concatenate([t.ended for t in tracks]))
    columns.append(pa.ListArray.from_arrays(_offsets([len(t.ended) for t in tracks]), ended))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _flat(field: pa.Field, tracks: Sequence[Tracks]) -> pa.Array:
    """One value of all tracks of all frames."""
    of = packed if field.name == _SILHOUETTE.name else attrgetter(field.name)
    values = np.concatenate([of(t) for t in tracks])
    if pa.types.is_fixed_size_list(field.type):
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), field.type.list_size)
    return pa.array(values)


def header_of(schema: pa.Schema) -> bytes:
    """How a stream begins."""
    return _stream(schema, None)[: -len(END_OF_STREAM)]


def encode_batch(batch: pa.RecordBatch, metadata: dict[bytes, bytes] | None = None) -> bytes:
    """A batch as it stands in a stream: written behind the header and other batches, by whoever goes on with it."""
    return _stream(batch.schema, batch, metadata)[len(header_of(batch.schema)) : -len(END_OF_STREAM)]


def _stream(schema: pa.Schema, batch: pa.RecordBatch | None, metadata: dict[bytes, bytes] | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        if batch is not None:
            writer.write_batch(batch, custom_metadata=metadata)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _offsets(lengths: list[int]) -> pa.Array:
    return pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))


def find_trajectories(folder: Path) -> dict[str, list[Path]]:
    """Camera -> its files in order, of a finished, running or killed run. Raises SourceError where there are none."""
    found: dict[str, list[Path]] = {}
    pattern = TRAJECTORIES.replace(".", "*.")
    for path in sorted([*folder.glob(pattern), *folder.glob(f"*/{pattern}")], key=lambda p: (p.parent, len(p.name), p)):
        if path.parent.name != "previous":
            found.setdefault(picture_of(path)[0], []).append(path)
    if not found:
        raise SourceError(str(folder), f"holds no {TRAJECTORIES}", "give the folder of a run (its --out)")
    return found


def picture_of(path: Path) -> tuple[str, tuple[int, int]]:
    """Whose file this is: the camera and the (width, height) of its picture."""
    with _opened(path) as reader:
        about = reader.schema.metadata or {}
    try:
        return about[b"camera"].decode(), (int(about[b"width"]), int(about[b"height"]))
    except (KeyError, ValueError):
        raise SourceError(str(path), "expected trajectories, got another Arrow stream", "is it of a run?") from None


def seen_of(path: Path) -> tuple[float, float, float, float]:
    """What the network saw of the picture, as xyxy in its pixels: elsewhere there are no tracks."""
    with _opened(path) as reader:
        seen = (reader.schema.metadata or {}).get(b"seen")
    if seen is None:
        return (0.0, 0.0, *picture_of(path)[1])
    x1, y1, x2, y2 = map(float, seen.split())
    return x1, y1, x2, y2


def read_trajectories(path: Path) -> Iterator[Counted | Gap | EndOfStream]:
    """The frames of one file in order, without pixels and crossings, and the gaps between them; then how the stream
    ended, if it did in order."""
    camera, _ = picture_of(path)
    for batch, metadata in _batches(path):
        told = _told(metadata)
        if told is None:
            yield from _frames(camera, batch)
        else:
            yield told


def read_stretches(path: Path) -> Iterator[Stretch | Gap | EndOfStream]:
    """The same in stretches of some STRETCH_ROWS tracks, straight from the columns: for counting."""
    waiting: list[Stretch] = []
    for batch, metadata in _batches(path):
        told = _told(metadata)
        if told is None:
            waiting.append(_stretch(batch))
        if waiting and (told is not None or sum(len(one.track_id) + len(one) for one in waiting) > STRETCH_ROWS):
            yield _together(waiting)
            waiting = []
        if told is not None:
            yield told
    if waiting:
        yield _together(waiting)


def read_times(path: Path) -> np.ndarray:
    """pts_s f64 (frames,) of every frame that was counted on, in order."""
    times = [batch.column("pts_s").to_numpy() for batch, _ in _batches(path)]
    return np.concatenate([np.zeros(0), *times])


def _opened(path: Path) -> pa.ipc.RecordBatchStreamReader:
    try:
        return pa.ipc.open_stream(pa.memory_map(str(path)))
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(
            str(path), f"cannot be read as trajectories: {error}", "the run must be made again"
        ) from error


def _batches(path: Path) -> Iterator[tuple[pa.RecordBatch, dict[bytes, bytes] | None]]:
    with _opened(path) as reader:
        while True:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                return
            except (pa.ArrowInvalid, OSError):  # cut off in the middle of a batch: a kill, or a run that goes on
                return
            yield batch, metadata


def _told(metadata: Mapping[bytes, bytes] | None) -> Gap | EndOfStream | None:
    """What a batch without rows says; None of one that holds frames."""
    if metadata and END in metadata:
        return msgspec.json.decode(metadata[END], type=EndOfStream)
    if metadata and GAP in metadata:
        return msgspec.json.decode(metadata[GAP], type=Gap)
    return None


def _frames(camera: str, batch: pa.RecordBatch) -> Iterator[Counted]:
    head = [batch.column(name).to_pylist() for name in _FRAME]
    duties = [DUTIES[k] for k in batch.column("duty").to_pylist()]
    lists, ended_lists = batch.column("tracks"), batch.column("ended")
    columns = _columns(lists)
    silhouettes = columns.pop(_SILHOUETTE.name, None)
    ended = ended_lists.values.to_numpy()
    bounds, ended_bounds = lists.offsets.to_pylist(), ended_lists.offsets.to_pylist()
    for k, (epoch, seq, pts_s, captured_ns, width, height) in enumerate(zip(*head, strict=True)):
        rows = slice(bounds[k], bounds[k + 1])
        known = {name: column[rows] for name, column in columns.items()}
        masks = None if silhouettes is None else unpacked(silhouettes[rows])
        frame = Frame(camera, epoch, seq, pts_s, captured_ns, width, height, duties[k])
        yield Counted(frame, Tracks(**known, ended=ended[ended_bounds[k] : ended_bounds[k + 1]], masks=masks), ())


def _stretch(batch: pa.RecordBatch) -> Stretch:
    lists = batch.column("tracks")
    columns = {name: column for name, column in _columns(lists).items() if name in Stretch.__struct_fields__}
    frame = np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))
    seq, pts_s = (batch.column(name).to_numpy() for name in ("seq", "pts_s"))
    return Stretch(seq=seq, pts_s=pts_s, frame=frame, **columns)


def _together(stretches: Sequence[Stretch]) -> Stretch:
    """Stretches that follow each other as one."""
    columns = {name: [getattr(one, name) for one in stretches] for name in Stretch.__struct_fields__}
    before = np.cumsum([0, *(len(one) for one in stretches[:-1])])
    columns["frame"] = [frame + first for frame, first in zip(columns["frame"], before, strict=True)]
    return Stretch(**{name: np.concatenate(parts) for name, parts in columns.items()})


def _columns(lists: pa.ListArray) -> dict[str, np.ndarray]:
    """What is known of the tracks, a row a track."""
    names = [field.name for field in lists.type.value_type]
    return {name: _numpy(column) for name, column in zip(names, lists.values.flatten(), strict=True)}


def _numpy(column: Any) -> np.ndarray:
    if pa.types.is_fixed_size_list(column.type):
        return column.values.to_numpy().reshape(-1, column.type.list_size)
    return column.to_numpy(zero_copy_only=False)
