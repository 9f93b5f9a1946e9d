"""Drawing on the planes of a YUV 4:2:0 picture, in place: no conversion to RGB and back.

Luma is drawn at full size, chroma at half coordinates. Boxes and labels lie on even pixels, so that one chroma sample
never belongs to two of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from stream.video import yuv_planes

FONT = cv2.FONT_HERSHEY_DUPLEX
TINT = 0.45  # of a silhouette's colour in its pixels
SUBPIXEL_BITS = 3  # cv2's fixed-point coordinates: eighths of a pixel, so that slow objects' trails do not wobble


class Colour(NamedTuple):
    """Limited-range YUV."""

    y: int
    u: int
    v: int

    @staticmethod
    def rgb(red: int, green: int, blue: int) -> Colour:
        """From 0..255 RGB by BT.601; drawn colours need not be exact."""
        y = 16 + (65.7 * red + 129.1 * green + 25.1 * blue) / 256
        u = 128 + (-37.9 * red - 74.5 * green + 112.4 * blue) / 256
        v = 128 + (112.4 * red - 94.2 * green - 18.3 * blue) / 256
        return Colour(round(y), round(u), round(v))


BLACK, WHITE = Colour(16, 128, 128), Colour(235, 128, 128)


class Canvas:
    """A picture to draw on: u8 (H*3/2, W) of `yuv_planes`. Strokes and letters grow with its height."""

    def __init__(self, yuv: np.ndarray) -> None:
        self.y, self.u, self.v = yuv_planes(yuv)
        self.height, self.width = self.y.shape
        self.stroke = 2 * max(1, round(self.height / 600))  # even: whole chroma samples
        self.font_scale = 0.2 + self.height / 1900

    def box(self, xyxy: np.ndarray, colour: Colour, corners_only: bool = False) -> None:
        """An outline (4,) in pixels; corners_only draws a quarter of each side from each corner."""
        x1, y1, x2, y2 = self._even_box(xyxy)
        s = self.stroke
        if not corners_only:
            for plane, value, step in ((self.y, colour.y, 1), (self.u, colour.u, 2), (self.v, colour.v, 2)):
                left, top, right, bottom = x1 // step, y1 // step, x2 // step - 1, y2 // step - 1
                for k in range(s // step):  # one pixel wide each: what is wider, cv2 draws with round corners
                    cv2.rectangle(plane, (left + k, top + k), (right - k, bottom - k), value)
            return
        dx, dy = max(s, (x2 - x1) // 4 & ~1), max(s, (y2 - y1) // 4 & ~1)
        for top in (y1, y2 - s):
            self.fill(x1, top, x1 + dx, top + s, colour)
            self.fill(x2 - dx, top, x2, top + s, colour)
        for left in (x1, x2 - s):
            self.fill(left, y1, left + s, y1 + dy, colour)
            self.fill(left, y2 - dy, left + s, y2, colour)

    def fill(self, left: int, top: int, right: int, bottom: int, colour: Colour) -> None:
        """A filled rectangle of even pixels inside the picture."""
        self.y[top:bottom, left:right] = colour.y
        self.u[top // 2 : bottom // 2, left // 2 : right // 2] = colour.u
        self.v[top // 2 : bottom // 2, left // 2 : right // 2] = colour.v

    def silhouette(self, xyxy: np.ndarray, mask: np.ndarray, colour: Colour) -> None:
        """Tint what a mask u8 (h, w), box-aligned probabilities times 255, says is the object in the box (4,)."""
        x1, y1, x2, y2 = (round(value / 2) * 2 for value in xyxy.tolist())
        left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, self.width), min(y2, self.height)
        if right - left < 2 or bottom - top < 2:
            return
        pasted = cv2.resize(mask, (x2 - x1, y2 - y1))[top - y1 : bottom - y1, left - x1 : right - x1]
        inside = pasted >= 128
        for plane, value, step in ((self.y, colour.y, 1), (self.u, colour.u, 2), (self.v, colour.v, 2)):
            ground = plane[top // step : bottom // step, left // step : right // step]
            tinted = cv2.addWeighted(ground, 1 - TINT, np.full_like(ground, value), TINT, 0)
            np.copyto(ground, tinted, where=inside[::step, ::step])

    def path(self, points_xy: np.ndarray, colour: Colour, stroke: int, closed: bool = False) -> None:
        """Joined segments through f32 (N, 2), in pixels; anti-aliased."""
        scale = 1 << SUBPIXEL_BITS
        full = np.rint(points_xy * scale).astype(np.int32)
        half = [full >> 1]
        cv2.polylines(self.y, [full], closed, colour.y, stroke, cv2.LINE_AA, SUBPIXEL_BITS)
        thin = max(1, stroke // 2)
        cv2.polylines(self.u, half, closed, colour.u, thin, cv2.LINE_8, SUBPIXEL_BITS)
        cv2.polylines(self.v, half, closed, colour.v, thin, cv2.LINE_8, SUBPIXEL_BITS)

    def polygon(self, points_xy: np.ndarray, colour: Colour) -> None:
        """A filled convex polygon f32 (N, 2), in pixels."""
        scale = 1 << SUBPIXEL_BITS
        full = np.rint(points_xy * scale).astype(np.int32)
        half = full >> 1
        cv2.fillConvexPoly(self.y, full, colour.y, cv2.LINE_AA, SUBPIXEL_BITS)
        cv2.fillConvexPoly(self.u, half, colour.u, cv2.LINE_8, SUBPIXEL_BITS)
        cv2.fillConvexPoly(self.v, half, colour.v, cv2.LINE_8, SUBPIXEL_BITS)

    def label(self, text: str, left: float, bottom: float, colour: Colour) -> None:
        """Text on a plate of the colour, its lower left corner at (left, bottom), pushed inside the picture."""
        plate = text_plate(text, self.font_scale, colour.y)
        height, width = plate.shape
        height, width = min(height, self.height), min(width, self.width)
        x = int(min(max(left, 0), self.width - width)) & ~1
        y = int(min(max(bottom - height, 0), self.height - height)) & ~1
        self.fill(x, y, x + width, y + height, colour)
        self.y[y : y + height, x : x + width] = plate[:height, :width]

    def width_of(self, text: str) -> int:
        """Pixels that a label of this text takes."""
        return text_plate(text, self.font_scale, WHITE.y).shape[1]

    def panel(self, rows: tuple[tuple[str, ...], ...]) -> None:
        """A table on a darkened ground in the upper left corner."""
        text = text_table(rows, self.font_scale)
        height, width = min(text.shape[0], self.height), min(text.shape[1], self.width)
        ground = self.y[:height, :width]
        cv2.convertScaleAbs(ground, dst=ground, alpha=0.35, beta=10)
        np.maximum(ground, text[:height, :width], out=ground)
        for plane in (self.u, self.v):
            ground = plane[: height // 2, : width // 2]
            cv2.convertScaleAbs(ground, dst=ground, alpha=0.35, beta=128 * 0.65)

    def _even_box(self, xyxy: np.ndarray) -> tuple[int, int, int, int]:
        """Even corners inside the picture, at least two strokes apart."""
        least = 2 * self.stroke
        x1, y1, x2, y2 = (int(value) & ~1 for value in xyxy.tolist())
        x1, y1 = min(max(x1, 0), self.width - least), min(max(y1, 0), self.height - least)
        return x1, y1, max(min(x2, self.width), x1 + least), max(min(y2, self.height), y1 + least)


@lru_cache(maxsize=4096)
def text_plate(text: str, font_scale: float, ground: int) -> np.ndarray:
    """Luma u8 (h, w), both even, of a line of text: dark letters on a light ground, light ones on a dark ground."""
    (width, height), below = cv2.getTextSize(text, FONT, font_scale, 1)
    margin = max(2, round(height / 4))
    plate = np.full((_even(height + below + margin), _even(width + 2 * margin)), ground, np.uint8)
    ink = BLACK.y if ground > 125 else WHITE.y
    cv2.putText(plate, text, (margin, height + margin // 2), FONT, font_scale, ink, 1, cv2.LINE_AA)
    plate.flags.writeable = False
    return plate


@lru_cache(maxsize=256)
def text_table(rows: tuple[tuple[str, ...], ...], font_scale: float) -> np.ndarray:
    """Luma u8 (h, w), both even, of rows of cells on black: the first column to the left, the others to the right."""
    cells = [[text_plate(cell, font_scale, 0) for cell in row] for row in rows]
    widths = [max(column) for column in zip(*([cell.shape[1] for cell in row] for row in cells), strict=True)]
    line = max(cell.shape[0] for row in cells for cell in row)
    gap = line // 4 * 2
    table = np.zeros((line * len(rows) + 4, _even(sum(widths) + gap * (len(widths) - 1) + 4)), np.uint8)
    for i, row in enumerate(cells):
        right = 2
        for j, cell in enumerate(row):
            right += widths[j] + (gap if j else 0)
            left = 2 if j == 0 else right - cell.shape[1]
            table[2 + i * line : 2 + i * line + cell.shape[0], left : left + cell.shape[1]] = cell
    table.flags.writeable = False
    return table


def _even(value: int) -> int:
    return value + value % 2
