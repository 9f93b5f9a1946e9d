"""What an annotated picture shows: tracks with their trails, lines with their totals, zones, the network's region."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import msgspec
import numpy as np

from stream.drawing.canvas import BLACK, WHITE, Canvas, Colour
from stream.drawing.colours import CLASS_RGB
from stream.messages import LABELS, Counted, Crossing, Gap, Tracks, Visit
from stream.scene import Line, Scene
from stream.sight.view import View, moved_scene

TRAIL_S = 2.0  # a trail shows where a track was in these last seconds
TRAIL_STEP = 0.01  # of the picture's height: points nearer than this are merged; a standing car is one, not fifty
LABEL_WIDTHS = 1.5  # a label may be so many times as wide as its box
LIT_S = 0.4  # a line is lit for so long after a crossing

CLASS_COLOURS = tuple(Colour.rgb(*rgb) for rgb in CLASS_RGB)
LINE_COLOUR, LIT_COLOUR = Colour.rgb(255, 60, 60), WHITE
ZONE_COLOUR, REGION_COLOUR = Colour.rgb(80, 220, 210), Colour.rgb(170, 170, 170)


class _State(msgspec.Struct, frozen=True, array_like=True):
    """For the fields see Overlay."""

    trails: dict[int, list[tuple[float, float, float]]]
    totals: dict[str, dict[str, int]]  # line -> direction -> crossings
    lit_until_s: dict[str, float]
    inside: dict[str, set[str]]
    view: View


class Overlay:
    """Draws one camera's counted pictures. Its state: trails of live tracks, and the totals so far."""

    def __init__(self, scene: Scene) -> None:
        self._drawn = scene  # as it was drawn; self.scene: as the camera sees it now
        self._look(())
        self._trails: dict[int, list[tuple[float, float, float]]] = {}  # id -> pts_s, x, y of the box's foot
        self._inside: dict[str, set[str]] = {zone.name: set() for zone in scene.zones}  # keys of visits
        self._totals: Counter[tuple[str, str]] = Counter()  # (line, direction) -> crossings
        self._lit_until_s: dict[str, float] = {}

    def draw(self, counted: Counted) -> None:
        """Draw on counted.yuv in place. Pictures come in order; each is drawn once."""
        if counted.yuv is None:
            raise ValueError("Overlay.draw: expected a picture, got Counted.yuv = None")
        self.watch(counted)
        canvas = Canvas(counted.yuv)
        self._draw_places(canvas)
        self._draw_tracks(canvas, counted.tracks)
        for line in self.scene.lines:
            self._draw_line(canvas, line, counted.frame.pts_s)
        self._draw_panel(canvas, counted.frame.pts_s)

    def watch(self, counted: Counted) -> None:
        """Take in what is not drawn: trails and totals go on."""
        self._remember(counted.tracks, counted.frame.pts_s)
        self.visit(counted.visits)
        self.add(counted.crossings, counted.frame.pts_s)

    def add(self, crossings: tuple[Crossing, ...], pts_s: float) -> None:
        """Count crossings into the totals that are shown."""
        for crossing in crossings:
            self._totals[crossing.line, crossing.direction] += 1
            self._lit_until_s[crossing.line] = pts_s + LIT_S

    def visit(self, visits: tuple[Visit, ...]) -> None:
        """Take visits in: those that began, and those that are over. Who only went through was never told to be in."""
        for visit in visits:
            if visit.left is None:
                self._inside[visit.zone].add(visit.key)
            else:
                self._inside[visit.zone].discard(visit.key)

    def hear(self, gap: Gap) -> None:
        """Who was in a zone is no longer known to be there; after it the camera may look elsewhere."""
        self.visit(gap.visits)
        if gap.view:
            self._look(gap.view)

    def _look(self, view: View) -> None:
        self._view = tuple(view)  # of messages.Gap
        self.scene = moved_scene(self._drawn, view) if view else self._drawn

    def state(self) -> bytes:
        """What restore() needs to go on from here."""
        totals: dict[str, dict[str, int]] = {}
        for (line, direction), count in self._totals.items():
            totals.setdefault(line, {})[direction] = count
        return msgspec.msgpack.encode(_State(self._trails, totals, self._lit_until_s, self._inside, self._view))

    def restore(self, state: bytes | None) -> None:
        """Be as when state() was called; new, where that is None."""
        nobody: dict[str, set[str]] = {zone.name: set() for zone in self.scene.zones}
        before = msgspec.msgpack.decode(state, type=_State) if state else _State({}, {}, {}, nobody, ())
        self._trails, self._lit_until_s, self._inside = before.trails, before.lit_until_s, before.inside
        self._look(before.view)
        self._totals = Counter({(line, way): n for line, by in before.totals.items() for way, n in by.items()})

    def _remember(self, tracks: Tracks, pts_s: float) -> None:
        step_px = TRAIL_STEP * self.scene.height
        for track_id, (x1, _, x2, y2) in zip(tracks.track_id.tolist(), tracks.xyxy.tolist(), strict=True):
            trail = self._trails.setdefault(track_id, [])
            if len(trail) > 1 and abs(trail[-1][1] - trail[-2][1]) + abs(trail[-1][2] - trail[-2][2]) < step_px:
                trail.pop()
            trail.append((pts_s, (x1 + x2) / 2, y2))
            while trail[0][0] < pts_s - TRAIL_S:
                trail.pop(0)
        for track_id in tracks.ended.tolist():
            self._trails.pop(track_id, None)

    def _draw_places(self, canvas: Canvas) -> None:
        for zone in self.scene.zones:
            corners = np.array(zone.corners_xy, np.float32)
            canvas.path(corners, ZONE_COLOUR, 1, closed=True)
            canvas.label(f"{zone.name}  {len(self._inside[zone.name])}", *zone.corners_xy[0], ZONE_COLOUR)
        if self.scene.crop_xyxy is not None:
            canvas.box(np.array(self.scene.crop_xyxy, np.float32), REGION_COLOUR, corners_only=True)

    def _draw_tracks(self, canvas: Canvas, tracks: Tracks) -> None:
        shown = np.flatnonzero(tracks.confirmed)
        shown = shown[np.argsort(tracks.xyxy[shown, 3])]  # what is nearer the camera lies on top
        ids, labels, seen = tracks.track_id.tolist(), tracks.label.tolist(), tracks.observed.tolist()
        for k in shown:
            if tracks.masks is not None and tracks.masks[k].any():
                canvas.silhouette(tracks.xyxy[k], tracks.masks[k], CLASS_COLOURS[labels[k]])
        for k in shown:
            trail = self._trails[ids[k]]
            if len(trail) > 1:
                canvas.path(np.array(trail, np.float32)[:, 1:], CLASS_COLOURS[labels[k]], canvas.stroke // 2)
        for k in shown:
            colour = CLASS_COLOURS[labels[k]]
            canvas.box(tracks.xyxy[k], colour, corners_only=not seen[k])
            left, top, right, _ = tracks.xyxy[k].tolist()
            # What is far away gets its number only: a plate must not hide its neighbours. Its colour tells the class.
            full, short = f"{LABELS[labels[k]]} {ids[k]}", str(ids[k])
            canvas.label(full if canvas.width_of(full) < LABEL_WIDTHS * (right - left) else short, left, top, colour)

    def _draw_line(self, canvas: Canvas, line: Line, pts_s: float) -> None:
        colour = LIT_COLOUR if pts_s < self._lit_until_s.get(line.name, -1.0) else LINE_COLOUR
        ends, arrow = _line_shape(line, canvas.stroke)
        canvas.path(ends, colour, canvas.stroke)
        canvas.polygon(arrow, colour)
        totals = self._totals
        text = f"{line.name}  in {totals[line.name, 'in']}  out {totals[line.name, 'out']}"
        canvas.label(text, line.x1, line.y1, WHITE if colour == LIT_COLOUR else BLACK)

    def _draw_panel(self, canvas: Canvas, pts_s: float) -> None:
        minutes, seconds = divmod(int(pts_s), 60)
        head = (f"{minutes:02d}:{seconds:02d}", "in", "out")
        totals = self._totals
        rows = [(line.name, str(totals[line.name, "in"]), str(totals[line.name, "out"])) for line in self.scene.lines]
        if rows:
            canvas.panel((head, *rows))


@lru_cache(maxsize=256)
def _line_shape(line: Line, stroke: int) -> tuple[np.ndarray, np.ndarray]:
    """Its ends f32 (2, 2), and an arrow head f32 (3, 2) at its middle that points to the side of `in`."""
    ends = np.array([[line.x1, line.y1], [line.x2, line.y2]], np.float32)
    along = ends[1] - ends[0]
    along /= max(float(np.hypot(*along)), 1e-6)
    inwards = np.array([-along[1], along[0]], np.float32)  # from the walker's left to the right; y points down
    foot, size = ends.mean(axis=0) + inwards * stroke, 5 * stroke
    return ends, np.stack([foot - along * size / 2, foot + along * size / 2, foot + inwards * size])
