"""Reading video: what a source holds, its pictures with repaired time stamps, and their shapes for the stages."""

from stream.video.connection import Patience
from stream.video.feed import DayTime, Feed, FileFeed, Outage, Picture
from stream.video.follow import FollowFeed
from stream.video.live import LiveFeed
from stream.video.live_probe import probe_live
from stream.video.planes import yuv_planes
from stream.video.reader import VideoReader
from stream.video.shaper import Shaper, shapes
from stream.video.source import VideoInfo, probe

__all__ = [
    "DayTime",
    "Feed",
    "FileFeed",
    "FollowFeed",
    "LiveFeed",
    "Outage",
    "Patience",
    "Picture",
    "Shaper",
    "VideoInfo",
    "VideoReader",
    "probe",
    "probe_live",
    "shapes",
    "yuv_planes",
]
