"""Every frame is accounted for: decoded = detected + predicted + quiet + skipped + in flight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.messages import EndOfStream, Frame
from stream.records.ledger import Ledger

FATES = ("detect", "predict", "quiet", "window full", "stopped")


def frame(seq: int, duty: str = "detect") -> Frame:
    return Frame("north", 0, seq, seq / 25, 0, 640, 360, duty)  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(FATES)))
def test_account_closes_when_every_frame_has_a_fate(fates: list[str]) -> None:
    ledger = Ledger("north")
    skipped: dict[str, int] = {}
    for seq, fate in enumerate(fates):
        if fate in FATES[:3]:
            ledger.observe(frame(seq, fate))
        else:
            skipped[fate] = skipped.get(fate, 0) + 1
    ledger.end(EndOfStream("north", 0, len(fates), skipped))
    balance = ledger.balance()
    assert balance.in_flight == 0
    assert balance.decoded == balance.detected + balance.predicted + balance.quiet + sum(balance.skipped.values())


def test_loss_shows_when_a_frame_never_arrives() -> None:
    ledger = Ledger("north")
    ledger.observe(frame(0))
    ledger.end(EndOfStream("north", 0, 3, {"window full": 1}))
    assert ledger.balance().in_flight == 1


def test_end_is_missed_when_the_stream_was_cut() -> None:
    ledger = Ledger("north")
    ledger.observe(frame(0))
    assert ledger.balance().problems == ("the stream did not end in order",)


def test_order_is_enforced_when_a_frame_comes_late() -> None:
    ledger = Ledger("north")
    ledger.observe(frame(5))
    with pytest.raises(ValueError, match="frame 4 after frame 5"):
        ledger.observe(frame(4))
