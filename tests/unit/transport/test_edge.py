"""Queues between workers are bounded, keep order, and pass pixels by handle or as parts."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from stream.errors import StageError
from stream.messages import Decoded, EndOfStream, Frame, Message
from stream.transport.addresses import IpcAddresses, TcpAddresses
from stream.transport.edge import CreditInlet, CreditOutlet, Inlet, Outlet
from stream.transport.ring import Ring, RingSpec, SlotLayout

LAYOUT = SlotLayout((12, 8), (4, 8))


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def decoded(seq: int, slot: int = 0) -> Decoded:
    frame = Frame("north", 0, seq, seq / 25, 0, 8, 8, slot=slot)
    return Decoded(frame, np.full((12, 8), seq, np.uint8), np.full((4, 8, 3), seq, np.uint8))


def take(inlet: Inlet) -> Message:
    assert inlet.socket.poll(30_000)
    message = inlet.receive()
    assert message is not None
    return message


@pytest.mark.parametrize("kind", ["ipc", "tcp"])
def test_pixels_travel_when_the_edge_carries_them(kind: str, context: zmq.Context, tmp_path: Path) -> None:
    addresses = IpcAddresses(tmp_path) if kind == "ipc" else TcpAddresses("127.0.0.1", 0)
    inlet = Inlet(context, addresses("detect", ""), {})
    outlet = Outlet(context, addresses("detect", ""), carries_pixels=True)
    for seq in range(5):
        assert outlet.send(decoded(seq), lambda: False)
    for seq in range(5):
        message = take(inlet)
        assert isinstance(message, Decoded) and message.frame.seq == seq
        assert message.yuv is not None and message.tensor is not None
        assert int(message.yuv.min()) == int(message.tensor.max()) == seq
    outlet.close()
    inlet.close()


def test_only_a_handle_travels_when_the_pixels_lie_in_a_ring(context: zmq.Context, tmp_path: Path) -> None:
    ring = Ring.create(RingSpec(f"roadtally-test-{secrets.token_hex(4)}", 2, LAYOUT))
    slot = ring.slots[1]
    assert slot.yuv is not None
    slot.yuv[:] = 77
    slot.stamp[:] = 0, 3
    inlet = Inlet(context, f"ipc://{tmp_path}/a", {"north": ring})
    outlet = Outlet(context, f"ipc://{tmp_path}/a", carries_pixels=False)
    outlet.send(decoded(3, slot=1), lambda: False)
    message = take(inlet)
    assert isinstance(message, Decoded) and message.yuv is not None and int(message.yuv.min()) == 77
    assert message.yuv.base is not None
    outlet.close()
    inlet.close()
    del message, slot
    ring.close()


def test_sending_gives_up_when_stopped_and_nobody_takes(context: zmq.Context, tmp_path: Path) -> None:
    outlet = Outlet(context, f"ipc://{tmp_path}/nobody", carries_pixels=False)
    assert outlet.send(EndOfStream("north", 0, 0, {}), lambda: True) is False
    outlet.socket.set(zmq.LINGER, 0)
    outlet.close()


def test_binding_is_refused_when_the_address_is_taken(context: zmq.Context) -> None:
    address = TcpAddresses("127.0.0.1", 0)("a", "")
    inlet = Inlet(context, address, {})
    with pytest.raises(StageError, match="cannot be bound"):
        Inlet(context, address, {})
    inlet.close()


def test_credits_come_back_when_given(context: zmq.Context, tmp_path: Path) -> None:
    inlet = CreditInlet(context, f"ipc://{tmp_path}/credits")
    outlet = CreditOutlet(context, f"ipc://{tmp_path}/credits")
    assert inlet.take(0) == []
    outlet.give(0, 3)
    outlet.give(0, 4)
    got: list[tuple[int, int]] = []
    while len(got) < 2:
        fresh = inlet.take(30.0)
        assert fresh, "no credit came"
        got += fresh
    assert got == [(0, 3), (0, 4)]
    outlet.close()
    inlet.close()


def test_ports_follow_each_other_when_a_first_is_given() -> None:
    addresses = TcpAddresses("10.0.0.1", 5600)
    assert [addresses("control", ""), addresses("detect", "10.0.0.2"), addresses("control", "")] == [
        "tcp://10.0.0.1:5600",
        "tcp://10.0.0.2:5601",
        "tcp://10.0.0.1:5600",
    ]


def test_no_port_has_two_names_when_the_system_names_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One run over TCP in a few thousand could not bind its second socket."""
    named = iter([5001, 5001, 5002])
    monkeypatch.setattr("stream.transport.addresses._free_port", lambda bind: next(named))
    addresses = TcpAddresses("127.0.0.1", 0)
    assert (addresses("control", ""), addresses("detect", "")) == ("tcp://127.0.0.1:5001", "tcp://127.0.0.1:5002")
