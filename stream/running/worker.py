"""The life of one worker: say hello, be assigned, open, run, drain, say the last word."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import zmq

from stream.errors import RoadtallyError, StageError
from stream.messages import InBand, Message, lane_of
from stream.metrics import Metrics
from stream.plan.topology import WorkerPlan
from stream.running.chain import Chain
from stream.running.intake import DecodeIntake, InletIntake, Intake
from stream.running.presence import Presence
from stream.stages.decode import Decode
from stream.transport.control import (
    Assign,
    Beat,
    ControlClient,
    Done,
    Drain,
    Fault,
    Go,
    Halt,
    Halted,
    Hello,
    Ready,
    Rewind,
)
from stream.transport.edge import LOOK_MS, CreditInlet, CreditOutlet, Inlet, Outlet
from stream.transport.ring import Ring, SlotPool, local_slots

BEAT_S = 0.25
GLANCE_S = 0.01  # how often a worker that is busy looks whether the supervisor has said something
LINGER_MS = 2000  # for last words, while there is somebody to hear them

Word = TypeVar("Word", Assign, Go)


class Worker:
    """One worker, from its plan: owns its sockets, rings and stages, and frees them."""

    def __init__(
        self,
        work: WorkerPlan,
        control: ControlClient,
        context: zmq.Context,
        resources: ExitStack,
        supervisor: Presence,
    ) -> None:
        self._work, self._control, self._supervisor = work, control, supervisor
        self._metrics = Metrics()
        self._draining = self._aborted = False
        self._beat_s = self._looked_s = time.monotonic()
        rings = {camera.name: Ring.attach(ring) for camera, ring in zip(work.cameras, work.rings, strict=False)}
        for ring in rings.values():
            resources.callback(ring.close)
        self._release: dict[str, Callable[[int, int], None]] = {}
        for name, address in work.credits_out.items():
            credit = CreditOutlet(context, address)
            resources.callback(credit.close)
            self._release[name] = credit.give
        unique = {
            address: Outlet(context, address, carries_pixels=work.sends_pixels)
            for address in set(work.outlets.values())
        }
        for outlet in unique.values():
            resources.callback(outlet.close)
        self._outlets = {name: unique[address] for name, address in work.outlets.items()}
        self._chain = Chain(work, self._metrics)
        resources.callback(self._chain.close)
        self.notes = self._chain.notes
        self._intake = self._open_intake(context, rings, resources)
        if work.inlet is None and any(work.epochs.values()):
            self._intake.halt()

    def _open_intake(self, context: zmq.Context, rings: dict[str, Ring], resources: ExitStack) -> Intake:
        work = self._work
        if work.inlet is not None:
            inlet = Inlet(context, work.inlet, rings, self._chain.is_stale)
            resources.callback(inlet.close)
            return InletIntake(inlet, self._control)
        camera = work.cameras[0]
        slots = rings[camera.name].slots if rings else local_slots(work.slots, camera.layout)
        if work.credits_in is not None:
            credits = CreditInlet(context, work.credits_in)
            resources.callback(credits.close)
            pool = SlotPool(slots, credits.take)
        else:
            pool = SlotPool(slots)
            self._release[camera.name] = pool.give_back
        decode = Decode(camera, work.sources[camera.name], pool, self._metrics)
        self.notes = decode.notes
        resources.callback(decode.close)
        return DecodeIntake(decode)

    def run(self) -> None:
        """Until every camera's stream has ended, or until told to leave at once."""
        self._metrics.set("roadtally_open_cpu_seconds", time.process_time(), worker=self._work.name)
        idle = True
        while self._chain.open_cameras and not self._aborted:
            if idle or time.monotonic() - self._looked_s > GLANCE_S:
                self._look()
            wait_s = self._chain.wait_s
            message = self._intake.take(LOOK_MS / 1000 if wait_s is None else wait_s)
            idle = message is None
            if message is not None:
                self._pass_on(self._chain.push(message))
            if wait_s is None or (message is not None and self._intake.has_more()):
                continue  # what comes next is chosen among all that is here
            self._pass_on(self._chain.poll())

    def values(self) -> dict[str, float]:
        """The metrics as they stand, with the processor time of this worker."""
        self._metrics.set("roadtally_cpu_seconds_total", time.process_time(), worker=self._work.name)
        return self._metrics.snapshot()

    def _pass_on(self, messages: list[Message]) -> None:
        for message in messages:
            camera, epoch = lane_of(message)
            if self._outlets and not self._outlets[camera].send(message, partial(self._is_in_vain, message)):
                continue
            if camera in self._release and not isinstance(message, InBand):
                self._release[camera](epoch, message.frame.slot)

    def _is_in_vain(self, message: Message) -> bool:
        """Whether there is no use any more in sending it."""
        self._look()
        return self._aborted or self._chain.is_stale(message)

    def _look(self) -> None:
        """Hear the supervisor, and let it hear this worker."""
        while (word := self._control.receive()) is not None:
            self._supervisor.heard()
            if isinstance(word, Drain):
                self._aborted = self._aborted or word.now
                if not self._draining:
                    self._draining = True
                    self._intake.stop()
            elif isinstance(word, Halt):
                self._chain.begin(word.epochs)
                self._intake.halt()
                self._control.send(Halted(word.epochs))
            elif isinstance(word, Rewind):
                self._intake.rewind(word)
                if self._draining:
                    self._intake.stop()
        now_s = self._looked_s = time.monotonic()
        if now_s - self._beat_s > BEAT_S:
            self._beat_s = now_s
            self._control.send(Beat(self.values()))
        self._supervisor.check()


def main(name: str, control_address: str, parent: int | None = None) -> int:
    """Run one worker to its end; returns the exit code. Interrupts are the supervisor's to handle. parent: the process
    of the supervisor; None: it is on another host."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    supervisor = Presence(name, parent)
    context = zmq.Context()
    control = ControlClient(context, control_address, name)
    try:
        control.send(Hello(os.getpid()))
        return _serve(control, context, supervisor)
    except RoadtallyError as error:
        control.send(Fault.of(error))
        if parent is None:  # a person started it, and waits at this terminal
            print(f"roadtally: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        what = f"an unexpected {type(error).__name__}: {error}"
        control.send(Fault.of(StageError(f"stage {name}", what, "please report this with the trace that was printed")))
        raise
    finally:
        # closes what an error left open: term() would wait for it without end
        context.destroy(linger=0 if supervisor.is_known_gone() else LINGER_MS)


def _serve(control: ControlClient, context: zmq.Context, supervisor: Presence) -> int:
    assigned = _await(control, Assign, supervisor)
    if assigned is None:
        if supervisor.is_elsewhere:
            what = "the run has no such worker, or is over"
            raise StageError(f"stage {control.name}", what, "`roadtally check` names them")
        return StageError.exit_code
    with ExitStack() as resources:
        work = msgspec.msgpack.decode(assigned.work, type=WorkerPlan)
        if all(camera.blocks for camera in work.cameras):
            _work_in_bursts()
        worker = Worker(work, control, context, resources, supervisor)
        control.send(Ready(worker.notes))
        if _await(control, Go, supervisor) is None:
            return 0
        worker.run()
        values = worker.values()
    control.send(Done(values))
    return 0


def _work_in_bursts() -> None:
    """Where nobody waits for a single picture: a thread that wakes up does not interrupt another, so each does more at
    a time while the caches hold its data. Threads that begin later inherit it."""
    if not hasattr(os, "SCHED_BATCH"):
        return
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it ended meanwhile, or the machine does not allow it
            os.sched_setscheduler(int(thread.name), os.SCHED_BATCH, os.sched_param(0))


def _await(control: ControlClient, kind: type[Word], supervisor: Presence) -> Word | None:
    """The word that must come next; None when told to leave instead. How long that may take is the supervisor's to
    judge. Raises StageError when it is there no more."""
    while True:
        word = control.receive(LOOK_MS / 1000)
        if word is not None:
            supervisor.heard()
        if isinstance(word, kind):
            return word
        if isinstance(word, Drain):
            return None
        supervisor.check()
