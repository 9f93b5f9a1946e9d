"""The audit strip shows every picture under the line at its time and place, and every crossing on it."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stream.sinks.strips
from stream.drawing.colours import CLASS_RGB
from stream.drawing.strips import COLUMNS_A_S, GUTTER_PX, HEAD_PX, Slit, pixels_under, place_of, strip_name
from stream.errors import OutputError
from stream.messages import Counted, Crossing, EndOfStream
from stream.scene import Line, Scene
from stream.sinks.strips import AuditStrips
from tests.build import make_counted, make_yuv

LINE = Line("A", 100, 0, 100, 80)
SCENE = Scene("cam", 160, 80, (LINE,))
HATCH = {50, 90}


def crossing(pts_s: float, y: float = 40.0, label: str = "car", direction: str = "in") -> Crossing:
    return msgspec.convert(
        {"camera": "cam", "line": "A", "direction": direction, "track_id": 7, "label": label, "seq": 1,
         "pts_s": pts_s, "x": 100.0, "y": y},
        Crossing,
    )  # fmt: skip


def picture_with_blob(top: int | None) -> np.ndarray:
    yuv = make_yuv(160, 80, luma=90)
    if top is not None:
        yuv[top : top + 10, 90:110] = 235
    return yuv


def rows_of(sheet: np.ndarray) -> np.ndarray:
    return sheet[HEAD_PX : HEAD_PX + 80, GUTTER_PX:]


def test_a_blob_lies_at_its_time_and_place_when_something_passed() -> None:
    slit = Slit(LINE, SCENE, 0.0)
    for k in range(50):
        slit.add(picture_with_blob(20 if 10 <= k < 20 else None), k / 25)
    bright = rows_of(slit.picture())[..., 0] > 200
    assert bright[20:30, 10:20].all()
    assert not bright[:19].any() and not bright[31:].any() and not bright[:, 21:].any()


@pytest.mark.parametrize(("fps", "unseen"), [(10.0, 0), (60.0, 0), (1.0, 24)])
def test_columns_are_hatched_only_when_no_picture_came(fps: float, unseen: int) -> None:
    slit = Slit(LINE, SCENE, 0.0)
    for k in range(int(2 * fps)):
        slit.add(picture_with_blob(None), k / fps)
    rows = rows_of(slit.picture())[:, : int((2 - 1 / fps) * COLUMNS_A_S)]
    hatched = [x for x in range(rows.shape[1]) if set(np.unique(rows[:, x])) == HATCH]
    assert len(hatched) == unseen


@pytest.mark.parametrize(("label", "rgb"), [("car", CLASS_RGB[2]), ("truck", CLASS_RGB[5])])
def test_a_crossing_is_marked_in_its_colour_when_it_was_counted(label: str, rgb: tuple[int, int, int]) -> None:
    slit = Slit(LINE, SCENE, 0.0)
    for k in range(50):
        slit.add(picture_with_blob(None), k / 25)
    slit.mark(crossing(1.0, 40.0, label))
    sheet = slit.picture()
    x, y = place_of(crossing(1.0, 40.0), LINE, 0.0, 80)
    assert (x, y) == (GUTTER_PX + 25, HEAD_PX + 40)
    assert tuple(sheet[y, x][::-1]) == rgb


@given(
    ends=st.tuples(*[st.floats(0, 1)] * 4).filter(lambda e: abs(e[0] - e[2]) + abs(e[1] - e[3]) > 0.1),
    width=st.integers(8, 400).map(lambda n: 2 * n),
    height=st.integers(8, 300).map(lambda n: 2 * n),
)
def test_every_sample_lies_in_its_plane_when_a_line_is_drawn(
    ends: tuple[float, float, float, float], width: int, height: int
) -> None:
    under = pixels_under(Line("A", *(e * s for e, s in zip(ends, (width, height) * 2, strict=True))), width, height)
    points, luma = len(under) // 2, width * height
    assert points % 4 == 0
    assert under[:points].max() < luma <= under[points:].min()
    assert under[points : points * 3 // 2].max() < luma * 5 // 4 <= under[points * 3 // 2 :].min()
    assert under.max() < luma * 3 // 2


def came(path: Path) -> bool:
    """Whether a file that another thread writes is there in the end."""
    until_s = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until_s:
        time.sleep(0.005)
    return path.exists()


def test_the_disk_is_named_when_a_strip_cannot_be_saved(tmp_path: Path) -> None:
    sink = AuditStrips(tmp_path / "strips", SCENE)
    sink.write(counted(1.0))
    (tmp_path / "strips").rmdir()
    with pytest.raises(OutputError, match="cannot be written"):
        sink.close()


def counted(pts_s: float, *crossings: Crossing) -> Counted:
    return msgspec.structs.replace(make_counted(0, pts_s, picture_with_blob(None)), crossings=crossings)


def test_a_late_crossing_lies_on_its_own_strip_when_the_quarter_hour_is_over(tmp_path: Path) -> None:
    sink = AuditStrips(tmp_path / "strips", SCENE)
    sink.write(counted(890.0))
    sink.write(counted(901.0, crossing(899.0)))
    sink.write(counted(911.0))
    sink.flush()
    first, second = (tmp_path / "strips" / strip_name(0, "A", start_s) for start_s in (0.0, 900.0))
    assert came(first) and not second.exists()
    x, y = place_of(crossing(899.0), LINE, 0.0, 80)
    assert tuple(cv2.imread(str(first))[y, x][::-1]) == CLASS_RGB[2]
    sink.end(EndOfStream("cam", 0, 3, {}, crossings=(crossing(911.0),)))
    sink.close()
    x, y = place_of(crossing(911.0), LINE, 900.0, 80)
    assert tuple(cv2.imread(str(second))[y, x][::-1]) == CLASS_RGB[2]


def test_a_strip_is_on_the_disk_when_the_recorder_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.sinks.strips, "SAVE_S", 0.0)
    sink = AuditStrips(tmp_path / "strips", SCENE)
    sink.write(counted(1.0))
    sink.flush()
    assert came(tmp_path / "strips" / "1_A_00000min.png")
    sink.close()


def test_files_have_plain_names_when_lines_have_not() -> None:
    assert strip_name(1, "../north & south", 1800.0) == "2_-north-south_00030min.png"
