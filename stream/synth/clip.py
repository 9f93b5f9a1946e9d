"""Making a clip: the traffic is simulated once, its truth written, its pictures drawn and encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from stream.errors import OutputError
from stream.scene import Line
from stream.synth.cast import Cast, Present, Sighting
from stream.synth.light import daylight
from stream.synth.movements import MovementBook
from stream.synth.places import Place, place_of
from stream.synth.render import Renderer
from stream.synth.settings import SynthResult, SynthSettings
from stream.synth.truth import CrossingBook, TrueFrame, mot_rows, true_frame
from stream.synth.truth_files import write_crossings, write_lines, write_movements
from stream.truth import TrueCrossing

CLIP = "clip"


def simulate(settings: SynthSettings) -> Iterator[TrueFrame]:
    """The truth of each frame, without drawing it."""
    for _, _, truth in _scenes(settings, place_of(settings)):
        yield truth


def watch(settings: SynthSettings) -> tuple[list[TrueFrame], tuple[Line, ...], list[TrueCrossing]]:
    """The truth of each frame, the lines that `make` would write, and who crosses them, without drawing it."""
    place = place_of(settings)
    lines = _lines(settings, place)
    book, frames = CrossingBook(CLIP, lines, settings.fps), []
    for _, seen, truth in _scenes(settings, place):
        book.see(seen, truth)
        frames.append(truth)
    return frames, lines, book.rows()


def draw(settings: SynthSettings, every: int = 1) -> Iterator[tuple[np.ndarray, TrueFrame]]:
    """Each `every`th picture, u8 (height, width, 3) BGR, with its truth; nothing is written."""
    place = place_of(settings)
    renderer = _renderer(settings, place)
    for _, seen, truth in _scenes(settings, place):
        if truth.seq % every == 0:
            yield renderer.picture(seen), truth


def make(settings: SynthSettings, out_dir: Path) -> SynthResult:
    """Write clip.mp4, gt.txt, truth_crossings.csv, truth_lines.csv and, of a junction, truth_movements.csv.

    out_dir is created.

    Raises OutputError where the folder or a file in it cannot be written.
    """
    place = place_of(settings)
    lines, size = _lines(settings, place), (settings.width, settings.height)
    names = ("clip.mp4", "gt.txt", "truth_crossings.csv", "truth_lines.csv", "truth_movements.csv")
    clip, gt, crossings, line_file, movements = (out_dir / name for name in names)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        renderer, book, ways = _renderer(settings, place), CrossingBook(CLIP, lines, settings.fps), MovementBook(CLIP)
        with ClipWriter(clip, size, settings.fps) as writer, gt.open("w", encoding="ascii") as mot:
            for users, seen, truth in _scenes(settings, place):
                mot.write(mot_rows(truth))
                book.see(seen, truth)
                ways.see(users)
                writer.write(renderer.picture(seen))
        write_crossings(crossings, book.rows())
        write_lines(line_file, CLIP, lines, size)
        if settings.place != "road":
            write_movements(movements, ways.rows(book.by_track()))
    except OSError as error:  # PyAV's errors of writing are OSErrors too
        raise OutputError.refused(
            out_dir, "written", error, "choose a folder with space left that you can write to"
        ) from error
    turned = None if settings.place == "road" else movements
    return SynthResult(clip, gt, crossings, line_file, settings.frames, place.suggested[0], lines, turned)


def _renderer(settings: SynthSettings, place: Place) -> Renderer:
    return Renderer(place.camera, place.site, daylight(settings.light, settings.seed), settings.seed)


def _scenes(settings: SynthSettings, place: Place) -> Iterator[tuple[Sequence[Present], list[Sighting], TrueFrame]]:
    """The road users of each frame, those of them that reach into the picture, and the truth."""
    cast = Cast(place.camera, daylight(settings.light, settings.seed))
    for seq, users in enumerate(place.play()):
        seen = cast.sightings(users)
        yield users, seen, true_frame(seq, seq / settings.fps, seen, (settings.width, settings.height))


def _lines(settings: SynthSettings, place: Place) -> tuple[Line, ...]:
    size = np.array([settings.width, settings.height] * 2)
    own = tuple(Line(name, *(np.array(ends) * size).tolist()) for name, ends in settings.lines.items())
    return own or place.suggested


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
