"""The audit strip: the pixels under a line, frame after frame, so that every road user that passed is a blob.

    x   time: 25 columns a second, a minute a row, a quarter of an hour a picture
    y   the place on the line, its start on top

Time is pts, so columns without a picture stay hatched: nobody looked, which is not the same as nobody passed. Each
counted crossing is marked where and when it was counted: a triangle in the colour of its class, pointing down for `in`
and up for `out`, and its track id. An unmarked blob is a miss, two marks on one blob are a double count.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import cv2
import numpy as np

from stream.drawing.colours import CLASS_RGB
from stream.messages import LABELS, Crossing
from stream.scene import Line, Scene

PERIOD_S, ROW_S, COLUMNS_A_S = 900, 60, 25
ROW_COLUMNS = ROW_S * COLUMNS_A_S
MOST_POINTS = 192  # sampled on a line, so that a quarter of an hour stays one glance
HOLD_S = 0.5  # a picture stands for the time since the one before, but never for more
LEAST_COLUMNS = 700  # of a picture, so that its heading has room
HEAD_PX, GUTTER_PX, GAP_PX = 24, 48, 12  # above, left of, and below the rows
GROUND, INK, FONT = (30, 30, 30), (210, 210, 210), cv2.FONT_HERSHEY_SIMPLEX


class Slit:
    """What one line saw in one quarter of an hour. Takes about 9 MB, as it fills.

    One thread adds and marks; another may draw what was there when it began.
    """

    def __init__(self, line: Line, scene: Scene, start_s: float) -> None:
        self.line, self.start_s = line, start_s
        self._camera, self._size_wh = scene.camera, (scene.width // 2 * 2, scene.height // 2 * 2)
        self._under = pixels_under(line, *self._size_wh)
        self._seen_as = line  # where the camera sees it now
        self._columns = np.zeros((PERIOD_S * COLUMNS_A_S, len(self._under)), np.uint8)
        self._seen = np.zeros(PERIOD_S * COLUMNS_A_S, bool)
        self._last = -1
        self._marks: dict[str, tuple[Crossing, Line]] = {}  # by key; and where its line was seen then

    def follow(self, line: Line) -> None:
        """The camera was moved: from now on the line is seen here."""
        self._under = pixels_under(line, *self._size_wh, len(self._under) // 2)
        self._seen_as = line

    def add(self, yuv: np.ndarray, pts_s: float) -> None:
        """Look at a picture u8 (H*3/2, W). Pictures come in order."""
        column = int((pts_s - self.start_s) * COLUMNS_A_S)
        first = max(self._last + 1, 0) if column - self._last <= HOLD_S * COLUMNS_A_S else column
        self._columns[min(first, column) : column + 1] = yuv.reshape(-1)[self._under]
        self._seen[min(first, column) : column + 1] = True
        self._last = column

    def mark(self, crossing: Crossing) -> None:
        """Show a crossing of this line in this quarter of an hour."""
        self._marks[crossing.key] = crossing, self._seen_as

    def picture(self) -> np.ndarray:
        """The strip with its marks: BGR u8."""
        used = self._last + 1
        width = min(max(used, LEAST_COLUMNS), ROW_COLUMNS)
        pixels = self._pixels(math.ceil(used / width) * width if used else width)
        rows = [pixels[:, left : left + width] for left in range(0, pixels.shape[1], width)]
        height = len(rows[0])
        sheet = np.full((HEAD_PX + len(rows) * (height + GAP_PX), GUTTER_PX + width, 3), GROUND, np.uint8)
        for k, row in enumerate(rows):
            top = HEAD_PX + k * (height + GAP_PX)
            sheet[top : top + height, GUTTER_PX:] = row
            _draw_times(sheet, top + height, self.start_s + k * ROW_S)
        for crossing, line in tuple(self._marks.values()):
            _draw_mark(sheet, *place_of(crossing, line, self.start_s, height), crossing)
        self._draw_head(sheet)
        return sheet

    def _pixels(self, columns: int) -> np.ndarray:
        """BGR u8 (points, columns, 3) of the first columns; hatched where there was no picture."""
        points = len(self._under) // 2
        columns += columns % 2
        taken = self._columns[:columns]
        luma, u, v = taken[:, :points], taken[::2, points : points * 3 // 2], taken[::2, points * 3 // 2 :]
        planes = [np.ascontiguousarray(plane.T).reshape(-1, columns) for plane in (luma, u, v)]
        pixels = cv2.cvtColor(np.concatenate(planes), cv2.COLOR_YUV2BGR_I420)
        unseen = np.flatnonzero(~self._seen[:columns])
        pixels[:, unseen] = np.where((unseen + np.arange(points)[:, None]) % 8 < 2, 90, 50)[:, :, None]
        return pixels

    def _draw_head(self, sheet: np.ndarray) -> None:
        text = f"{self._camera}  line {self.line.name}  from {clock(self.start_s)}  {len(self._marks)} counted"
        cv2.putText(sheet, text, (6, 16), FONT, 0.42, INK, 1, cv2.LINE_AA)
        x = 6 + cv2.getTextSize(text, FONT, 0.42, 1)[0][0] + 24
        for direction, name in (("in", "in"), ("out", "out")):
            _draw_triangle(sheet, x, 12, direction, INK)
            cv2.putText(sheet, name, (x + 8, 16), FONT, 0.42, INK, 1, cv2.LINE_AA)
            x += 50
        for label, rgb in zip(LABELS, CLASS_RGB, strict=True):
            if any(crossing.label == label for crossing, _ in tuple(self._marks.values())):
                cv2.putText(sheet, label, (x, 16), FONT, 0.42, rgb[::-1], 1, cv2.LINE_AA)
                x += 14 + cv2.getTextSize(label, FONT, 0.42, 1)[0][0]


def strip_name(index: int, line: str, start_s: float) -> str:
    """The file of a strip. index: of the line in its scene; two names may look the same without their signs."""
    return f"{index + 1}_{re.sub(r'[^A-Za-z0-9-]+', '-', line)}_{int(start_s) // 60:05d}min.png"


def place_of(crossing: Crossing, line: Line, start_s: float, points: int) -> tuple[int, int]:
    """x, y of a crossing in the strip that begins at start_s and has so many points a row."""
    row, column = divmod(int((crossing.pts_s - start_s) * COLUMNS_A_S), ROW_COLUMNS)
    along = np.array((line.x2 - line.x1, line.y2 - line.y1))
    share = float(np.dot((crossing.x - line.x1, crossing.y - line.y1), along) / np.dot(along, along))
    return GUTTER_PX + column, HEAD_PX + row * (points + GAP_PX) + round(min(max(share, 0.0), 1.0) * (points - 1))


def clock(pts_s: float) -> str:
    """h:mm:ss."""
    minutes, seconds = divmod(int(pts_s), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def pixels_under(line: Line, width: int, height: int, points: int = 0) -> np.ndarray:
    """Where the pixels under a line lie in a flat I420 picture: n of luma, then n/2 of U, then n/2 of V; n % 4 = 0.
    points: n; 0: as many as the line is long."""
    length = math.hypot(line.x2 - line.x1, line.y2 - line.y1)
    points = points or max(8, min(MOST_POINTS, math.ceil(length)) // 4 * 4)
    share = (np.arange(points) + 0.5) / points
    x = np.clip((line.x1 + share * (line.x2 - line.x1)).astype(np.intp), 0, width - 1)
    y = np.clip((line.y1 + share * (line.y2 - line.y1)).astype(np.intp), 0, height - 1)
    u = width * height + (y[::2] // 2) * (width // 2) + x[::2] // 2
    return np.concatenate([y * width + x, u, u + width * height // 4])


def _draw_times(sheet: np.ndarray, bottom: int, start_s: float) -> None:
    """The time of a row in the gutter; a tick below it every 10 seconds."""
    cv2.putText(sheet, clock(start_s), (3, bottom - 2), FONT, 0.36, INK, 1, cv2.LINE_AA)
    for x in range(GUTTER_PX, sheet.shape[1], 10 * COLUMNS_A_S):
        sheet[bottom : bottom + 5, x] = INK


def _draw_mark(sheet: np.ndarray, x: int, y: int, crossing: Crossing) -> None:
    colour = CLASS_RGB[LABELS.index(crossing.label)][::-1]
    _draw_triangle(sheet, x, y, crossing.direction, colour)
    text = str(crossing.track_id)
    left = min(x + 7, sheet.shape[1] - 8 * len(text))
    for ink, stroke in (((0, 0, 0), 3), (colour, 1)):
        cv2.putText(sheet, text, (left, y + 4), FONT, 0.38, ink, stroke, cv2.LINE_AA)


def _draw_triangle(sheet: np.ndarray, x: int, y: int, direction: str, colour: Sequence[int]) -> None:
    tip = 6 if direction == "in" else -6
    corners = np.array([(x - 5, y - tip // 2), (x + 5, y - tip // 2), (x, y + tip)], np.int32)
    cv2.fillConvexPoly(sheet, corners, tuple(colour), cv2.LINE_AA)
    cv2.polylines(sheet, [corners], True, (0, 0, 0), 1, cv2.LINE_AA)
