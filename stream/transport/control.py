"""The control edge: the supervisor binds a ROUTER, every worker connects a DEALER.

worker                    supervisor
Hello          ->                        started, waiting for work
               <-         Assign         the worker's part of the plan
Ready          ->                        opened: models loaded, sockets bound
               <-         Go             every worker is ready
Beat           ->                        from the main loop, so that a stuck loop shows
               <-         Alive          every second, so that a worker notices a supervisor that is gone
               <-         Drain          stop taking in, finish what is in flight; or leave now
               <-         Halt           a worker of these lanes died: drop what is under way in them
Halted         ->                        nothing of their former lives will be stored any more
               <-         Rewind         to a decoder: begin the lane's new life at this checkpoint
Done or Fault  ->                        the last word
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import zmq

from stream.errors import KINDS, ConfigError, RoadtallyError
from stream.messages import Checkpoint


class Hello(msgspec.Struct, frozen=True, tag=True):
    pid: int


class Assign(msgspec.Struct, frozen=True, tag=True):
    work: bytes  # a WorkerPlan; opaque here


class Ready(msgspec.Struct, frozen=True, tag=True):
    notes: tuple[str, ...]  # one line each for the user: engine, precision


class Go(msgspec.Struct, frozen=True, tag=True):
    pass


class Beat(msgspec.Struct, frozen=True, tag=True):
    values: dict[str, float]


class Alive(msgspec.Struct, frozen=True, tag=True):
    pass


class Drain(msgspec.Struct, frozen=True, tag=True):
    now: bool = False


class Halt(msgspec.Struct, frozen=True, tag=True):
    epochs: dict[str, int]  # camera -> its life that begins; messages of lives before are stale


class Halted(msgspec.Struct, frozen=True, tag=True):
    epochs: dict[str, int]


class Rewind(msgspec.Struct, frozen=True, tag=True):
    camera: str
    epoch: int
    reason: str  # one line for the user
    checkpoint: Checkpoint | None  # None: from the beginning


class Done(msgspec.Struct, frozen=True, tag=True):
    values: dict[str, float]


class Fault(msgspec.Struct, frozen=True, tag=True):
    kind: str
    where: str
    what: str
    fix: str

    @classmethod
    def of(cls, error: RoadtallyError) -> Fault:
        return cls(type(error).__name__, error.where, error.what, error.fix)

    def error(self) -> RoadtallyError:
        return KINDS.get(self.kind, RoadtallyError)(self.where, self.what, self.fix)


AT_ONCE = 1000  # words heard before all else has its turn: far more than there are workers

FromWorker = Hello | Ready | Beat | Halted | Done | Fault
ToWorker = Assign | Go | Alive | Drain | Halt | Rewind


class ControlServer:
    """The supervisor's end."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.set(zmq.LINGER, 500)
        self.socket.set(zmq.ROUTER_HANDOVER, 1)  # a restarted worker keeps its name
        self.socket.bind(endpoint)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(FromWorker)

    def receive(self, timeout_s: float) -> tuple[str, FromWorker] | None:
        """The next word of any worker, with the worker's name."""
        if not self.socket.poll(int(timeout_s * 1000)):
            return None
        name, body = self.socket.recv_multipart()
        return name.decode(), self._decoder.decode(body)

    def waiting(self, timeout_s: float) -> Iterator[tuple[str, FromWorker]]:
        """All words that have come, after a wait of at most so long for the first; AT_ONCE and no more. ZeroMQ takes
        one of each worker in turn, so a worker that never stops talking hides neither the others nor the clock."""
        for k in range(AT_ONCE):
            if (heard := self.receive(0 if k else timeout_s)) is None:
                return
            yield heard

    def words(self, seconds: float) -> Iterator[tuple[str, FromWorker]]:
        """All words that come within so many seconds, and no longer, however many workers talk."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            if (heard := self.receive(left_s)) is not None:
                yield heard

    def send(self, worker: str, word: ToWorker) -> None:
        self.socket.send_multipart([worker.encode(), self._encoder.encode(word)])

    def close(self) -> None:
        self.socket.close()


class ControlClient:
    """A worker's end. Raises ConfigError on what cannot be an address or a name."""

    def __init__(self, context: zmq.Context, endpoint: str, name: str) -> None:
        self.name = name
        self.socket = context.socket(zmq.DEALER)
        self.socket.set(zmq.LINGER, 2000)
        try:
            self.socket.set(zmq.IDENTITY, name.encode())
            self.socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.socket.close(0)
            what = f"expected the name of a worker and tcp://host:port, got {name!r} and {endpoint!r}"
            raise ConfigError("worker", what, "`roadtally check` shows both") from error
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(ToWorker)

    def receive(self, timeout_s: float = 0) -> ToWorker | None:
        """The supervisor's next word, or None when none comes in time."""
        if timeout_s and not self.socket.poll(int(timeout_s * 1000)):
            return None
        try:
            word: ToWorker = self._decoder.decode(self.socket.recv(zmq.NOBLOCK))
        except zmq.Again:
            return None
        return word

    def send(self, word: FromWorker) -> None:
        self.socket.send(self._encoder.encode(word))

    def close(self) -> None:
        self.socket.close()
