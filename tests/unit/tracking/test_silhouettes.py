"""The masks of tracks between the pictures that are segmented, and silhouettes cut out before a still camera."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.training.silhouettes import (
    GRID,
    cut_out,
    differs,
    empty_scene,
    read_silhouettes,
    write_silhouettes,
)
from models.training.silhouettes import (
    Silhouettes as Cut,
)
from stream.drawing.canvas import Canvas, Colour
from stream.errors import ConfigError
from stream.messages import Detections, Tracks
from stream.scene import Line, Scene
from stream.tracking.silhouettes import KEEP_S, Silhouettes, is_near

BOX = (10.0, 20.0, 50.0, 60.0)


def found(*boxes: tuple[float, ...], masks: tuple[int, ...] | None = None) -> Detections:
    """Cars; masks: the value that fills the mask of each."""
    n = len(boxes)
    filled = None if masks is None else np.stack([np.full((28, 28), value, np.uint8) for value in masks])
    xyxy = np.array(boxes, np.float32).reshape(n, 4)
    return Detections(xyxy, np.full(n, 0.9, np.float32), np.full(n, 2, np.int16), filled)


def tracks(*boxes: tuple[float, ...], observed: bool = True, first_id: int = 1) -> Tracks:
    n = len(boxes)
    sure = np.ones(n, bool)
    return Tracks(
        np.arange(first_id, first_id + n), np.array(boxes, np.float32).reshape(n, 4), np.zeros((n, 2), np.float32),
        np.full(n, 2, np.int16), np.ones(n, np.float32), sure & observed, sure, np.zeros(0, np.int64),
    )  # fmt: skip


def test_tracks_stay_as_they_are_when_nothing_was_segmented() -> None:
    before = tracks(BOX)
    assert Silhouettes().follow(found(BOX), before, 0.0) is before
    assert Silhouettes().follow(None, before, 0.0) is before


def test_a_track_keeps_its_mask_when_the_next_pictures_are_not_segmented() -> None:
    shapes = Silhouettes()
    shapes.follow(found(BOX, masks=(200,)), tracks(BOX), 0.0)
    for pts_s, detections in ((0.1, found(BOX)), (0.2, None), (KEEP_S, found(BOX))):
        after = shapes.follow(detections, tracks(BOX), pts_s)
        assert after.masks is not None and (after.masks == 200).all()
    assert shapes.follow(None, tracks(BOX), KEEP_S + 0.1).masks is None


def test_each_track_gets_the_mask_of_its_own_box_when_there_are_several() -> None:
    other = (100.0, 20.0, 140.0, 60.0)
    after = Silhouettes().follow(found(other, BOX, masks=(90, 200)), tracks(BOX, other), 0.0)
    assert after.masks is not None and [int(mask.max()) for mask in after.masks] == [200, 90]


def test_a_coasting_track_takes_no_mask_when_another_is_there() -> None:
    after = Silhouettes().follow(found(BOX, masks=(200,)), tracks(BOX, observed=False), 0.0)
    assert after.masks is None


def test_a_mask_is_the_mean_when_it_flickers() -> None:
    shapes = Silhouettes()
    shapes.follow(found(BOX, masks=(200,)), tracks(BOX), 0.0)
    after = shapes.follow(found(BOX, masks=(100,)), tracks(BOX), 0.2)
    assert after.masks is not None and (after.masks == 150).all()


def test_masks_go_on_when_they_are_restored() -> None:
    shapes, again = Silhouettes(), Silhouettes()
    shapes.follow(found(BOX, masks=(200,)), tracks(BOX), 0.0)
    again.restore(shapes.state())
    expected, got = shapes.follow(None, tracks(BOX), 0.1).masks, again.follow(None, tracks(BOX), 0.1).masks
    assert expected is not None and got is not None and np.array_equal(expected, got)


def test_other_bytes_are_refused_when_restored() -> None:
    with pytest.raises((msgspec.DecodeError, ValueError)):
        Silhouettes().restore(b"nothing of ours")


@pytest.mark.parametrize(("y", "near"), [(100.0, True), (139.0, True), (150.0, False), (70.0, True), (40.0, False)])
def test_a_box_is_near_a_line_when_its_foot_is_within_its_heights(y: float, near: bool) -> None:
    scene = Scene("cam", 640, 360, (Line("A", 0, 100, 640, 100),))
    assert is_near(np.array([[300, y - 20, 340, y]], np.float32), scene, 2.0).tolist() == [near]


def test_only_the_silhouette_is_tinted_when_it_is_drawn_over_the_edge() -> None:
    yuv = np.full((96, 96), 100, np.uint8)
    canvas = Canvas(yuv)
    mask = np.zeros((28, 28), np.uint8)
    mask[:, :14] = 255  # the left half
    canvas.silhouette(np.array([60.0, 20.0, 140.0, 60.0]), mask, Colour(200, 50, 60))
    changed = canvas.y != 100
    assert changed[24:56, 62:94].all() and not changed[:18].any() and not changed[:, :58].any()
    canvas.silhouette(np.array([-40.0, 20.0, 40.0, 60.0]), mask, Colour(200, 50, 60))  # its left half is outside
    assert not (canvas.y != 100)[:, 6:58].any()
    canvas.silhouette(np.array([300.0, 300.0, 340.0, 340.0]), mask, Colour(200, 50, 60))


def road_with(box: tuple[int, int, int, int] | None, shadow: bool = False) -> np.ndarray:
    """A grained road u8 (90, 160, 3), a vehicle with its shadow at the right."""
    road = np.random.default_rng(0).normal(120, 3, (90, 160, 1)).repeat(3, 2)
    if box is not None:
        x1, y1, x2, y2 = box
        if shadow:
            road[y1:y2, x2 : x2 + 12] *= 0.7
        road[y1:y2, x1:x2] = (40, 60, 200)
    return road.clip(0, 255).astype(np.uint8)


def test_a_vehicle_is_cut_out_without_its_shadow_when_the_empty_road_is_known() -> None:
    scene = empty_scene([road_with(None)] * 3)
    mask = differs(road_with((40, 30, 70, 60), shadow=True), scene)
    assert mask[32:58, 42:68].all() and mask[:, 74:].mean() < 0.02
    rows, masks, known = cut_out(mask, np.array([[36, 26, 74, 64], [100, 20, 130, 60]], np.float32))
    assert rows.tolist() == [0] and known.all()  # nothing moved in the second box
    assert masks[0, 10:46, 10:46].min() > 200 and masks[0, :3].max() < 60


def test_no_silhouette_is_cut_out_when_most_of_the_box_is_a_neighbours() -> None:
    mask = differs(road_with((40, 30, 70, 60)), empty_scene([road_with(None)] * 3))
    rows, masks, _ = cut_out(mask, np.array([[36, 26, 74, 64], [36, 20, 74, 60]], np.float32))
    assert len(rows) == 0 and masks.shape == (0, GRID, GRID)


def test_silhouettes_come_back_when_they_were_written(tmp_path: Path) -> None:
    one = Cut(
        np.array(["a.jpg"]), np.array([BOX], np.float32), np.full((1, GRID, GRID), 7, np.uint8),
        np.ones((1, GRID, GRID), bool), np.array([False]),
    )  # fmt: skip
    write_silhouettes(tmp_path / "s.npz", one)
    assert all(np.array_equal(a, b) for a, b in zip(read_silhouettes(tmp_path / "s.npz"), one, strict=True))
    (tmp_path / "s.npz").write_bytes(b"PK no silhouettes")
    with pytest.raises(ConfigError, match="cannot be read as silhouettes"):
        read_silhouettes(tmp_path / "s.npz")
