"""What a user hears of a store that a power cut or a bad disk has damaged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from stream.config.file import parse
from stream.errors import SourceError
from stream.messages import Crossing
from stream.records.ledger import Balance
from stream.records.store import STORE, Store
from stream.results.folder import begin
from stream.results.summary import stored_crossings

CROSSINGS = [Crossing("cam", "A", "in", k, "car", k, float(k), 1.0, 2.0) for k in range(2000)]


def overwrite_head(path: Path) -> None:
    path.write_bytes(b"no database" * 100 + path.read_bytes()[1100:])


def overwrite_pages(path: Path) -> None:
    """Opens as it should, and cannot be read."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(b"\xff" * (len(data) - len(data) // 2))
    path.write_bytes(bytes(data))


@pytest.fixture(params=[overwrite_head, overwrite_pages])
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a run."""
    damage: Callable[[Path], None] = request.param
    with closing(Store(tmp_path / STORE)) as store:
        store.begin_run("0", "{}")
        store.add_crossings(CROSSINGS)
        store.set_balance(Balance("cam", 1, 1, 0, 0, {}, 0))
    assert stored_crossings(tmp_path) == CROSSINGS
    damage(tmp_path / STORE)
    return tmp_path


def test_damage_is_told_in_a_sentence_when_a_store_is_read(damaged: Path) -> None:
    """It was a traceback, or a question whether the disk is full."""
    with pytest.raises(SourceError, match=r"events.sqlite: is damaged: .+\n  fix: a power cut"):
        stored_crossings(damaged)


def test_run_begins_all_the_same_when_the_store_of_the_run_before_is_damaged(damaged: Path) -> None:
    """A service would never have started again."""
    begin(damaged, parse({"cameras": [{"source": "rtsp://c/s", "name": "cam"}], "output": {"dir": damaged}}, "here"))
    assert stored_crossings(damaged) == []
    assert len(list(damaged.glob(f"previous/*/{STORE}"))) == 1
