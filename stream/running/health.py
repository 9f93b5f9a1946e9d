"""Whether every camera delivers, from the metrics of all workers: pure, time is given.

A live camera delivers while pictures come through the whole line. When none has for longer than its patience, the
metrics say where they stopped: at the camera, or behind the decoder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from stream.metrics import key, read_key

State = Literal["ok", "opening", "away", "stalled", "frozen", "file", "ended"]

RATE_S = 10.0  # over which frames a second are measured
LOOK_S = 0.25  # workers tell their metrics no more often
SLACK_S = 1.0  # beyond a camera's patience: metrics are told with delay
SILENT_S = 10.0  # without metrics from the supervisor


class Watched(msgspec.Struct, frozen=True):
    """A camera to watch. patience_s: without a picture; open_s: until its first one."""

    name: str
    live: bool
    patience_s: float
    open_s: float


class CameraHealth(msgspec.Struct, frozen=True):
    """One camera as it stands. why: empty where all is well; latency_s: "event" or "video", then p50, p95, max."""

    camera: str
    state: State
    why: str
    fps: float
    latency_s: dict[str, dict[str, float]]
    in_flight: int
    frames: int
    skipped: dict[str, int]
    passed_over: int
    reconnects: int
    unseen_s: float
    operating_point: str
    crossings: dict[str, int]
    notices: dict[str, int]

    @property
    def healthy(self) -> bool:
        return self.state in ("ok", "file", "ended")


class Health(msgspec.Struct, frozen=True):
    """A whole run as it stands."""

    healthy: bool
    why: str
    cameras: tuple[CameraHealth, ...]


class Watchdog:
    """Looks at the metrics now and then, and remembers when each camera last got on."""

    def __init__(self, cameras: Iterable[Watched], now_s: float) -> None:
        self._cameras = tuple(cameras)
        self._begun_s = self._seen_s = now_s
        self.values: dict[str, float] = {}
        self._past: dict[str, deque[tuple[float, float]]] = {camera.name: deque() for camera in self._cameras}
        self._moved_s: dict[str, float] = {}  # when frames last came through
        self._decoded: dict[str, float] = {}  # as it was then

    def look(self, values: dict[str, float], now_s: float) -> None:
        """Take over the metrics of all workers; more often than LOOK_S is once."""
        if self.values and now_s - self._seen_s < LOOK_S:
            return
        self.values, self._seen_s = values, now_s
        for camera in self._cameras:
            frames = values.get(key("roadtally_frames_total", camera=camera.name), 0.0)
            past = self._past[camera.name]
            if past and frames < past[-1][1]:  # its worker was started again
                past.clear()
            if frames > (past[-1][1] if past else 0.0):
                self._moved_s[camera.name] = now_s
                self._decoded[camera.name] = self._value("roadtally_decoded_total", camera.name)
            if frames:  # 0: a worker that begins, or goes on where another was and does not know it yet
                past.append((now_s, frames))
            while past and now_s - past[0][0] > RATE_S:
                past.popleft()

    def health(self, now_s: float) -> Health:
        """How all stand."""
        cameras = tuple(
            figures(camera.name, self.values, *self._state(camera, now_s), self._fps(camera.name))
            for camera in self._cameras
        )
        why = [f"{camera.camera}: {camera.why}" for camera in cameras if not camera.healthy]
        if now_s - self._seen_s > SILENT_S:
            why.append(f"the supervisor has said nothing for {now_s - self._seen_s:.0f} s")
        return Health(not why, "; ".join(why), cameras)

    def _state(self, camera: Watched, now_s: float) -> tuple[State, str]:
        if not camera.live:
            return "file", ""
        moved_s = self._moved_s.get(camera.name)
        silent_s = now_s - (self._begun_s if moved_s is None else moved_s)
        late = silent_s > SLACK_S + (camera.open_s if moved_s is None else camera.patience_s)
        if self._value("roadtally_connected", camera.name, 1.0) == 0:
            return "away", f"the camera is away, no picture for {silent_s:.1f} s"
        if late and self._value("roadtally_decoded_total", camera.name) > self._decoded.get(camera.name, 0.0):
            return "stalled", f"pictures are decoded, but none came through for {silent_s:.1f} s"
        if late:
            return "stalled", f"no picture for {silent_s:.1f} s"
        if self._value("roadtally_frozen", camera.name):
            return "frozen", "the camera sends the same picture again and again"
        if moved_s is None:
            return "opening", "no picture yet"
        lost = self._value("roadtally_view_lost", camera.name)
        return "ok", "the camera looks elsewhere: its lines are not counted" if lost else ""

    def _value(self, name: str, camera: str, default: float = 0.0) -> float:
        return self.values.get(key(name, camera=camera), default)

    def _fps(self, camera: str) -> float:
        past = self._past[camera]
        span_s = past[-1][0] - past[0][0] if past else 0.0
        return (past[-1][1] - past[0][1]) / span_s if span_s > 0 else 0.0


def figures(camera: str, values: Mapping[str, float], state: State, why: str, fps: float) -> CameraHealth:
    """What the metrics say about one camera."""
    own: dict[str, dict[tuple[str, ...], float]] = {}
    for text, value in values.items():
        name, labels = read_key(text)
        if labels.pop("camera", None) == camera:
            own.setdefault(name, {})[tuple(labels.values())] = value

    def one(name: str) -> float:
        return own.get(name, {}).get((), 0.0)

    def by_label(name: str) -> dict[str, int]:
        return {labels[0]: int(value) for labels, value in own.get(name, {}).items()}

    latency_s: dict[str, dict[str, float]] = {}
    for (to, figure), value in own.get("roadtally_latency_seconds", {}).items():
        latency_s.setdefault(to, {})[figure] = value
    points = [labels[0] for labels, value in own.get("roadtally_operating_point", {}).items() if value]
    return CameraHealth(
        camera=camera,
        state=state,
        why=why,
        fps=round(fps, 2),
        latency_s=latency_s,
        in_flight=int(one("roadtally_in_flight")),
        frames=int(one("roadtally_frames_total")),
        skipped=by_label("roadtally_skipped_total"),
        passed_over=int(one("roadtally_passed_over_total")),
        reconnects=int(one("roadtally_reconnects_total")),
        unseen_s=round(one("roadtally_unseen_seconds_total"), 1),
        operating_point=points[0] if points else "",
        crossings=by_label("roadtally_crossings_total"),
        notices=by_label("roadtally_notices_total"),
    )
