"""A run from configuration to results: look at the sources, plan, run, fold the events, write what belongs beside."""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import msgspec

from models.registry import check_model
from stream import __version__
from stream.config.schema import CameraConfig, Config
from stream.errors import ConfigError, ModelError, OutputError, RoadtallyError, SourceError
from stream.metrics import key
from stream.plan.cameras import plan_camera
from stream.plan.topology import Endpoint, Plan, make_plan
from stream.records.claim import RUN_LOCK, Claim
from stream.records.store import STORE, Store
from stream.results.folder import OF_CAMERA, RUN, begin, go_on
from stream.results.summary import Summary, summarise, write_tally
from stream.running.health_server import announced, joined, serving
from stream.running.inline import run_inline
from stream.running.outcome import Interrupts, Outcome, Watch
from stream.running.supervisor import run_workers
from stream.sinks.quota import TIDIED
from stream.sinks.shelf import recordings_of
from stream.sources import is_live, masked, with_credentials
from stream.transport.addresses import IpcAddresses, TcpAddresses
from stream.transport.leftovers import socket_folder
from stream.video import Patience, VideoInfo, probe, probe_live
from stream.whole import whole_file

RESUMED = "the run was resumed"
LOOKS = 8  # sources at a time
TOLD = 3  # of the notes on what the quota removed: the store has all
LIBRARIES = ("av", "numpy", "opencv-python-headless", "openvino", "pyzmq", "torch", "torchvision")


Stopped = Callable[[], bool]


@dataclass(slots=True)
class Report:
    """What a run gives back to its caller."""

    outcome: Outcome
    summary: Summary
    paths: list[Path]
    resumed: bool = False  # then the summary tells of more than the outcome

    @property
    def saw_something(self) -> bool:
        """False where it failed before the first picture: to count nothing would then be no count."""
        return self.outcome.error is None or bool(self.summary.balances)

    @property
    def exit_code(self) -> int:
        """0 only when everything that was there was seen."""
        if self.outcome.error is not None:
            return self.outcome.error.exit_code
        if self.outcome.status == "interrupted":
            return 130
        lost = any(b.problems or b.in_flight for b in self.summary.balances)
        return SourceError.exit_code if lost else 0


def look(config: Config, stopped: Stopped = lambda: False) -> dict[str, VideoInfo]:
    """A look at the detector and every source; stopped: ends the wait for absent cameras. Raises ModelError,
    SourceError or ConfigError with all problems at once: weights that are not whole, sources that cannot be read, lines
    that cannot be crossed."""
    infos: dict[str, VideoInfo] = {}
    problems = _problems_of_detector(config)
    with ThreadPoolExecutor(LOOKS) as pool:  # a camera takes a second or two, an absent one longer
        looks = [pool.submit(_probe, camera, stopped) for camera in config.cameras]
    for camera, found in zip(config.cameras, looks, strict=True):
        try:
            infos[camera.name] = found.result()
            plan_camera(config, camera, infos[camera.name])
        except (SourceError, ConfigError) as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise type(problems[0])(f"{len(problems)} problems", "\n".join(str(problem) for problem in problems))
    return infos


def _problems_of_detector(config: Config) -> list[RoadtallyError]:
    """What can be told before it is opened. On another host other files are there."""
    try:
        if config.placement.mode != "tcp":
            check_model(config.detector.model)
    except ModelError as error:
        return [error]
    return []


def _probe(camera: CameraConfig, stopped: Stopped) -> VideoInfo:
    source = with_credentials(camera.source, camera.name, os.environ)
    if not is_live(source):
        return probe(source)
    return probe_live(source, Patience.of(camera.timeout_s, source), camera.wait_s, stopped)


@contextmanager
def planned(config: Config, infos: dict[str, VideoInfo]) -> Iterator[Plan]:
    """The plan, with a private folder for its sockets while the context lasts."""
    run = f"{os.getpid()}-{secrets.token_hex(3)}"  # a person can see whose they are
    if config.placement.mode == "tcp":
        yield make_plan(config, infos, TcpAddresses(config.placement.bind, config.placement.port), run)
        return
    with socket_folder(run) as folder:
        addresses: Endpoint = IpcAddresses(folder)
        yield make_plan(config, infos, addresses, run)


def launch(config: Config, plan: Plan, watch: Watch, interrupts: Interrupts, *, resume: bool = False) -> Report:
    """Run a plan; resume: go on with the run in its folder. Errors that end the run are in the report; only an
    unwritable folder, or one that another run has, is raised at once."""
    folder = Path(plan.folder)
    with closing(Claim(folder, 0, RUN_LOCK)):
        return _carry_out(config, plan, watch, interrupts, resume)


def _carry_out(config: Config, plan: Plan, watch: Watch, interrupts: Interrupts, resume: bool) -> Report:
    folder = Path(plan.folder)
    run = run_inline if plan.inline else run_workers
    with serving(config.health, plan) as server:
        if resume:
            go_on(folder)
        else:
            begin(folder, config)
        with announced(server, folder):
            outcome = run(plan, joined(watch, server), interrupts, RESUMED if resume else "")
    with _told_in(outcome), closing(Store(folder / STORE)) as store:
        store.end_run(outcome.status)
        outcome.notes += [text for _, text in store.notes(TIDIED)[-TOLD:]]
    scenes = [camera.scene for camera in plan.cameras]
    summary = summarise(folder, scenes)
    # what a decoder said last was before its slots came back
    outcome.values.update({key("roadtally_in_flight", camera=b.camera): b.in_flight for b in summary.balances})
    report = Report(outcome, summary, [], resume)
    if report.saw_something:
        with _told_in(outcome):
            report.paths += write_tally(folder, summary.tally, scenes)
    report.paths.append(folder / STORE)
    with _told_in(outcome):
        report.paths.append(_write_run(folder, config, plan, outcome))
    for camera in plan.cameras:
        report.paths += [path for name in OF_CAMERA if (path := Path(camera.folder) / name).exists()]
        report.paths += [path for path, _ in recordings_of(Path(camera.folder)) if path.exists()]
    return report


@contextmanager
def _told_in(outcome: Outcome) -> Iterator[None]:
    """What cannot be written is the error of the run, unless that has one already. All else is written and shown."""
    try:
        yield
    except OutputError as error:
        if outcome.error is None:
            outcome.status, outcome.error = "failed", error
        else:
            outcome.notes.append(str(error))


def _write_run(folder: Path, config: Config, plan: Plan, outcome: Outcome) -> Path:
    """run.json: the resolved configuration, versions and timings."""
    error: RoadtallyError | None = outcome.error
    document = {
        "roadtally": __version__,
        "status": outcome.status,
        "error": masked(str(error)) if error else None,
        "finished_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "notes": outcome.notes,
        "recoveries": [msgspec.to_builtins(recovery) for recovery in outcome.recoveries],
        "wall_s": round(outcome.wall_s, 3),
        "open_s": round(outcome.open_s, 3),
        "metrics": {name: round(value, 4) for name, value in sorted(outcome.values.items())},
        "config": config.model_dump(mode="json"),
        "cameras": [msgspec.to_builtins(camera) for camera in plan.cameras],
    }
    path = folder / RUN
    with whole_file(path) as unfinished:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2))
    return path


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
