"""What moves before a camera that stands still: the parts of its pictures that differ from the empty scene.

The empty scene is the median of many pictures of about a minute, so that the light may change over a clip. A detector
that has never seen a road from so steep, or so badly lit, misses vehicles; their movement shows all the same. It says
where something is, not what: see label.py for how the two come together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.scoring.pictures import read_picture
from stream.geometry import area, intersection

WIDTH = 320  # px: pictures are compared at this width
CHUNK = 300  # pictures that share an empty scene
SAMPLES = 41  # pictures that a median is taken of
FEWEST = 12  # pictures: with fewer, a median still holds vehicles
CONTRAST = 16.0  # grey levels, and at least
SIGMAS = 6.0  # of the noise, that a pixel differs by
LEAST_AREA = 0.0005  # of the picture: smaller is noise
MOST_AREA = 0.12  # of the picture, by its box: larger is light on a wet road, or several vehicles in one
SHAKEN = 0.25  # of the picture differs in the usual picture: the camera itself moves
EXPLAINED = 0.35  # of a moving part lies in known boxes: they are what moved, the rest is their shadow


def movement(paths: Sequence[Path]) -> list[np.ndarray]:
    """The moving parts of successive pictures of one clip, each xyxy f32 (N, 4) in pixels of the picture.

    Nothing moves where the clip is too short to tell, or the camera is not still.
    """
    parts: list[np.ndarray] = []
    for rows in np.array_split(np.arange(len(paths)), max(1, round(len(paths) / CHUNK))):
        parts += _of_chunk([paths[row] for row in rows])
    return parts


def unexplained(parts_xyxy: np.ndarray, boxes_xyxy: np.ndarray) -> np.ndarray:
    """The moving parts (N, 4) that boxes (M, 4) do not account for."""
    covered = intersection(parts_xyxy, boxes_xyxy).sum(1) / np.maximum(area(parts_xyxy), 1e-6)
    return parts_xyxy[covered < EXPLAINED]


def _of_chunk(paths: list[Path]) -> list[np.ndarray]:
    none = np.zeros((0, 4), np.float32)
    if len(paths) < FEWEST:
        return [none] * len(paths)
    scale, small = _shrunk(paths)
    rows = np.linspace(0, len(small) - 1, min(SAMPLES, len(small))).round().astype(int)
    empty = np.median(small[rows], axis=0).astype(np.float32)
    masks = [_differs(picture, empty) for picture in small]
    if np.median([mask.mean() for mask in masks]) > SHAKEN:
        return [none] * len(paths)
    return [_boxes(mask) / np.float32(scale) for mask in masks]


def _shrunk(paths: list[Path]) -> tuple[float, np.ndarray]:
    """(stored pixels per original pixel, u8 (N, h, w, 3) blurred a little against noise)."""
    pictures, scale = [], 1.0
    for path in paths:
        pixels = read_picture(path)
        scale = min(1.0, WIDTH / pixels.shape[1])
        if scale < 1:
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        pictures.append(cv2.GaussianBlur(pixels, (3, 3), 0))
    return scale, np.stack(pictures)


def _differs(picture: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """bool (h, w): further from the empty scene than noise, once a change of all light is taken out."""
    apart = picture.astype(np.float32) - empty
    apart -= np.median(apart, axis=(0, 1))
    most = np.abs(apart).max(2)
    mask = (most > max(CONTRAST, SIGMAS * 1.4826 * float(np.median(most)))).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)).astype(bool)


def _boxes(mask: np.ndarray) -> np.ndarray:
    """xyxy f32 (N, 4) of the connected parts that may be road users."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    x, y, width, height, pixels = stats[1:].T  # row 0 is what does not move
    boxes = np.stack((x, y, x + width, y + height), 1).astype(np.float32)
    return boxes[(pixels >= LEAST_AREA * mask.size) & (width * height <= MOST_AREA * mask.size)]
