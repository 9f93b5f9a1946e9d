"""From the decoder's picture to the two shapes that the stages read, straight into their buffers."""

from __future__ import annotations

import av.video.reformatter as swscale
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

from stream.geometry import PADDING, Letterbox
from stream.video.planes import yuv_planes
from stream.video.source import VideoInfo

LIMITED, FULL = swscale.ColorRange.MPEG, swscale.ColorRange.JPEG
MATRIX = {
    "bt601": swscale.Colorspace.ITU601,
    "bt709": swscale.Colorspace.ITU709,
    "bt2020": swscale.Colorspace.BT2020,
}

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def shapes(info: VideoInfo, letterbox: Letterbox | None, wants_yuv: bool) -> dict[str, tuple[int, ...]]:
    """The shapes of the uint8 buffers that Shaper.shape fills: "yuv" (H*3/2, W) at even size, "tensor" (h, w, 3)."""
    wanted: dict[str, tuple[int, ...]] = {}
    if wants_yuv:
        wanted["yuv"] = (info.height // 2 * 3, info.width // 2 * 2)
    if letterbox is not None:
        wanted["tensor"] = (*letterbox.input_hw, 3)
    return wanted


def shrunk(tensor: np.ndarray, large: Letterbox, small: Letterbox) -> np.ndarray:
    """A network input u8 (h, w, 3) of one letterbox, for a smaller one of the same region or of a part of it."""
    if small == large:
        return tensor
    top, left, height, width = large.place_of(small.crop_xyxy)
    rows, columns = small.content_hw
    seen = tensor[top : top + height, left : left + width]
    out = np.full((*small.input_hw, 3), PADDING, np.uint8)
    if abs(height - rows) > 1 or abs(width - columns) > 1:  # else the same pixels do: they lie where they did
        seen = cv2.resize(seen, (columns, rows), interpolation=cv2.INTER_AREA)
    height, width = min(len(seen), rows), min(seen.shape[1], columns)
    out[:height, :width] = seen[:height, :width]
    return out


class Shaper:
    """Shapes the pictures of one source. Its state: the swscale contexts, and what was odd about the pictures.

    yuv: planes of 4:2:0, 8 bit, limited range, upright, at even size (an odd last row or column is dropped).
    tensor: BGR, the letterbox's region scaled by area averaging to the top left, padding value 114.
    A plain yuv420p picture is copied and scaled as it is. Any other (10 bit, 4:2:2, grey, full range, another size
    than announced, turned) is first brought to upright 4:2:0 of the announced size.
    """

    def __init__(self, info: VideoInfo, letterbox: Letterbox | None, wants_yuv: bool) -> None:
        self.notes: list[str] = []  # one line each, as of VideoReader.notes
        self._letterbox = letterbox
        self._wants_yuv = wants_yuv
        self._turns = info.rotation_deg // 90
        self._stored_wh = (info.height, info.width) if self._turns % 2 else (info.width, info.height)
        self._matrix = MATRIX[info.matrix]
        self._normalise = swscale.VideoReformatter()
        self._scale = swscale.VideoReformatter()

    def shape(self, frame: VideoFrame, yuv_out: np.ndarray | None, tensor_out: np.ndarray | None) -> None:
        """Fill the buffers of `shapes`; one that is None, or was not asked for at construction, is left alone."""
        self.fill(self.upright(frame), yuv_out, tensor_out)

    def fill(self, planes: Planes, yuv_out: np.ndarray | None, tensor_out: np.ndarray | None) -> None:
        """The same for the planes of a picture, as `upright` gives them."""
        if yuv_out is not None and self._wants_yuv:
            for plane, out in zip(planes, yuv_planes(yuv_out), strict=True):
                out[:] = plane
        if tensor_out is not None and self._letterbox is not None:
            self._fill_tensor(planes, tensor_out, self._letterbox)

    def upright(self, frame: VideoFrame) -> Planes:
        """Views of Y, U, V at even size; they hold the frame's memory as long as they live."""
        if not self._is_plain(frame):
            frame = self._to_plain(frame)
        width, height = (n // 2 * 2 for n in self._stored_wh)
        y, u, v = (_rows(plane) for plane in frame.planes)
        half = np.s_[: height // 2, : width // 2]
        planes = y[:height, :width], u[half], v[half]
        if self._turns:
            y, u, v = (np.ascontiguousarray(np.rot90(plane, self._turns)) for plane in planes)
            return y, u, v
        return planes

    def _is_plain(self, frame: VideoFrame) -> bool:
        return (
            frame.format.name == "yuv420p"
            and (frame.width, frame.height) == self._stored_wh
            and frame.color_range != FULL
            and frame.planes[0].line_size > 0
        )

    def _to_plain(self, frame: VideoFrame) -> VideoFrame:
        if (frame.width, frame.height) != self._stored_wh and not self.notes:
            was, now = f"{self._stored_wh[0]}x{self._stored_wh[1]}", f"{frame.width}x{frame.height}"
            self.notes.append(f"the picture size changed from {was} to {now}: pictures are scaled to {was}")
        full = frame.format.name.startswith("yuvj") or frame.color_range == FULL
        return self._normalise.reformat(
            frame,
            *self._stored_wh,
            "yuv420p",
            src_colorspace=self._matrix,
            dst_colorspace=self._matrix,
            src_color_range=FULL if full else LIMITED,
            dst_color_range=LIMITED,
            interpolation=swscale.Interpolation.AREA,
            threads=1,
        )

    def _fill_tensor(self, planes: Planes, tensor_out: np.ndarray, letterbox: Letterbox) -> None:
        x1, y1, x2, y2 = letterbox.crop_xyxy
        half = np.s_[y1 // 2 : y2 // 2, x1 // 2 : x2 // 2]
        # Slices of the planes, not copies: cropping costs nothing, and one swscale call converts and scales.
        region = VideoFrame.from_dlpack((planes[0][y1:y2, x1:x2], planes[1][half], planes[2][half]), format="yuv420p")
        height, width = letterbox.content_hw
        scaled = self._scale.reformat(
            region,
            width,
            height,
            "bgr24",
            src_colorspace=self._matrix,
            src_color_range=LIMITED,
            interpolation=swscale.Interpolation.AREA,
            threads=1,
        )
        tensor_out[:height, :width] = _rows(scaled.planes[0])[:, : width * 3].reshape(height, width, 3)
        tensor_out[height:] = PADDING
        tensor_out[:height, width:] = PADDING


def _rows(plane: VideoPlane) -> np.ndarray:
    """A view u8 (height, line size): rows may end in bytes that are no picture."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
