"""A camera that trembles: how far each picture is off, and what that does to counts."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from stream.counting import Counter
from stream.messages import LABELS, Crossing, Detections, Frame
from stream.scene import Line, Scene
from stream.settings import CountingSettings, TrackerSettings
from stream.sight.sway import Sway
from stream.tracking.tracker import Tracker

WIDTH, HEIGHT, FRAMES = 640, 360, 60
SCENE = Scene("mast", WIDTH, HEIGHT, (Line("A", 320, 20, 320, 340),))


def shake(k: int) -> tuple[float, float]:
    """Where the picture is at frame k, px: two sways a second."""
    return 24 * math.sin(0.5 * k), 4 * math.sin(0.33 * k)


def boxes(k: int) -> np.ndarray:
    """A car that waits at the line, and one that drives over it, as a steady camera sees them: xyxy f32 (2, 4)."""
    x = 40.0 + 7 * k
    return np.array([[309, 100, 331, 114], [x, 200, x + 44, 228]], np.float32)


def picture(k: int) -> np.ndarray:
    """Luma u8 (HEIGHT, WIDTH) of the place and its cars, shifted."""
    place = np.kron(np.random.default_rng(0).uniform(20, 200, (HEIGHT // 20, WIDTH // 20)), np.ones((20, 20)))
    for x1, y1, x2, y2 in boxes(k).astype(int):
        place[y1:y2, x1:x2] = 230
    x, y = shake(k)
    there = cv2.warpAffine(place, np.array([[1.0, 0, x], [0, 1, y]]), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    return np.clip(there, 0, 255).astype(np.uint8)


def count(sway: Sway | None) -> tuple[list[Crossing], int]:
    """Crossings, and how many confirmed tracks there were."""
    tracker, counter = Tracker(TrackerSettings()), Counter(SCENE, CountingSettings())
    found, ids = [], set()
    for k in range(FRAMES):
        x, y = shake(k)
        off_x, off_y = sway.look(picture(k)) if sway is not None else (0.0, 0.0)
        label = np.full(2, LABELS.index("car"), np.int16)
        seen = Detections(boxes(k) + np.array([x, y, x, y], np.float32), np.full(2, 0.9, np.float32), label)
        tracks = tracker.update(seen.moved((-off_x, -off_y)), k / 25)
        ids |= set(tracks.track_id[tracks.confirmed].tolist())
        found += counter.update(Frame("mast", 0, k, k / 25, 0, WIDTH, HEIGHT), tracks)
    return [*found, *counter.finish()], len(ids)


def test_tracks_hold_and_a_car_that_waits_at_the_line_is_not_counted_when_the_camera_sways() -> None:
    shaken, broken = count(None)
    steady, tracks = count(Sway((WIDTH, HEIGHT)))
    assert (len(steady), tracks) == (1, 2)
    assert len(shaken) > 1
    assert broken > 2


def test_shift_is_found_to_a_fraction_of_a_pixel() -> None:
    sway = Sway((WIDTH, HEIGHT))
    found = np.array([sway.look(picture(k)) for k in range(30)])
    assert np.abs(found - [shake(k) for k in range(30)]).max() < 0.5


@pytest.mark.parametrize("value", [0, 255])
def test_nothing_is_found_in_a_picture_without_detail(value: int) -> None:
    sway = Sway((WIDTH, HEIGHT))
    assert [sway.look(np.full((HEIGHT, WIDTH), value, np.uint8)) for _ in range(3)] == [(0.0, 0.0)] * 3


def test_view_is_learned_anew_after_a_cut() -> None:
    sway = Sway((WIDTH, HEIGHT))
    sway.look(picture(0))
    assert sway.look(np.roll(picture(0), 60, axis=1)) == (0.0, 0.0)  # too far for a sway
    sway.restart()
    assert sway.look(picture(3)) == (0.0, 0.0)


def test_state_goes_on_where_it_was_saved() -> None:
    one, two = Sway((WIDTH, HEIGHT)), Sway((WIDTH, HEIGHT))
    for k in range(3):
        one.look(picture(k))
    two.restore(one.state())
    assert one.look(picture(3)) == two.look(picture(3))
