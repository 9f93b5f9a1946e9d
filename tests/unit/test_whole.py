"""A file is whole or not there, also on a disk that is full."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.errors import OutputError
from stream.messages import Crossing
from stream.results.summary import Tally, write_tally
from stream.scene import Scene
from stream.sinks.background import Background
from stream.whole import whole_file
from tests.build import make_counted, make_yuv


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 KiB, with 4 KiB taken."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        (folder / "other").write_bytes(bytes(4096))
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("before", [None, "before"])
def test_nothing_half_is_left_when_writing_fails(before: str | None, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    if before is not None:
        path.write_text(before)

    def fail() -> None:
        with whole_file(path) as unfinished:
            unfinished.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match=r"run.json: cannot be written: No space left on device\n  fix: free"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ([] if before is None else ["run.json"])
    assert before is None or path.read_text() == before


def test_file_appears_at_once_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    with whole_file(path) as unfinished:
        unfinished.write_text("a")
        assert unfinished.suffix == ".csv" and not path.exists()
    assert path.read_text() == "a" and list(tmp_path.iterdir()) == [path]


def test_link_and_device_stay_when_written_to(tmp_path: Path) -> None:
    target, link = tmp_path / "elsewhere" / "eval.json", tmp_path / "eval.json"
    target.parent.mkdir()
    target.write_text("before")
    link.symlink_to(target)
    for path in (link, Path(os.devnull)):
        with whole_file(path) as unfinished:
            unfinished.write_text("after")
    assert link.is_symlink() and target.read_text() == "after"
    assert Path(os.devnull).is_char_device()


def test_error_names_the_file_when_its_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"eval.json: cannot be written: Not a directory"), \
            whole_file(tmp_path / "file" / "eval.json") as unfinished:  # fmt: skip
        unfinished.write_text("")


def test_no_empty_picture_is_left_when_the_disk_is_full(full_disk: Path) -> None:
    """It was background.png of 0 bytes, which looks like a result."""
    sink = Background(full_disk / "background.png")
    for k in range(3):
        sink.write(make_counted(k, float(k), make_yuv(320, 240, 100)))
    (full_disk / "more").write_bytes(bytes(4096))
    with pytest.raises(OutputError, match=r"background.png: cannot be written: No space left on device"):
        sink.close()
    assert {path.name for path in full_disk.iterdir()} == {"other", "more"}


def test_no_half_table_is_left_when_the_disk_is_full(full_disk: Path) -> None:
    """It was crossings.csv of 0 bytes: no road users, it said."""
    crossings = [Crossing("cam", "A", "in", k, "car", k, float(k), 1.0, 2.0) for k in range(500)]
    with pytest.raises(OutputError, match=r"crossings.csv: cannot be written: No space left on device"):
        write_tally(full_disk, Tally(crossings, [], []), [Scene("cam", 320, 240, ())])
    assert {path.name for path in full_disk.iterdir()} == {"other"}
