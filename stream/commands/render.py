"""Draw the annotated video of a run afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.commands.results import Run, make_folder
from stream.commands.signature import fields_as_options

if TYPE_CHECKING:
    from stream.config.schema import Config
    from stream.results.replay import Lane

Moment = "seconds, H:MM:SS, or, of a live camera, a date and time (2026-05-04T07:00Z)."


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """Of `roadtally render`."""

    folder: Run
    begin: Annotated[str | None, typer.Option("--from", help=f"Begin there: {Moment}")] = None
    end: Annotated[str | None, typer.Option("--to", help=f"End there: {Moment}")] = None
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The video; by default in DIR.")] = None
    source: Annotated[Path | None, typer.Option("--source", help="Where the video that was counted lies now.")] = None
    camera: Annotated[str | None, typer.Option("--camera", help="One of several cameras.")] = None


@fields_as_options
def render(options: RenderOptions) -> None:
    """Draw the annotated video of a run from its tracks and the original recording, or the file that was counted."""
    from stream.commands.console import console
    from stream.results.render import Rendering, Span, originals_of
    from stream.results.replay import lanes_of, stored_config

    folder, out, source = options.folder, options.out, options.source
    config = stored_config(folder)
    lanes = _chosen(lanes_of(folder, config), options.camera, single=out is not None or source is not None)
    work = []
    for lane in lanes:
        name = lane.scene.camera
        own = folder if len(config.cameras) == 1 else folder / name
        found = next(one for one in config.cameras if one.name == name)
        begin = _moment("--from", options.begin, folder, name, 0.0)
        span = Span(begin, _moment("--to", options.end, folder, name, math.inf))
        path = _path(config, own, span) if out is None else out
        originals = originals_of(config, found, own, source, seekable=_is_plain(folder, name))
        work.append((Rendering(config, lane, originals), path, span))
    for rendering, path, span in work:
        make_folder(path.parent)
        with console.status(str(path)) as status:
            done = rendering.draw(path, span, lambda pts_s: status.update(f"{path}: {pts_s:.1f} s"))  # noqa: B023
        missing = f", {done.unseen} counted pictures were not recorded" if done.unseen else ""
        console.print(f"{done.pictures} pictures{missing}", highlight=False)
        console.print(f"  {done.path}", highlight=False, soft_wrap=True)


def _chosen(lanes: list[Lane], camera: str | None, *, single: bool) -> list[Lane]:
    from stream.errors import ConfigError

    names = [lane.scene.camera for lane in lanes]
    if camera is not None and camera not in names:
        raise ConfigError("--camera", f"expected one of {', '.join(names)}, got {camera!r}")
    if camera is None and single and len(names) > 1:
        raise ConfigError("--out, --source", f"the run has {len(names)} cameras", f"say which: --camera {names[0]}")
    return [lane for lane in lanes if camera is None or lane.scene.camera == camera]


def _is_plain(folder: Path, camera: str) -> bool:
    """Whether a run ended without a repair of a camera's stamps: then its times are those of the file."""
    from stream.records.store import STORE, Store
    from stream.results.folder import RUN

    store = Store(folder / STORE)
    try:
        return (folder / RUN).exists() and camera not in {name for name, _ in store.notes("repair")}
    finally:
        store.close()


def _moment(option: str, text: str | None, folder: Path, camera: str, otherwise: float) -> float:
    """pts in seconds. A time of day is looked up in the run's clocks."""
    from stream.config.options import read_moment
    from stream.errors import ConfigError
    from stream.results.summary import stored_clocks

    moment = otherwise if text is None else read_moment(option, text)
    if not isinstance(moment, datetime):
        return moment
    clocks = stored_clocks(folder, camera)
    if not clocks:
        raise ConfigError(option, "a video file has no time of day", f"give seconds of the video: {option} 1:30")
    utc_s = moment.timestamp()
    clock = max((one for one in clocks if one.utc_s <= utc_s), key=lambda one: one.utc_s, default=clocks[0])
    return max(0.0, clock.pts_s + utc_s - clock.utc_s)


def _path(config: Config, folder: Path, span: object) -> Path:
    from stream.errors import OutputError
    from stream.results.render import Span
    from stream.sinks.video import VIDEO

    assert isinstance(span, Span)
    if not span.is_whole:
        end = "end" if span.to_s == math.inf else f"{span.to_s:g}"
        return folder / f"excerpt-{span.from_s:g}-{end}.mp4"
    if config.output.record == "annotated" and (folder / VIDEO).exists():
        raise OutputError(str(folder / VIDEO), "the run has drawn it already", "draw another with --out FILE")
    return folder / VIDEO
