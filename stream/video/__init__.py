"""Reading video: what a source holds, its pictures with repaired time stamps, and their shapes for the stages."""

from stream.video.connection import Patience
from stream.video.feed import DayTime, Feed, FileFeed, Outage, Picture
from stream.video.follow import FollowFeed
from stream.video.hardware import Decoder, Hardware, choose_hardware
from stream.video.live import LiveFeed
from stream.video.live_probe import probe_live
from stream.video.planes import yuv_planes
from stream.video.reader import VideoReader
from stream.video.reading import Reading
from stream.video.shaper import Shaper, shapes, shrunk
from stream.video.source import VideoInfo, probe

__all__ = [
    "DayTime",
    "Decoder",
    "Feed",
    "FileFeed",
    "FollowFeed",
    "Hardware",
    "LiveFeed",
    "Outage",
    "Patience",
    "Picture",
    "Reading",
    "Shaper",
    "VideoInfo",
    "VideoReader",
    "choose_hardware",
    "probe",
    "probe_live",
    "shapes",
    "shrunk",
    "yuv_planes",
]
