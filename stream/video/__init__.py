"""Reading video: what a source holds, its pictures with repaired time stamps, and their shapes for the stages."""

from stream.video.planes import yuv_planes
from stream.video.reader import VideoReader
from stream.video.shaper import Shaper, shapes
from stream.video.source import VideoInfo, probe

__all__ = ["Shaper", "VideoInfo", "VideoReader", "probe", "shapes", "yuv_planes"]
