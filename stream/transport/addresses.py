"""Where sockets live: files of a private folder on one host, or ports of this host and of those named."""

from __future__ import annotations

import socket
from pathlib import Path


class IpcAddresses:
    """Addresses as socket files in a folder that only this user may enter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str, host: str) -> str:
        return f"ipc://{self._folder / name}"


class TcpAddresses:
    """One port a name, in order of asking: the next after `port`, or any that is free when port is 0."""

    def __init__(self, bind: str, port: int) -> None:
        self._bind, self._next = bind, port
        self._ports: dict[str, int] = {}

    def __call__(self, name: str, host: str) -> str:
        if name not in self._ports:
            while (port := self._next or _free_port(self._bind)) in self._ports.values():
                pass  # nobody listens yet, so the system may name the same one again
            self._ports[name] = port
            self._next += 1 if self._next else 0
        return f"tcp://{host or self._bind}:{self._ports[name]}"


def _free_port(bind: str) -> int:
    with socket.socket() as probe:
        probe.bind((bind, 0))
        port: int = probe.getsockname()[1]
        return port
