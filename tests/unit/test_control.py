"""The control edge between the supervisor and its workers."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from stream.errors import ConfigError
from stream.supervisor import _Supervisor
from stream.transport.control import Beat, ControlClient, ControlServer, Fault
from stream.worker import main

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


@pytest.mark.parametrize(("name", "address"), [("detect", "somewhere"), ("", "tcp://127.0.0.1:5555")])
def test_a_worker_is_refused_when_its_words_cannot_be_right(name: str, address: str, context: zmq.Context) -> None:
    """An address without tcp:// was a traceback."""
    with pytest.raises(ConfigError, match="expected the name of a worker and tcp://host:port"):
        ControlClient(context, address, name)


def test_a_worker_leaves_and_says_so_when_the_run_does_not_know_it(
    context: zmq.Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped --name waited for ever, kept company by the supervisor's words; an error of it ended the whole run."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # no main thread here
    address = f"ipc://{tmp_path}/control"
    supervisor = object.__new__(_Supervisor)
    supervisor._work, supervisor._control = {}, ControlServer(context, address)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main("detct", address)))
    thread.start()
    for name, word in supervisor._control.words(10):
        supervisor._hear(name, word)
        if isinstance(word, Fault):
            break
    thread.join(10)
    supervisor._control.close()
    assert codes == [6] and "stage detct: the run has no such worker" in capsys.readouterr().err
