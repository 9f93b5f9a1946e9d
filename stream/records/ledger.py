"""Every frame accounted for: decoded = detected + predicted + quiet + skipped (by reason) + in flight."""

from __future__ import annotations

from collections import Counter

import msgspec

from stream.messages import EndOfStream, Frame


class Balance(msgspec.Struct, frozen=True):
    """The account of one camera. in_flight is 0 at the end of a sound run; otherwise so many frames were lost."""

    camera: str
    decoded: int
    detected: int
    predicted: int
    quiet: int
    skipped: dict[str, int]
    in_flight: int
    problems: tuple[str, ...] = ()


class Ledger:
    """The account of one camera, kept where its frames arrive last."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._duties: Counter[str] = Counter()
        self._last_seq = -1
        self._end: EndOfStream | None = None

    def observe(self, frame: Frame) -> None:
        """A frame has come through. Raises ValueError if frames of a camera come out of order."""
        if frame.seq <= self._last_seq:
            raise ValueError(f"camera {self._camera}: frame {frame.seq} after frame {self._last_seq}")
        self._last_seq = frame.seq
        self._duties[frame.duty] += 1

    def end(self, end: EndOfStream) -> None:
        self._end = end

    @property
    def seen(self) -> int:
        """Frames that have come through."""
        return sum(self._duties.values())

    def state(self) -> tuple[dict[str, int], int]:
        """What restore() needs to go on from here: frames by duty, and the last seq."""
        return dict(self._duties), self._last_seq

    def restore(self, state: tuple[dict[str, int], int]) -> None:
        duties, self._last_seq = state
        self._duties, self._end = Counter(duties), None

    def balance(self) -> Balance:
        """The account as it stands; before the end of the stream the decoder's side is inferred from the last frame."""
        decoded = self._end.decoded if self._end else self._last_seq + 1
        skipped = dict(self._end.skipped) if self._end else {}
        return Balance(
            camera=self._camera,
            decoded=decoded,
            detected=self._duties["detect"],
            predicted=self._duties["predict"],
            quiet=self._duties["quiet"],
            skipped=skipped,
            in_flight=decoded - self.seen - sum(skipped.values()),
            problems=self._end.problems if self._end else ("the stream did not end in order",),
        )
