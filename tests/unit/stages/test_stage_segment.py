"""Which detections get a silhouette, and what goes on without one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from models.contract import SegmenterSpec
from stream.errors import StageError
from stream.geometry import Letterbox
from stream.messages import Checkpoint, Detected, Detections, Frame, Gap, Message, Restore
from stream.metrics import Metrics
from stream.plan.topology import MaskPlan
from stream.scene import Line, Scene
from stream.stages.segment import Segment

SPEC = SegmenterSpec("tests.blobs:BlobSegmenter", ((64, 64),))
LETTERBOX = Letterbox((0, 0, 128, 128), (64, 64))  # two picture pixels are one of the network
NEAR, FAR, TINY = (20.0, 70.0, 60.0, 110.0), (60.0, 4.0, 100.0, 34.0), (4.0, 100.0, 14.0, 110.0)


def stage_of(every: int = 1, near: float = 0.0, most: int = 64, detect_every: int = 1) -> Segment:
    scene = Scene("cam", 128, 128, (Line("A", 0, 100, 128, 100),))
    camera = SimpleNamespace(name="cam", scene=scene, letterbox=LETTERBOX, every=detect_every)
    work = SimpleNamespace(masks=MaskPlan(SPEC, every, near, most), cameras=[camera])
    return Segment(work, Metrics())  # type: ignore[arg-type]


def detected(seq: int = 0, *boxes: tuple[float, ...], tensor: bool = True) -> Detected:
    """Cars in a picture that is dark everywhere."""
    n = len(boxes)
    found = Detections(np.array(boxes, np.float32).reshape(n, 4), np.full(n, 0.9, np.float32), np.full(n, 2, np.int16))
    dark = np.zeros((64, 64, 3), np.uint8) if tensor else None
    return Detected(Frame("cam", 0, seq, seq / 25, 0, 128, 128), found, None, dark)


def through(stage: Segment, message: Message) -> Any:
    (out,) = stage.process(message)
    return out


def masked(stage: Segment, *boxes: tuple[float, ...], seq: int = 0) -> list[bool] | None:
    """Whether each box got a mask; None: the picture was not segmented."""
    masks = through(stage, detected(seq, *boxes)).detections.masks
    return None if masks is None else masks.any((1, 2)).tolist()


def test_each_box_has_a_mask_when_the_picture_is_due() -> None:
    assert masked(stage_of(), NEAR, FAR) == [True, True]


def test_tiny_boxes_have_none_when_others_have_one() -> None:
    assert masked(stage_of(), TINY, NEAR) == [False, True]


def test_the_largest_have_one_when_there_are_too_many() -> None:
    assert masked(stage_of(most=1), FAR, NEAR) == [False, True]


def test_only_what_is_near_a_line_has_one_when_asked_so() -> None:
    assert masked(stage_of(near=1.0), FAR, NEAR) == [False, True]


def test_every_third_look_is_segmented_when_asked_so() -> None:
    stage = stage_of(every=3)
    assert [masked(stage, NEAR, seq=seq) is not None for seq in range(7)] == [True, False, False] * 2 + [True]


def test_looks_are_counted_and_not_pictures_when_every_second_is_detected() -> None:
    stage = stage_of(every=2, detect_every=2)
    assert [masked(stage, NEAR, seq=seq) is not None for seq in (0, 2, 4, 6)] == [True, False, True, False]


@pytest.mark.parametrize("boxes", [(), (NEAR,)])
def test_the_tensor_goes_no_further_when_a_picture_passes(boxes: tuple[tuple[float, ...], ...]) -> None:
    out = through(stage_of(), detected(0, *boxes))
    assert out.tensor is None and len(out.detections) == len(boxes)


def test_a_picture_that_was_not_looked_at_passes_when_it_comes() -> None:
    unseen = msgspec.structs.replace(detected(), detections=None)
    assert through(stage_of(), unseen).detections is None


def test_a_lost_picture_is_an_error_when_it_should_be_segmented() -> None:
    with pytest.raises(StageError, match="expected the picture beside the detections"):
        through(stage_of(), detected(0, NEAR, tensor=False))


def test_lines_are_where_the_camera_sees_them_when_it_was_moved_and_after_a_crash() -> None:
    up = (1.0, 0.0, 0.0, 0.0, 1.0, -80.0, 0.0, 0.0, 1.0)  # what was at 100 is at 20 now
    stage = stage_of(near=1.0)
    through(stage, Gap("cam", 0, 1.0, 2.0, None, None, "moved", view=up))
    assert masked(stage, FAR, NEAR) == [True, False]
    checkpoint = through(stage, Checkpoint("cam", 0, 5, {"decode": b"x"}))
    assert checkpoint.states["decode"] == b"x"
    again = stage_of(near=1.0)
    through(again, Restore("cam", 1, checkpoint.states))
    assert masked(again, FAR, NEAR) == [True, False]
    through(again, Restore("cam", 2))
    assert masked(again, FAR, NEAR) == [False, True]
