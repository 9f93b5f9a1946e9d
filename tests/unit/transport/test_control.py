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
PATIENCE_S = 30.0  # with a busy machine


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
    workers = {name: ControlClient(context, address, name) for name in (f"decode-{k}" for k in range(WORKERS))}
    for worker in workers.values():
        worker.send(Beat({}))
    beating: set[str] = set()
    while len(beating) < WORKERS:
        heard = server.receive(PATIENCE_S)
        assert heard is not None, f"of {WORKERS} workers {len(beating)} are heard"
        beating.add(heard[0])
        workers[heard[0]].send(heard[1])  # it beats again at once
    began_s = time.monotonic()
    for name, word in server.words(0.2):
        workers[name].send(word)
        assert time.monotonic() - began_s < PATIENCE_S, "still listening"
    for worker in workers.values():
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
    heard: set[str] = set()
    began_s = time.monotonic()
    while "quiet" not in heard:
        for count, (name, word) in enumerate(server.waiting(PATIENCE_S), start=1):
            heard.add(name)
            if name == "talkative":
                talkative.send(word)
            assert count <= AT_ONCE, "still listening"
        assert time.monotonic() - began_s < PATIENCE_S, "the quiet one is not heard"
    for client in (talkative, quiet):
        client.close()
    server.close()


@pytest.mark.parametrize(("name", "address"), [("detect", "somewhere"), ("", "tcp://127.0.0.1:5555")])
def test_a_worker_is_refused_when_its_words_cannot_be_right(name: str, address: str, context: zmq.Context) -> None:
    """An address without tcp:// was a traceback."""
    with pytest.raises(ConfigError, match="expected the name of a worker and tcp://host:port"):
        ControlClient(context, address, name)
