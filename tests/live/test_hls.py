"""HLS: some seconds of pictures at a time, none of them skipped."""

from __future__ import annotations

import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import av

from stream.video import LiveFeed, Patience
from tests.blobs import blob_picture
from tests.live.camera import FAST
from tests.live.watch import Seen

SEGMENT_S = 1


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def broadcast(folder: Path, stop: threading.Event) -> None:
    """A playlist of the last segments, in real time; more than a busy machine misses."""
    options = {"hls_time": str(SEGMENT_S), "hls_list_size": "30", "hls_flags": "delete_segments"}
    with av.open(str(folder / "live.m3u8"), "w", format="hls", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.options = 320, 192, "yuv420p", FAST
        started_s, k = time.monotonic(), 0
        while not stop.wait(max(0.0, started_s + k / 25 - time.monotonic())):
            frame = av.VideoFrame.from_ndarray(blob_picture(k % 100), format="bgr24")
            frame.pts = k
            container.mux(stream.encode(frame))
            k += 1
        container.mux(stream.encode(None))


def test_every_picture_comes_once_when_segments_are_handed_out(tmp_path: Path) -> None:
    stop = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    server.daemon_threads = True
    threads = [
        threading.Thread(target=broadcast, args=(tmp_path, stop)),
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}),
    ]
    for thread in threads:
        thread.start()
    try:
        while not (tmp_path / "live.m3u8").exists():
            time.sleep(0.05)
        source = f"http://127.0.0.1:{server.server_address[1]}/live.m3u8"
        feed = LiveFeed(source, 25.0, Patience.of(10.0, source))
        seen = Seen(feed)
        seen.pictures_more(100)
        feed.close()
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join()
    assert [picture.seq for picture in seen.pictures] == list(range(100))
    assert seen.outages == [] and feed.reconnects == 0
    steps_s = [after.pts_s - before.pts_s for before, after in pairwise(seen.pictures)]
    assert max(steps_s[2:]) < 0.05
