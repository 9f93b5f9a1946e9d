"""Audit strips of one camera's lines: one picture a line and quarter of an hour, drawn by stream/drawing/strips.py."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2

from stream.drawing.strips import PERIOD_S, Slit, strip_name
from stream.errors import OutputError
from stream.messages import Counted, Crossing, EndOfStream, Gap, Told
from stream.plan.cameras import CameraPlan
from stream.scene import Line, Scene
from stream.sight.view import moved_scene
from stream.whole import whole_file

STRIPS = "strips"
# Rows are alike, so "up" compresses best, and it takes half the time of the default.
PNG = (cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
LATE_S = 10.0  # a crossing is certain no later than this after it happened
SAVE_S = 300.0  # of wall time between two savings of a strip that is not full yet: what a kill costs


class AuditStrips:
    """Samples every picture before anything is drawn on it: stands before the video among the sinks."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self._folder, self._scene = folder, scene
        self._seen: dict[str, Line] = {}  # where the camera sees the lines, once it was moved
        self._periods: dict[int, list[Slit]] = {}
        self._saved_s: dict[Slit, float] = {}
        self._full: list[Slit] = []
        self._artist = ThreadPoolExecutor(1, "strips")  # a full strip takes as long to draw as many pictures
        self._drawing: Future[None] | None = None
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError.refused(folder, "made", error, "free some disk, or choose --out") from error

    @classmethod
    def open(cls, camera: CameraPlan, run_folder: Path) -> AuditStrips:
        del run_folder
        return cls(Path(camera.folder) / STRIPS, camera.scene)

    def write(self, counted: Counted) -> None:
        assert counted.yuv is not None  # a sink of pictures runs only where there are some
        pts_s = counted.frame.pts_s
        for slit in self._slits(int(pts_s // PERIOD_S)):
            slit.add(counted.yuv, pts_s)
        self._mark(counted.crossings)
        for period in [p for p in self._periods if pts_s >= (p + 1) * PERIOD_S + LATE_S]:
            self._full += self._periods.pop(period)

    def flush(self) -> None:
        """Begin to save one strip, a full one first, once the one before is saved."""
        if self._drawing is not None:
            if not self._drawing.done():
                return
            self._drawing.result()
            self._drawing = None
        oldest = min(self._saved_s, key=self._saved_s.__getitem__, default=None)
        if self._full:
            slit = self._full.pop()
            del self._saved_s[slit]
            self._drawing = self._artist.submit(self._save, slit)
        elif oldest is not None and time.monotonic() - self._saved_s[oldest] > SAVE_S:
            self._saved_s[oldest] = time.monotonic()
            self._drawing = self._artist.submit(self._save, oldest)

    def hear(self, told: Told) -> None:
        if not isinstance(told, Gap):
            return
        self._mark(told.crossings)
        if told.view:
            self._seen = {line.name: line for line in moved_scene(self._scene, told.view).lines}
            for slits in self._periods.values():
                self._follow(slits)

    def end(self, end: EndOfStream) -> None:
        self._mark(end.crossings)

    def close(self) -> None:
        self._artist.shutdown()
        if self._drawing is not None:
            self._drawing.result()
        for slit in self._saved_s:
            self._save(slit)
        self._saved_s = {}

    def _slits(self, period: int) -> list[Slit]:
        slits = self._periods.get(period)
        if slits is None:
            slits = [Slit(line, self._scene, period * PERIOD_S) for line in self._scene.lines]
            self._follow(slits)
            self._periods[period] = slits
            self._saved_s.update(dict.fromkeys(slits, time.monotonic()))
        return slits

    def _follow(self, slits: Iterable[Slit]) -> None:
        for slit in slits:
            if slit.line.name in self._seen:
                slit.follow(self._seen[slit.line.name])

    def _mark(self, crossings: Iterable[Crossing]) -> None:
        for crossing in crossings:
            for slit in self._periods.get(int(crossing.pts_s // PERIOD_S), ()):
                if slit.line.name == crossing.line:
                    slit.mark(crossing)

    def _save(self, slit: Slit) -> None:
        path = self._folder / strip_name(self._scene.lines.index(slit.line), slit.line.name, slit.start_s)
        _, png = cv2.imencode(".png", slit.picture(), PNG)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(png.tobytes())
