"""The annotated video of a run, drawn afterwards: stored tracks over the pictures of the original recording.

Tracks are counted again frame by frame, so that the totals change in the same frames as they did in the run, and the
pictures go through the same sinks as with `record: annotated`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from av.video.frame import VideoFrame

from stream.config.schema import CameraConfig, Config
from stream.counting import Counter
from stream.counting.zones import ZoneCounter
from stream.drawing.overlay import Overlay
from stream.errors import SourceError
from stream.messages import Counted, EndOfStream, Gap
from stream.plan.cameras import plan_camera
from stream.records.trajectories import read_trajectories
from stream.results.replay import Lane
from stream.settings import CountingSettings
from stream.sight.view import moved_scene
from stream.sinks import Sink, open_sink
from stream.sinks.shelf import recordings_of
from stream.sinks.video import VIDEO, AnnotatedVideo
from stream.sources import is_live
from stream.video import Shaper, VideoReader, probe, shapes

NEAR = 0.45  # of the time between two pictures: a picture nearer than this to a counted frame is that frame's
OF_PICTURES = ("background", "strips")


class Span(msgspec.Struct, frozen=True):
    """From when to when, pts in seconds."""

    from_s: float = 0.0
    to_s: float = math.inf

    @property
    def is_whole(self) -> bool:
        return self.from_s <= 0 and self.to_s == math.inf


class Rendered(msgspec.Struct, frozen=True):
    """path: of the video; pictures: in it; unseen: counted frames of the span that no recording shows."""

    path: Path
    pictures: int
    unseen: int


class Original(NamedTuple):
    """A video, and the pts at which its time begins. seekable: its stamps were taken as they are."""

    source: str
    began_s: float = 0.0
    seekable: bool = True


def originals_of(
    config: Config, camera: CameraConfig, folder: Path, moved_to: Path | None = None, *, seekable: bool = False
) -> list[Original]:
    """What the camera of a run showed: its recordings, or the file that was counted.

    folder: of the camera's own results; moved_to: where the file lies now; seekable: no stamp of the file was repaired.
    Raises SourceError where there is nothing.
    """
    kept = [
        Original(str(path), began_s) for path, began_s in recordings_of(folder) if not path.name.startswith("annotated")
    ]
    if is_live(camera.source):
        if kept:
            return kept
        what = f"holds no original recording of {camera.name}: the run was made with record: {config.output.record}"
        raise SourceError(str(folder), what, "record a camera with --record original, or with events")
    path = moved_to or Path(camera.source)
    if not path.exists():
        what = f"the video that was counted is no longer there (looked from {Path.cwd()})"
        raise SourceError(str(path), what, "say where it is now: --source FILE")
    return [Original(str(path), seekable=seekable)]


class Rendering:
    """One camera of a run whose pictures were found: ready to be drawn."""

    def __init__(self, config: Config, lane: Lane, originals: Sequence[Original]) -> None:
        """Raises SourceError where the pictures are not those that were counted."""
        self._lane, self._counting = lane, config.counting
        self._originals = [original for original in originals if Path(original.source).exists()]
        if not self._originals:
            raise SourceError(originals[0].source, "the recordings are no longer there", "were they tidied away?")
        source = self._originals[0].source
        info = probe(source)
        wanted, got = (lane.scene.width, lane.scene.height), (info.width, info.height)
        if got != wanted:
            what = f"expected the video that was counted, of {wanted[0]}x{wanted[1]}, got one of {got[0]}x{got[1]}"
            raise SourceError(source, what, "is it another video of the same name?")
        camera = next(camera for camera in config.cameras if camera.name == lane.scene.camera)
        self._plan = plan_camera(config, camera, info)

    def draw(self, path: Path, span: Span, told: Callable[[float], None]) -> Rendered:
        """Draw a span to a video. told: is called with the pts of each picture. Raises SourceError, OutputError."""
        info, began_s = self._plan.info, max(span.from_s, self._originals[0].began_s)
        shaper, yuv = Shaper(info, None, True), np.empty(shapes(info, None, True)["yuv"], np.uint8)
        overlay, drawn, unseen = Overlay(self._plan.scene), 0, 0
        frames = counted_again(self._lane, self._counting, overlay.hear)
        pictures = _pictures(self._originals, span)
        with ExitStack() as opened:
            sinks: list[Sink | AnnotatedVideo] = []
            if span.is_whole and path.name == VIDEO:
                sinks += self._beside(path.parent)
            sinks.append(AnnotatedVideo(path, overlay, info, began_s=began_s))
            for sink in sinks:
                opened.callback(sink.close)
            for counted, picture in _paired(frames, pictures, NEAR / info.fps):
                if counted.frame.pts_s > span.to_s:
                    break
                if picture is None:
                    overlay.watch(counted)
                    unseen += counted.frame.pts_s >= span.from_s
                    continue
                shaper.shape(picture, yuv, None)
                for sink in sinks:
                    sink.write(msgspec.structs.replace(counted, yuv=yuv))
                told(counted.frame.pts_s)
                drawn += 1
        if not drawn:
            path.unlink(missing_ok=True)
            raise SourceError(str(path), "not one picture of that time was recorded and counted", "see crossings.csv")
        return Rendered(path, drawn, unseen)

    def _beside(self, folder: Path) -> list[Sink]:
        """The other things that a run makes of its pictures, before anything is drawn on them."""
        plan = msgspec.structs.replace(self._plan, folder=str(folder))
        return [open_sink(name, plan, folder) for name in OF_PICTURES]


def counted_again(
    lane: Lane, settings: CountingSettings, hear: Callable[[Gap], None] = lambda gap: None
) -> Iterator[Counted]:
    """The frames of a lane with the crossings that became certain in each, as in the run. hear: is told of gaps."""
    for path in lane.files:
        counter, zones, gap = Counter(lane.scene, settings), ZoneCounter(lane.scene, settings), None
        for message in read_trajectories(path):
            if isinstance(message, EndOfStream | Gap):
                counter.finish()
                zones.finish()
                if isinstance(message, Gap):
                    gap = message
                    hear(gap)
                    if gap.view:  # the camera was moved
                        scene = moved_scene(lane.scene, gap.view)
                        counter, zones = Counter(scene, settings), ZoneCounter(scene, settings)
                continue
            crossings = counter.update(message.frame, message.tracks)
            if gap is not None:
                crossings = tuple(crossing for crossing in crossings if not gap.hides(crossing))
            visits = zones.update(message.frame, message.tracks)
            yield msgspec.structs.replace(message, crossings=crossings, visits=visits)


def _pictures(originals: Sequence[Original], span: Span) -> Iterator[tuple[VideoFrame, float]]:
    for k, (source, began_s, seekable) in enumerate(originals):
        until_s = originals[k + 1].began_s if k + 1 < len(originals) else math.inf
        if until_s < span.from_s or began_s > span.to_s:
            continue
        with VideoReader(source) as reader:
            if seekable and span.from_s > began_s:
                reader.seek(span.from_s - began_s)
            for frame, pts_s in reader:
                if began_s + pts_s > span.to_s:
                    return
                if began_s + pts_s >= span.from_s:
                    yield frame, began_s + pts_s


def _paired(
    frames: Iterator[Counted], pictures: Iterator[tuple[VideoFrame, float]], near_s: float
) -> Iterator[tuple[Counted, VideoFrame | None]]:
    """Every counted frame with its picture, where there is one. A picture that was not counted is left out."""
    picture, at_s = next(pictures, (None, math.inf))
    for counted in frames:
        while at_s < counted.frame.pts_s - near_s:
            picture, at_s = next(pictures, (None, math.inf))
        is_it = abs(at_s - counted.frame.pts_s) <= near_s
        yield counted, picture if is_it else None
        if is_it:
            picture, at_s = next(pictures, (None, math.inf))
