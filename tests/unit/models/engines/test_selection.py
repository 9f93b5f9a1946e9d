"""What a graphics card finds by itself is what post-processing finds in the same rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.anchors import DEFAULT_BOXES, anchors
from models.engines.selection import READINGS, ROUNDS, Selection
from models.grids import cells
from models.postprocess import PostProcess
from stream.messages import Detections

HW = (96, 160)
SCORES = 4  # distinct ones only: in few bits many cells tie
BOX = {"yolox": 4, "nanodet": 32, "retinanet": 4, "ssd": 4}


def rows_of(family: str, seed: int) -> np.ndarray:
    """f32 (3, A, outputs) of crowded pictures, the last of them empty."""
    rng = np.random.default_rng(seed)
    count = {
        "yolox": len(cells(HW, (8, 16, 32))[0]),
        "nanodet": len(cells(HW, (8, 16, 32, 64))[0]),
        "retinanet": len(anchors(HW)),
        "ssd": len(anchors(HW, DEFAULT_BOXES)),
    }[family]
    box = rng.normal(0, 0.7, (3, count, BOX[family]))
    kinds = rng.integers(0, SCORES, (3, count, 3)) / SCORES * (rng.random((3, count, 1)) < 0.4)
    objectness = [rng.integers(2, SCORES, (3, count, 1)) / SCORES] if family == "yolox" else []
    rows = np.concatenate([box, *objectness, kinds] if family == "yolox" else [kinds, box], 2).astype(np.float32)
    rows[2] *= 0
    return rows


def found(post: PostProcess, rows: np.ndarray, input_hw: tuple[int, int]) -> list[Detections]:
    selection = Selection(post, input_hw, torch.device("cpu"))
    return [selection.read(one) for one in selection(torch.from_numpy(rows)).numpy()]


@pytest.mark.parametrize("family", READINGS)
@pytest.mark.parametrize("score", [0.2, 0.5])
def test_batch_on_the_device_equals_post_processing_when_scores_tie(family: str, score: float) -> None:
    post = PostProcess(score, 0.5, (2, -1, 0), family)  # the class in the middle is no road user
    for seed in range(10):
        rows = rows_of(family, seed)
        wanted = [post(one, HW) for one in rows]
        assert len(wanted[0]) > 3 and not len(wanted[2])
        for got, want in zip(found(post, rows, HW), wanted, strict=True):
            np.testing.assert_array_equal(got.label, want.label)
            np.testing.assert_allclose(got.score, want.score, atol=1e-6)
            np.testing.assert_allclose(got.xyxy, want.xyxy, atol=1e-3)
            assert got.xyxy.dtype == got.score.dtype == np.float32 and got.label.dtype == np.int16


@pytest.mark.parametrize("links", [2, ROUNDS - 1, ROUNDS, ROUNDS + 1, 40])
def test_every_other_box_stays_when_each_hides_the_next_in_a_long_chain(links: int) -> None:
    """A chain longer than the rounds is settled by the machine in place of the card."""
    input_hw = (32, 512)
    rows = np.zeros((2, len(cells(input_hw, (8, 16, 32))[0]), 6), np.float32)
    for k in range(links):  # 64 px wide, 8 px apart, in the top row of cells; the score falls
        rows[0, 4 + k] = (0.5, 0.5, np.log(64 / 8), 0.0, 1.0, 0.9 - 0.01 * k)
    post = PostProcess(0.1, 0.7, (2,))
    got, empty = found(post, rows, input_hw)
    want = post(rows[0], input_hw)
    np.testing.assert_allclose(got.score, want.score)
    assert len(empty) == 0 and len(want) == -(-links // 2)


def test_box_outside_of_the_picture_is_left_out() -> None:
    """It was cut to a line on the rim."""
    rows = np.zeros((1, 5, 6), np.float32)
    rows[0, 0] = (-9.0, 0.5, 0.0, 0.0, 1.0, 0.9)
    rows[0, 1] = (0.5, 0.5, 0.0, 0.0, 1.0, 0.8)
    post = PostProcess(0.1, 0.7, (2,))
    (got,), want = found(post, rows, (16, 16)), post(rows[0], (16, 16))
    np.testing.assert_allclose(got.score, [0.8])
    np.testing.assert_allclose(want.score, [0.8])
