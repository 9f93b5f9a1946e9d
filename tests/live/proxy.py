"""A TCP proxy that does what networks and cameras do: delay, drop, corrupt, half-close, freeze, refuse."""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

LOOK_S = 0.02
CHUNK = 16384
PICTURES = 2000  # bytes from the camera before damage begins: the handshake stays whole


class Proxy:
    """Stands before a port of this machine. Set `frozen`, `delay_s` and `damage` at any time; they hold at once."""

    def __init__(self, target_port: int) -> None:
        self.frozen = False  # everything stays connected, nothing passes
        self.delay_s = 0.0  # of every chunk that the camera sends
        self.damage = 0.0  # share of the camera's bytes that are turned over
        self._target_port = target_port
        self._chance = random.Random(7)
        self._open = True
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._refuses = True
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))  # by number, so that it is kept while the camera is off
        self._listener.settimeout(LOOK_S)
        self.restore()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open = False
        self.refuse()
        self._listener.close()

    def refuse(self) -> None:
        """The camera is off: connections end, new ones are refused."""
        if not self._refuses:
            self._refuses = True
            self._listener.shutdown(socket.SHUT_RDWR)
        self.drop()

    def restore(self) -> None:
        """The camera is on again, at the same port."""
        self._listener.listen()
        self._refuses = False
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        """Every connection ends in the middle."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                _close(end)

    def half_close(self) -> None:
        """The camera's side says that it has sent its last byte, and listens on."""
        for client, _ in self._pairs:
            with suppress(OSError):  # it has ended before
                client.shutdown(socket.SHUT_WR)

    def _accept(self) -> None:
        while not self._refuses:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            try:
                camera = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                client.close()
                continue
            self._pairs.append((client, camera))
            if self._refuses:  # since it was accepted
                self.drop()
            for way in ((client, camera, False), (camera, client, True)):
                threading.Thread(target=self._pass, args=way, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, of_camera: bool) -> None:
        passed = 0
        try:
            while data := source.recv(CHUNK):
                while self.frozen and self._open:
                    time.sleep(LOOK_S)
                if of_camera:
                    time.sleep(self.delay_s)
                    if passed > PICTURES and self.damage:
                        data = self._damaged(data)
                passed += len(data)
                sink.sendall(data)
        except OSError:
            pass
        _close(source)
        _close(sink)

    def _damaged(self, data: bytes) -> bytes:
        out = bytearray(data)
        for _ in range(max(1, round(len(out) * self.damage))):
            out[self._chance.randrange(len(out))] ^= 0xFF
        return bytes(out)


def _close(end: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        end.shutdown(socket.SHUT_RDWR)
    end.close()
