"""Making a clip: the traffic is simulated once, its truth written, its pictures drawn and encoded."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from stream.errors import OutputError
from stream.scene import Line
from stream.synth.camera import RoadCamera, mast_camera
from stream.synth.cast import Cast, Sighting
from stream.synth.light import daylight
from stream.synth.render import Renderer
from stream.synth.road import Road
from stream.synth.settings import SynthResult, SynthSettings
from stream.synth.traffic import play
from stream.synth.truth import CrossingBook, TrueFrame, mot_rows, true_frame, write_crossings, write_lines
from stream.truth import TrueCrossing

CLIP = "clip"


def simulate(settings: SynthSettings) -> Iterator[TrueFrame]:
    """The truth of each frame, without drawing it."""
    for _, truth in _scenes(settings, _camera(settings)):
        yield truth


def watch(settings: SynthSettings) -> tuple[list[TrueFrame], tuple[Line, ...], list[TrueCrossing]]:
    """The truth of each frame, the lines that `make` would write, and who crosses them, without drawing it."""
    camera = _camera(settings)
    lines = _lines(settings) or (suggest_line(camera, Road(settings.lanes)),)
    book, frames = CrossingBook(CLIP, lines, settings.fps), []
    for seen, truth in _scenes(settings, camera):
        book.see(seen, truth)
        frames.append(truth)
    return frames, lines, book.rows()


def draw(settings: SynthSettings, every: int = 1) -> Iterator[tuple[np.ndarray, TrueFrame]]:
    """Each `every`th picture, u8 (height, width, 3) BGR, with its truth; nothing is written."""
    camera = _camera(settings)
    renderer = _renderer(settings, camera)
    for seen, truth in _scenes(settings, camera):
        if truth.seq % every == 0:
            yield renderer.picture(seen), truth


def make(settings: SynthSettings, out_dir: Path) -> SynthResult:
    """Write clip.mp4, gt.txt, truth_crossings.csv and truth_lines.csv into out_dir, which is created.

    Raises OutputError where the folder or a file in it cannot be written.
    """
    camera = _camera(settings)
    suggested = suggest_line(camera, Road(settings.lanes))
    lines = _lines(settings) or (suggested,)
    size = (settings.width, settings.height)
    names = ("clip.mp4", "gt.txt", "truth_crossings.csv", "truth_lines.csv")
    clip, gt, crossings, line_file = (out_dir / name for name in names)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        renderer, book = _renderer(settings, camera), CrossingBook(CLIP, lines, settings.fps)
        with ClipWriter(clip, size, settings.fps) as writer, gt.open("w", encoding="ascii") as mot:
            for seen, truth in _scenes(settings, camera):
                mot.write(mot_rows(truth))
                book.see(seen, truth)
                writer.write(renderer.picture(seen))
        write_crossings(crossings, book.rows())
        write_lines(line_file, CLIP, lines, size)
    except OSError as error:  # PyAV's errors of writing are OSErrors too
        raise OutputError.refused(
            out_dir, "written", error, "choose a folder with space left that you can write to"
        ) from error
    return SynthResult(clip, gt, crossings, line_file, settings.frames, suggested, lines)


def _camera(settings: SynthSettings) -> RoadCamera:
    return mast_camera((settings.width, settings.height), settings.seed, Road(settings.lanes).kerb_x_m)


def _renderer(settings: SynthSettings, camera: RoadCamera) -> Renderer:
    return Renderer(camera, Road(settings.lanes), daylight(settings.light, settings.seed), settings.seed)


def _scenes(settings: SynthSettings, camera: RoadCamera) -> Iterator[tuple[list[Sighting], TrueFrame]]:
    cast = Cast(camera, daylight(settings.light, settings.seed))
    for seq, users in enumerate(play(settings)):
        seen = cast.sightings(users)
        yield seen, true_frame(seq, seq / settings.fps, seen, (settings.width, settings.height))


def _lines(settings: SynthSettings) -> tuple[Line, ...]:
    size = np.array([settings.width, settings.height] * 2)
    return tuple(Line(name, *(np.array(ends) * size).tolist()) for name, ends in settings.lines.items())


def suggest_line(camera: RoadCamera, road: Road) -> Line:
    """Straight across the road from kerb to kerb, as near as the whole of it is well inside the picture."""
    for y_m in np.arange(16.0, 80.0, 0.5):
        ends, _ = camera.project(np.array([(-road.kerb_x_m, y_m, 0.0), (road.kerb_x_m, y_m, 0.0)]))
        share = ends / (camera.width, camera.height)
        if share.min() > 0.03 and share[:, 0].max() < 0.97 and share[:, 1].max() < 0.72:
            break
    (x1, y1), (x2, y2) = ends.round(1).tolist()
    return Line("road", x1, y1, x2, y2)


class ClipWriter:
    """An H.264 file, yuv420p, at a fixed rate; one thread, so that the same pictures give the same bytes."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        self._file = av.open(str(path), "w")
        # superfast: with the tree of macroblocks that slower presets plan with, x264 gives other bytes now and then
        options = {"preset": "superfast", "crf": "20", "threads": "1"}
        rate = Fraction(fps).limit_denominator(1001)
        self._stream = self._file.add_stream("libx264", rate=rate, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = *size, "yuv420p"
        self._stream.thread_count = 1
        self._count = 0

    def write(self, bgr: np.ndarray) -> None:
        frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
        frame.pts = self._count
        self._count += 1
        self._file.mux(self._stream.encode(frame))

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self._file.mux(self._stream.encode(None))
        self._file.close()
