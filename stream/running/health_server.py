"""/healthz and /metrics of a run, for whoever watches it: served beside the supervision, which never waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from stream.config.schema import HealthConfig
from stream.errors import ConfigError, words_of
from stream.metrics import MEANING, key, read_key
from stream.plan.topology import Plan
from stream.running.health import Health, Watchdog, Watched
from stream.running.outcome import Watch
from stream.video import Patience
from stream.whole import whole_file

ADDRESS = "health.url"  # in the folder of a run while it is served
READ_S = 5.0  # for a client to ask


class HealthServer:
    """Answers from what it was last told."""

    def __init__(self, watchdog: Watchdog, bind: str, port: int) -> None:
        """Raises ConfigError where the port cannot be had."""
        self._watchdog, self._lock = watchdog, threading.Lock()
        registry = CollectorRegistry()
        registry.register(_Families(self))
        try:
            self._server = ThreadingHTTPServer((bind, port), _handler(self, registry))
        except OSError as error:
            fix = "is another run using it? choose another with --port, or leave it out for any free one"
            raise ConfigError("health.port", f"{bind}:{port} cannot be bound: {words_of(error)}", fix) from error
        self._server.daemon_threads = True
        host, port = self._server.server_address[:2]
        self.url = f"http://{host!s}:{port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def look(self, values: dict[str, float]) -> None:
        """Take over the metrics of all workers."""
        with self._lock:
            self._watchdog.look(values, time.monotonic())

    def health(self) -> Health:
        with self._lock:
            return self._watchdog.health(time.monotonic())

    def values(self) -> dict[str, float]:
        """The metrics of all workers, and what was made of them."""
        health = self.health()
        values = dict(self._watchdog.values)
        for camera in health.cameras:
            values[key("roadtally_frames_per_second", camera=camera.camera)] = camera.fps
            values[key("roadtally_healthy", camera=camera.camera)] = float(camera.healthy)
        return values

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(config: HealthConfig, plan: Plan) -> Iterator[HealthServer | None]:
    """The server of a run while it lasts; None where it has none. Raises ConfigError."""
    live = any(camera.live for camera in plan.cameras)
    if config.port == "off" or (config.port == "auto" and not live):
        yield None
        return
    watched = []
    for camera in plan.cameras:
        patience = Patience.of(camera.timeout_s, camera.source)
        watched.append(Watched(camera.name, camera.live, patience.picture_s, patience.open_s))
    server = HealthServer(
        Watchdog(watched, time.monotonic()), config.bind, 0 if config.port == "auto" else int(config.port)
    )
    try:
        yield server
    finally:
        server.close()


@contextmanager
def announced(server: HealthServer | None, folder: Path) -> Iterator[None]:
    """Its address stands in the run's folder while it is served. Raises OutputError."""
    path = folder / ADDRESS
    if server is None:
        yield
        return
    with whole_file(path) as unfinished:
        unfinished.write_text(server.url + "\n", encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def joined(watch: Watch, server: HealthServer | None) -> Watch:
    """Both hear of the metrics."""

    def both(values: dict[str, float]) -> None:
        watch(values)
        if server is not None:
            server.look(values)

    return both


class _Families(Collector):
    """The metrics as Prometheus wants them: families with a type and a meaning."""

    def __init__(self, server: HealthServer) -> None:
        self._server = server

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for text, value in sorted(self._server.values().items()):
            name, labels = read_key(text)
            kind = "counter" if name.endswith("_total") else "gauge"
            family = families.setdefault(name, Metric(name.removesuffix("_total"), MEANING.get(name, ""), kind))
            family.add_sample(name, labels, value)
        return families.values()


def _handler(server: HealthServer, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = READ_S

        def do_GET(self) -> None:
            if self.path == "/healthz":
                health = server.health()
                self._answer(200 if health.healthy else 503, "application/json", msgspec.json.encode(health))
            elif self.path == "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, kind, encode(registry))
            else:
                self._answer(404, "text/plain", b"/healthz or /metrics\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A scrape is no news."""

    return Handler
