"""The folder of a run: begun, with results of a run before moved aside; or taken up again where a run was cut off."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from stream import __version__
from stream.config.file import parse
from stream.config.schema import PREVIOUS, CameraConfig, Config
from stream.errors import ConfigError, OutputError, SourceError
from stream.plan.cameras import Retention
from stream.records.claim import Claim
from stream.records.store import STORE, Store
from stream.records.trajectories import TRAJECTORIES
from stream.results.summary import CROSSINGS, MOVEMENTS, VISITS
from stream.sinks.background import BACKGROUND
from stream.sinks.original import BUFFER
from stream.sinks.quota import TIDIED, tidy, words_for
from stream.sinks.recording import JOINED, PARTS
from stream.sinks.shelf import RECORDINGS, recordings_of
from stream.sinks.strips import STRIPS
from stream.sinks.tracks import TRACKS
from stream.sinks.video import VIDEO
from stream.sources import is_live, is_url, variables_of

RUN = "run.json"
OF_CAMERA = (TRACKS, TRAJECTORIES, VIDEO, RECORDINGS, BUFFER, BACKGROUND, STRIPS)
MADE_LATER = ("replay", "report", "audit.html")  # of a finished run, by other commands
OWN_FILES = (
    f"{STORE}*",
    CROSSINGS,
    MOVEMENTS,
    VISITS,
    RUN,
    TRAJECTORIES.replace(".", "*."),
    PARTS,
    JOINED,
    *OF_CAMERA,
    *MADE_LATER,
)
UNSEEN = (f"{STORE}*", RUN, TRACKS, TRAJECTORIES)  # what there is of a run that saw nothing
LEAVE_S = 10.0  # for the last worker of a run that was killed to have left
HASHED = 1 << 20  # bytes at both ends of a file by which it is known again
STAMP = "%Y%m%dT%H%M%SZ"


class Mark(msgspec.Struct, frozen=True):
    """How to know a file again. sha256: of its first and last HASHED bytes; of one that grows, of its first."""

    path: str
    bytes: int
    mtime_ns: int
    sha256: str


def begin(folder: Path, config: Config) -> None:
    """Make the folder; results of a run before are moved to a folder of their own in `previous/`, from which the quota
    takes. Those of one that failed before its first picture are replaced: a service that cannot start tries again and
    again. Raises OutputError."""
    out = config.output
    keep = Retention(out.segment_s, out.quota_gb, out.keep_days)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with closing(Claim(folder, LEAVE_S)):
            gone = tidy(folder, keep, time.time())  # before anything is written: the disk may be full
            _move_aside(folder, {camera.name for camera in config.cameras})
    except OSError as error:
        raise OutputError.refused(folder, "written", error, "choose another folder: --out") from error
    store = Store(folder / STORE)
    store.begin_run(__version__, config.model_dump_json())
    if gone:
        store.note("", TIDIED, words_for(gone, keep))
    for camera in config.cameras:
        if (mark := _mark(camera)) is not None:
            store.set_source(camera.name, msgspec.json.encode(mark))
    store.close()


def take_up(folder: Path, environ: Mapping[str, str]) -> Config:
    """The configuration of a run that was cut off, ready to go on in this folder.

    Raises OutputError where the folder holds no run, one that has finished, or one of another version; SourceError
    where a file is not what it was; ConfigError where an address was stored without its password.
    """
    if not (folder / STORE).is_file():
        raise OutputError(str(folder), f"holds no run: there is no {STORE} in it", "give the --out of the run")
    store = Store(folder / STORE)
    try:
        text, status, version = store.run()
        marks = {camera: msgspec.json.decode(body, type=Mark) for camera, body in store.sources().items()}
    finally:
        store.close()
    if not text or status == "finished":
        what = "the run in it has finished: there is nothing left to do" if text else "no run was begun in it"
        raise OutputError(str(folder), what, "to count again, use `roadtally run` with another --out")
    if version != __version__:  # checkpoints are of the code that wrote them
        what = f"expected a run that was begun by roadtally {__version__}, got one of {version}"
        raise OutputError(str(folder), what, f"go on with roadtally {version}, or count again with another --out")
    raw = msgspec.json.decode(text)
    for camera in raw["cameras"]:
        if camera["name"] in marks:
            camera["source"] = marks[camera["name"]].path
    config = parse(raw, str(folder), {"output.dir": folder})
    for camera_config in config.cameras:
        _check(camera_config, marks.get(camera_config.name), environ)
    Claim(folder, LEAVE_S).close()
    return config


def go_on(folder: Path) -> None:
    """Say in the store that the run goes on."""
    store = Store(folder / STORE)
    store.resume_run()
    store.close()


def _move_aside(folder: Path, cameras: Set[str]) -> None:
    """cameras: of the run that begins; those of the run before have folders, too."""
    before, saw_something = _run_before(folder)
    places = [folder, *(place for name in sorted(cameras | before) if (place := folder / name).is_dir())]
    if not saw_something and not any(_holds_tracks(place) for place in places):
        _forget(places)
    found = {path for place in places for path in _own_files(place)}
    old = [path for path in found if found.isdisjoint(path.parents)]  # what lies in a folder goes with it
    if not old:
        return
    when = max(path.stat().st_mtime for path in old)
    aside, again = folder / PREVIOUS / time.strftime(STAMP, time.gmtime(when)), 1
    while aside.exists():
        again += 1
        aside = aside.with_name(f"{aside.name.partition('-')[0]}-{again}")
    for path in old:
        target = aside / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


def _run_before(folder: Path) -> tuple[set[str], bool]:
    """The cameras of the run whose results lie here, and whether it saw a picture."""
    path = folder / STORE
    if not path.is_file():
        return set(), True  # what lies here is of no run that is known: it is kept
    if not path.stat().st_size:
        return set(), False  # not even begun: the disk was full; or a power cut has emptied it
    try:
        with closing(Store(path)) as store:
            config = msgspec.json.decode(store.config() or b"{}")
            saw_something = any(balance.decoded for balance in store.balances())
    except SourceError:
        return set(), True  # damaged: it is no reason not to run again
    return {camera["name"] for camera in config.get("cameras", ())}, saw_something


def _holds_tracks(place: Path) -> bool:
    path = place / TRACKS
    return path.is_file() and path.stat().st_size > 0


def _forget(places: Sequence[Path]) -> None:
    """What a run writes before its first picture."""
    for place in places:
        for path in (path for name in UNSEEN for path in place.glob(name)):
            path.unlink()
        for name in (STRIPS, BUFFER):
            with suppress(OSError):  # there is none, or something in it
                (place / name).rmdir()


def _own_files(place: Path) -> Iterator[Path]:
    """Of a run, or of one of its cameras."""
    for name in OWN_FILES:
        yield from place.glob(name)
    yield from (path for path, _ in recordings_of(place) if path.exists())


def _mark(camera: CameraConfig) -> Mark | None:
    """None where the source is no file of this machine."""
    path = Path(camera.source)
    if is_live(camera.source) or is_url(camera.source) or not path.is_file():
        return None
    about = path.stat()
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(HASHED))
        if not camera.follow:
            file.seek(max(0, about.st_size - HASHED))
            digest.update(file.read(HASHED))
    return Mark(str(path.resolve()), about.st_size, about.st_mtime_ns, digest.hexdigest())


def _check(camera: CameraConfig, before: Mark | None, environ: Mapping[str, str]) -> None:
    if "***" in camera.source:
        _check_password(camera, environ)
    if before is None:
        return
    now = _mark(camera)
    if now is None:
        raise SourceError(before.path, "there is no such file any more", "bring it back, or begin a new run")
    same_size = now.bytes >= before.bytes if camera.follow else now.bytes == before.bytes
    if not same_size or (now.mtime_ns != before.mtime_ns and now.sha256 != before.sha256):
        what = f"expected the file that the run began with ({before.bytes} bytes), got another ({now.bytes} bytes)"
        raise SourceError(before.path, what, "bring it back, or begin a new run with another --out")


def _check_password(camera: CameraConfig, environ: Mapping[str, str]) -> None:
    missing = [name for name in variables_of(camera.name) if name not in environ]
    if missing:
        what = "its user and password are not stored with a run"
        raise ConfigError(f"camera {camera.name}", what, f"set {' and '.join(missing)} in the environment")
