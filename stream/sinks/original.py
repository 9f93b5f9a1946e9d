"""A camera's own packets to disk, without encoding: whole, in segments, or as a buffer that events are cut from.

It works beside the decoder, where the packets are, in a thread of its own: a slow disk never holds up a picture.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Protocol

from av.packet import Packet

from stream.errors import OutputError, RoadtallyError
from stream.plan.cameras import CameraPlan
from stream.sinks.packets import PacketVideo
from stream.sinks.shelf import Shelf, stamp_of
from stream.video import Picture
from stream.video.packets import Coded, Coding

MOST = 500  # pictures whose packets wait for the disk; what finds no room is lost, and counted
DISK_S = 10.0  # a disk that takes longer than this is an error
UNPLACED = 50  # pictures without a stamp that wait for one that has it
AWAY_S = 5.0  # a packet farther from its picture than this: the camera's clock jumped in between
PART_S = 1.0  # a part of the buffer is closed with the first key picture after so long
HELD_S = 30.0  # the buffer reaches back so far, and the time around an event: a crossing is certain after 10 s
PART_NAME = "part-{:015d}.mp4"  # microseconds of the pts at which its time begins
BUFFER = "buffer"


class Place(Protocol):
    """Where files of packets go."""

    roll_s: float  # a file is closed with the first key picture after so long

    def place(self, began_s: float, captured_ns: int) -> Path:
        """A path for the next file. The one before is closed."""
        ...

    def wrote(self, path: Path) -> None: ...

    def close(self) -> None: ...


class Whole:
    """Segments, as those of the annotated video."""

    def __init__(self, camera: CameraPlan) -> None:
        self.roll_s = camera.keep.segment_s
        self._shelf = Shelf(Path(camera.folder), "original")

    def place(self, began_s: float, captured_ns: int) -> Path:
        return self._shelf.place(began_s, stamp_of(captured_ns))

    def wrote(self, path: Path) -> None:
        self._shelf.sync(path)

    def close(self) -> None:
        self._shelf.close()


class Buffer:
    """The last seconds, in short files: most are gone again before the system has brought them to the disk."""

    roll_s = PART_S

    def __init__(self, camera: CameraPlan) -> None:
        self._folder = Path(camera.folder) / BUFFER
        self._held_s = HELD_S + camera.keep.before_s + 2 * camera.keep.after_s
        try:
            self._folder.mkdir(parents=True, exist_ok=True)  # a decoder that was started again goes on in it
        except OSError as error:
            raise OutputError.refused(self._folder, "made", error, "choose --out") from error

    def place(self, began_s: float, captured_ns: int) -> Path:
        del captured_ns
        for path in parts_of(self._folder):
            if part_began_s(path) < began_s - self._held_s:
                path.unlink(missing_ok=True)
        return self._folder / PART_NAME.format(round(began_s * 1e6))

    def wrote(self, path: Path) -> None:
        """Nothing to do: what a power cut takes is a few seconds that nothing has happened in yet."""

    def close(self) -> None:
        """The parts stay: whoever cuts the last event needs them."""


def parts_of(folder: Path) -> list[Path]:
    """The parts of a buffer in order; all but the last are closed."""
    return sorted(folder.glob("part-*.mp4"))


def part_began_s(path: Path) -> float:
    return int(path.stem.partition("-")[2]) / 1e6


@dataclass(frozen=True, slots=True)
class _Taken:
    """The packets that came with a picture. shift_s: from their stamps to pts_s, as of Picture."""

    packets: tuple[Coded, ...]
    shift_s: float | None
    pts_s: float
    captured_ns: int


class Original:
    """Takes pictures with their packets, in order. Its thread owns the file."""

    def __init__(self, place: Place, *, waits: bool) -> None:
        """waits: for room (a file), instead of losing packets (a camera)."""
        self._place, self._waits = place, waits
        self._queue: Queue[_Taken | None] = Queue(MOST)
        self._unplaced: list[_Taken] = []  # from before the first picture that has a stamp
        self._error: RoadtallyError | None = None
        self._video: PacketVideo | None = None
        self._coding: Coding | None = None
        self._began_s, self._index = 0.0, -1
        self.lost = 0  # packets that found no room, and those that could not be used without them
        self._thread: threading.Thread | None = threading.Thread(target=self._run, name="original", daemon=True)
        self._thread.start()

    def put(self, picture: Picture) -> None:
        """Never waits for a camera's packets. Raises OutputError that its thread has met."""
        if self._error is not None:
            raise self._error
        taken = _Taken(picture.packets, picture.shift_s, picture.pts_s, picture.captured_ns)
        if taken.shift_s is None and len(self._unplaced) < UNPLACED:
            self._unplaced.append(taken)
            return
        for early in self._unplaced:
            self._hand_on(replace(early, shift_s=taken.shift_s))
        self._unplaced = []
        self._hand_on(taken)

    def _hand_on(self, taken: _Taken) -> None:
        try:
            self._queue.put(taken, timeout=DISK_S if self._waits else 0.001)
        except Full:
            self.lost += len(taken.packets)
            if self._waits:
                raise _stuck() from None

    def close(self) -> None:
        """Until all is on the disk. Raises OutputError; safe to call twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        for early in self._unplaced:
            self._hand_on(early)
        with suppress(Full):
            self._queue.put(None, timeout=DISK_S)
        thread.join(DISK_S)
        if thread.is_alive():
            raise _stuck()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while (taken := self._queue.get()) is not None:
                for coded in taken.packets:
                    self._write(coded, taken)
            if self._video is not None:
                self._video.close()
        except RoadtallyError as error:
            self._error = error
            with suppress(Empty):  # whoever waits for room shall not wait in vain
                while True:
                    self._queue.get_nowait()
        finally:
            self._place.close()

    def _write(self, coded: Coded, taken: _Taken) -> None:
        packet, (pts_s, dts_s) = coded.packet, _times_s(coded.packet, taken)
        whole = self._video is not None and coded.coding is self._coding and coded.index == self._index + 1
        self._index = coded.index if whole or packet.is_keyframe else -2
        if not whole and not packet.is_keyframe:
            self.lost += 1
            return
        due = packet.is_keyframe and pts_s - self._began_s >= self._place.roll_s
        if self._video is None or coded.coding is not self._coding or due:
            if self._video is not None:
                self._video.close()
            self._coding, self._began_s = coded.coding, pts_s
            path = self._place.place(pts_s, taken.captured_ns)
            self._video = PacketVideo(path, coded.coding.template)
        self._video.write(packet, pts_s, dts_s)
        self._place.wrote(self._video.path)


def _times_s(packet: Packet, taken: _Taken) -> tuple[float, float | None]:
    """pts and dts of a packet on the camera's clock. What has no stamp, or none that can be, lies at its picture."""
    stamp = packet.dts if packet.pts is None else packet.pts
    if stamp is None or taken.shift_s is None:
        return taken.pts_s, None
    pts_s = float(stamp * packet.time_base) + taken.shift_s
    if abs(pts_s - taken.pts_s) > AWAY_S:
        return taken.pts_s, None
    return pts_s, None if packet.dts is None else float(packet.dts * packet.time_base) + taken.shift_s


def _stuck() -> OutputError:
    return OutputError("recording", f"the disk took nothing for {DISK_S:.0f} s", "is it full, or a network drive away?")


def open_original(camera: CameraPlan) -> Original | None:
    """What is recorded beside the decoder of a camera; None where nothing is. A file is its own recording."""
    if camera.record == "original" and camera.live:
        return Original(Whole(camera), waits=False)
    if camera.record == "events":
        return Original(Buffer(camera), waits=camera.blocks)
    return None
