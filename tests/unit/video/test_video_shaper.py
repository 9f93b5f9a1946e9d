"""The two shapes of a picture, from every kind of input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.geometry import Letterbox
from stream.video import Shaper, VideoReader, shapes, shrunk, yuv_planes
from tests.build import Encoding, make_clip, make_picture

RED, GREEN, BLUE, GREY = (0, 0, 200), (0, 200, 0), (200, 0, 0), (200, 200, 200)
QUARTERS = [RED, GREEN, BLUE, GREY]  # of make_picture: upper row, lower row


def shape_first(clip: Path, letterbox: Letterbox | None = None) -> tuple[np.ndarray, np.ndarray | None, Shaper]:
    """yuv and tensor of the last picture of a clip; the buffers are full of rubbish before."""
    with VideoReader(str(clip)) as reader:
        shaper = Shaper(reader.info, letterbox, wants_yuv=True)
        buffers = {k: np.full(v, 77, np.uint8) for k, v in shapes(reader.info, letterbox, wants_yuv=True).items()}
        for picture, _ in reader:
            shaper.shape(picture, buffers["yuv"], buffers.get("tensor"))
    return buffers["yuv"], buffers.get("tensor"), shaper


def quarters(bgr: np.ndarray, y_share: float = 0.3) -> list[list[float]]:
    """The mean colour around four points of the picture, upper row first, left before right."""
    height, width = bgr.shape[:2]
    spots = [(y, x) for y in (y_share, 1 - y_share) for x in (0.25, 0.75)]
    corners = [(int(y * height), int(x * width)) for y, x in spots]
    return [bgr[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0).tolist() for y, x in corners]


def to_bgr(yuv: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420)


FFV1 = {"codec": "ffv1", "options": {}}
INPUTS = {
    "plain": Encoding(),
    "full range": Encoding(pixel_format="yuvj420p", full_range=True),
    "10 bit": Encoding(pixel_format="yuv420p10le"),
    "4:2:2": Encoding(pixel_format="yuv422p"),
    "4:2:2 10 bit": Encoding(pixel_format="yuv422p10le"),
    "4:4:4": Encoding(pixel_format="yuv444p"),
    "4:1:1": Encoding(pixel_format="yuv411p", **FFV1),
    "rgb": Encoding(pixel_format="bgr0", full_range=True, **FFV1),
    "motion jpeg 4:2:2": Encoding(codec="mjpeg", pixel_format="yuvj422p", full_range=True, options={"qmin": "1"}),
}


@pytest.mark.parametrize("size", [(128, 96), (127, 95), (130, 97)], ids=["even", "odd", "odd height"])
@pytest.mark.parametrize("name", INPUTS)
def test_colours_are_right_when_the_input_is(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    encoding = INPUTS[name]
    if size != (128, 96) and encoding.codec == "libx264":
        # x264 takes no odd sizes; FFV1 says full range by a tag only, not by a name.
        encoding = replace(encoding, pixel_format=encoding.pixel_format.replace("yuvj", "yuv"), **FFV1)
    clip = make_clip(tmp_path / "a.mkv", [make_picture(*size)] * 2, encoding=encoding)
    letterbox = Letterbox((0, 0, size[0] // 2 * 2, size[1] // 2 * 2), (64, 96))
    yuv, tensor, shaper = shape_first(clip, letterbox)
    assert yuv.shape == (size[1] // 2 * 3, size[0] // 2 * 2)
    assert tensor is not None and tensor.shape == (64, 96, 3)
    height, width = letterbox.content_hw
    for bgr in (to_bgr(yuv), tensor[:height, :width]):
        np.testing.assert_allclose(quarters(bgr), QUARTERS, atol=14)
    assert not shaper.notes


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_colours_are_right_when_the_matrix_is_bt709(tmp_path: Path, pixel_format: str) -> None:
    encoding = Encoding(pixel_format=pixel_format, matrix="ITU709")
    clip = make_clip(tmp_path / "a.mkv", [make_picture(128, 96)] * 2, encoding=encoding)
    _, tensor, _ = shape_first(clip, Letterbox((0, 0, 128, 96), (48, 64)))
    assert tensor is not None
    np.testing.assert_allclose(quarters(tensor), QUARTERS, atol=8)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
def test_grey_input_stays_as_bright_when_shaped(tmp_path: Path, pixel_format: str, full_range: bool) -> None:
    picture = np.full((64, 64, 3), 40, np.uint8)
    picture[:, 32:] = 210
    if not full_range:  # FFmpeg's conversion to grey is full range whatever is asked for
        picture = (16 + picture * (219 / 255)).astype(np.uint8)
    encoding = Encoding(pixel_format=pixel_format, full_range=full_range)
    clip = make_clip(tmp_path / "a.mkv", [picture] * 2, encoding=encoding)
    yuv, tensor, _ = shape_first(clip, Letterbox((0, 0, 64, 64), (32, 32)))
    assert tensor is not None
    for bgr in (to_bgr(yuv), tensor):
        np.testing.assert_allclose(quarters(bgr), [(40,) * 3, (210,) * 3] * 2, atol=8)
    _, u, v = yuv_planes(yuv)
    assert np.abs(np.stack([u, v]).astype(int) - 128).max() <= 1


@pytest.mark.parametrize(
    ("rotation_deg", "expected"),
    [(0, [RED, GREEN, BLUE, GREY]), (90, [GREEN, GREY, RED, BLUE]), (180, [GREY, BLUE, GREEN, RED]),
     (270, [BLUE, RED, GREY, GREEN])],
)  # fmt: skip
def test_pictures_are_upright_when_the_file_is_rotated(tmp_path: Path, rotation_deg: int, expected: list) -> None:
    encoding = Encoding(rotation_deg=rotation_deg)
    clip = make_clip(tmp_path / "a.mp4", [make_picture(128, 96)] * 2, encoding=encoding)
    size = (96, 128) if rotation_deg % 180 else (128, 96)
    yuv, tensor, _ = shape_first(clip, Letterbox((0, 0, *size), (size[1] // 2, size[0] // 2)))
    assert tensor is not None
    for bgr in (to_bgr(yuv), tensor):
        np.testing.assert_allclose(quarters(bgr), expected, atol=14)


def test_tensor_is_the_region_and_padding_when_letterboxed(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", [make_picture(128, 96)] * 2)
    letterbox = Letterbox((64, 0, 128, 48), (32, 64))  # the green quarter; content 32 x 43
    _, tensor, _ = shape_first(clip, letterbox)
    assert tensor is not None and letterbox.content_hw == (32, 43)
    np.testing.assert_allclose(tensor[4:20, 6:40].reshape(-1, 3).mean(axis=0), GREEN, atol=8)
    assert (tensor[:, 43:] == 114).all()


def test_tensor_is_close_to_opencv_when_shrunk(tmp_path: Path) -> None:
    """Against INTER_AREA on the full RGB picture: small detail is averaged, not skipped."""
    detail = np.random.default_rng(0).integers(0, 255, (54, 96, 1), dtype=np.uint8)
    picture = cv2.GaussianBlur(cv2.resize(detail, (640, 360), interpolation=cv2.INTER_NEAREST), (0, 0), 1.2)
    clip = make_clip(tmp_path / "a.mkv", [np.repeat(picture[..., None], 3, axis=2)] * 2)
    yuv, tensor, _ = shape_first(clip, Letterbox((0, 0, 640, 360), (256, 416)))
    expected = cv2.resize(to_bgr(yuv), (416, 234), interpolation=cv2.INTER_AREA)
    assert tensor is not None
    error = np.abs(tensor[:234].astype(int) - expected)
    assert error.mean() < 2.5


def test_a_part_lies_where_it_did_when_it_is_cut_from_the_tensor(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", [make_picture(128, 96)] * 2)
    whole = Letterbox((0, 0, 128, 96), (96, 128))
    _, tensor, _ = shape_first(clip, whole)
    assert tensor is not None
    part = Letterbox((64, 32, 128, 64), (32, 64))
    assert (shrunk(tensor, whole, part) == tensor[32:64, 64:128]).all()
    assert shrunk(tensor, whole, part.smaller(0.5)).shape == (32, 32, 3)
    place = part.to_picture(np.array([[0, 0, 64, 32]], np.float32))
    assert place.tolist() == [[64, 32, 128, 64]]


def test_pictures_are_scaled_to_the_first_size_when_the_resolution_changes(tmp_path: Path) -> None:
    first = make_clip(tmp_path / "a.h264", [make_picture(128, 96)] * 3)
    second = make_clip(tmp_path / "b.h264", [make_picture(256, 192)] * 3)
    first.write_bytes(first.read_bytes() + second.read_bytes())
    yuv, _, shaper = shape_first(first)
    np.testing.assert_allclose(quarters(to_bgr(yuv)), QUARTERS, atol=14)
    assert shaper.notes == ["the picture size changed from 128x96 to 256x192: pictures are scaled to 128x96"]


def test_only_what_is_wanted_is_written_when_shaping(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", [make_picture(64, 48)] * 2)
    with VideoReader(str(clip)) as reader:
        assert shapes(reader.info, None, wants_yuv=False) == {}
        yuv = np.full((72, 64), 7, np.uint8)
        for picture, _ in reader:
            Shaper(reader.info, None, wants_yuv=False).shape(picture, yuv, None)
    assert (yuv == 7).all()


@pytest.mark.parametrize("yuv", [np.zeros((72, 63), np.uint8), np.zeros((70, 64), np.uint8), np.zeros((72, 64))])
def test_planes_are_refused_when_the_buffer_is_no_even_picture(yuv: np.ndarray) -> None:
    with pytest.raises(ValueError, match="yuv: expected"):
        yuv_planes(yuv)
