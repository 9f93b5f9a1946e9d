"""Stored trajectories come back bit for bit, also from a file that was cut off."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.counting.stretch import Stretch
from stream.errors import OutputError, SourceError
from stream.messages import Counted, EndOfStream, Frame, Gap, Message, Tracks
from stream.records.trajectories import find_trajectories, read_stretches, read_times, read_trajectories, schema_of
from stream.sinks.trajectories import Trajectories
from tests.build import cut_off

SCHEMA = schema_of("north", 640, 360)
END = EndOfStream("north", 3, 40, {"late": 2}, ("a damaged packet",))


def some_tracks(seed: int, rows: int, ended: int) -> Tracks:
    """Any bits at all: NaN and infinity come back as well."""
    rng = np.random.default_rng(seed)
    floats = rng.integers(0, 2**32, (rows, 7), np.uint32).view(np.float32)
    return Tracks(
        track_id=rng.integers(-(2**62), 2**62, rows),
        xyxy=np.ascontiguousarray(floats[:, :4]),
        velocity=np.ascontiguousarray(floats[:, 4:6]),
        label=rng.integers(-9, 9, rows).astype(np.int16),
        score=np.ascontiguousarray(floats[:, 6]),
        observed=rng.random(rows) < 0.5,
        confirmed=rng.random(rows) < 0.5,
        ended=rng.integers(0, 2**62, ended),
    )


def some_frames(count: int, rows: int = 3) -> list[Counted]:
    frames = [Frame("north", 3, 2 * k, 0.1 * k, 10**12 + k, 640, 360, ("detect", "quiet")[k % 2]) for k in range(count)]
    return [Counted(frame, some_tracks(k, rows, k % 3), ()) for k, frame in enumerate(frames)]


def record(
    path: Path, messages: list[Counted], a_batch: int = 4, end: EndOfStream | None = END, *, masks: bool = False
) -> Path:
    sink = Trajectories(path, schema_of("north", 640, 360, masks=masks))
    for k, message in enumerate(messages):
        sink.write(message)
        if k % a_batch == a_batch - 1:
            sink.flush()
    if end is not None:
        sink.end(end)
    sink.close()
    return path


def bits(message: Message) -> object:
    """A message as plain values that compare equal only if every bit is."""
    if isinstance(message, EndOfStream):
        return message
    assert isinstance(message, Counted)
    arrays = [getattr(message.tracks, name) for name in message.tracks.__struct_fields__]
    stored = [array for array in arrays if array is not None]
    return message.frame, [(array.dtype.str, array.shape, array.tobytes()) for array in stored]


@settings(max_examples=15, deadline=None)
@given(count=st.integers(0, 12), rows=st.integers(0, 5), a_batch=st.integers(1, 13))
def test_every_bit_comes_back_when_frames_are_stored(
    tmp_path_factory: pytest.TempPathFactory, count: int, rows: int, a_batch: int
) -> None:
    frames = some_frames(count, rows)
    path = record(tmp_path_factory.mktemp("t") / "trajectories.arrow", frames, a_batch)
    assert [bits(m) for m in read_trajectories(path)] == [bits(m) for m in [*frames, END]]
    assert read_times(path).tolist() == [m.frame.pts_s for m in frames]


@pytest.mark.parametrize("known", [True, False])
def test_silhouettes_come_back_when_there_are_masks(tmp_path: Path, known: bool) -> None:
    """`roadtally render` drew none. A cell is inside or not; while none is known, all of it is 0."""
    rng = np.random.default_rng(0)
    frames = some_frames(6)
    given = [rng.integers(0, 256, (3, 28, 28), np.uint8) if known else None for _ in frames]
    for k, masks in enumerate(given):
        tracks = msgspec.structs.replace(frames[k].tracks, masks=masks)
        frames[k] = msgspec.structs.replace(frames[k], tracks=tracks)
    path = record(tmp_path / "trajectories.arrow", frames, masks=True, end=None)
    for got, frame, masks in zip(read_trajectories(path), frames, given, strict=True):
        assert isinstance(got, Counted) and got.tracks.masks is not None
        assert (got.tracks.masks == (0 if masks is None else 255 * (masks >= 128))).all()
        assert bits(without_masks(got)) == bits(without_masks(frame))
    (stretch,) = read_stretches(path)
    assert isinstance(stretch, Stretch) and stretch.track_id.tolist() == [i for f in frames for i in f.tracks.track_id]


def without_masks(counted: Counted) -> Counted:
    return msgspec.structs.replace(counted, tracks=msgspec.structs.replace(counted.tracks, masks=None))


def test_a_gap_lies_between_the_frames_when_a_camera_was_away(tmp_path: Path) -> None:
    before, after = some_frames(2)
    gap = Gap("north", 3, 0.0, 9.5, 1000.0, 1009.5, "no picture for 5 s")
    sink = Trajectories(tmp_path / "trajectories.arrow", SCHEMA)
    for message in (before, gap, after):
        sink.hear(message) if isinstance(message, Gap) else sink.write(message)
    sink.close()
    got = list(read_trajectories(tmp_path / "trajectories.arrow"))
    assert got[1] == gap
    assert [bits(got[0]), bits(got[2])] == [bits(before), bits(after)]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_whole_batches_are_read_when_the_file_is_cut_off(tmp_path: Path, share: float) -> None:
    frames = some_frames(40)
    read = list(read_trajectories(cut_off(record(tmp_path / "trajectories.arrow", frames), share)))
    assert len(read) % 4 == 0
    assert [bits(m) for m in read] == [bits(m) for m in frames[: len(read)]]
    assert len(read) >= 4 if share > 0.5 else len(read) < 40


def test_flushed_frames_are_there_when_the_recorder_is_killed(tmp_path: Path) -> None:
    sink = Trajectories(tmp_path / "trajectories.arrow", SCHEMA)
    for message in some_frames(5):
        sink.write(message)
    sink.flush()
    sink.write(some_frames(6)[-1])
    assert len(list(read_trajectories(tmp_path / "trajectories.arrow"))) == 5
    sink.close()


def test_files_are_read_in_order_when_a_recorder_was_started_again(tmp_path: Path) -> None:
    for name in ("trajectories.2.arrow", "trajectories.arrow", "trajectories.10.arrow"):
        record(tmp_path / name, some_frames(2))
    names = [path.name for path in find_trajectories(tmp_path)["north"]]
    assert names == ["trajectories.arrow", "trajectories.2.arrow", "trajectories.10.arrow"]


def test_the_place_is_named_when_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no trajectories\.arrow"):
        find_trajectories(tmp_path)
    (tmp_path / "trajectories.arrow").write_bytes(b"not an Arrow stream, but long enough to be looked at")
    with pytest.raises(SourceError, match="cannot be read as trajectories"):
        find_trajectories(tmp_path)


def test_the_disk_is_named_when_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        Trajectories(tmp_path / "absent" / "trajectories.arrow", SCHEMA)
