"""The control edge between the supervisor and its workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from stream.errors import ConfigError
from stream.transport.control import AT_ONCE, Beat, ControlClient, ControlServer

WORKERS = 20


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def test_listening_ends_in_time_when_workers_never_fall_silent(context: zmq.Context, tmp_path: Path) -> None:
    """With a dozen workers somebody beats every few milliseconds: the supervisor listened on for the last words of one
    that was killed, and started nothing again."""
    address = f"ipc://{tmp_path}/control"
    server = ControlServer(context, address)
    workers = [ControlClient(context, address, f"decode-{k}") for k in range(WORKERS)]
    for worker in workers:
        worker.send(Beat({}))
    began_s, heard = time.monotonic(), []
    for name, word in server.words(0.2):
        heard.append(name)
        next(worker for k, worker in enumerate(workers) if name == f"decode-{k}").send(word)  # it beats again at once
        assert time.monotonic() - began_s < 5, "still listening"
    assert set(heard) == {f"decode-{k}" for k in range(WORKERS)}
    for worker in workers:
        worker.close()
    server.close()


def test_hearing_stops_for_all_else_when_a_worker_never_falls_silent(context: zmq.Context, tmp_path: Path) -> None:
    """All that had come was heard before anything else was done: dead workers, deadlines and Ctrl-C waited for a pause
    that need not come. The words of a quiet worker are among those that are heard."""
    address = f"ipc://{tmp_path}/control"
    server = ControlServer(context, address)
    talkative, quiet = (ControlClient(context, address, name) for name in ("talkative", "quiet"))
    quiet.send(Beat({}))
    for _ in range(100):
        talkative.send(Beat({}))
    time.sleep(0.1)  # until all has come
    heard = []
    for name, word in server.waiting(10):
        heard.append(name)
        if name == "talkative":
            talkative.send(word)
        assert len(heard) <= AT_ONCE, "still listening"
    assert "quiet" in heard
    for client in (talkative, quiet):
        client.close()
    server.close()


@pytest.mark.parametrize(("name", "address"), [("detect", "somewhere"), ("", "tcp://127.0.0.1:5555")])
def test_a_worker_is_refused_when_its_words_cannot_be_right(name: str, address: str, context: zmq.Context) -> None:
    """An address without tcp:// was a traceback."""
    with pytest.raises(ConfigError, match="expected the name of a worker and tcp://host:port"):
        ControlClient(context, address, name)
