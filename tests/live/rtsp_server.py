"""A camera for tests: GStreamer's RTSP server on the loopback address.

It sends encoded pictures in a loop, in real time:


    /usr/bin/python3 rtsp_server.py UNITS [--codec h265] [--login USER:PASSWORD] [--first-stamp TICKS] [--fps 25]

UNITS is a file of tests.live.camera.write_units. It prints its port, then obeys lines on its standard input:

    lose SECONDS     the next pictures, so many seconds, are not sent
    switch UNITS     goes on with other pictures

It needs the system's Python, which has GStreamer's bindings, and of this project only units.py beside it.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402
from units import read_units  # noqa: E402


class Camera(GstRtspServer.RTSPMediaFactory):
    """One live picture source that all clients share, so that they join it in the middle."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.units = read_units(Path(options.units))
        self.lose = 0  # pictures
        self.frame_ms = 1000 // options.fps
        kind = options.codec.replace("h", "")
        stamp = "" if options.first_stamp is None else f"timestamp-offset={options.first_stamp}"
        caps = f"video/x-{options.codec},stream-format=byte-stream,alignment=au,framerate={options.fps}/1"
        self.set_launch(
            f"( appsrc name=source is-live=true format=time caps={caps} ! h{kind}parse "
            f"! rtph{kind}pay name=pay0 pt=96 config-interval=1 {stamp} )"
        )
        self.set_shared(True)

    def do_configure(self, media: GstRtspServer.RTSPMedia) -> None:
        GstRtspServer.RTSPMediaFactory.do_configure(self, media)
        source = media.get_element().get_by_name_recurse_up("source")
        threading.Thread(target=self._feed, args=(source,), daemon=True).start()

    def _feed(self, source: Gst.Element) -> None:
        started_s, k = time.monotonic(), 0
        while True:
            units = self.units
            pts_ms, dts_ms, data = units[k % len(units)]
            before_ms = k // len(units) * len(units) * self.frame_ms
            time.sleep(max(0.0, started_s + k * self.frame_ms / 1000 - time.monotonic()))
            k += 1
            if self.lose > 0:
                self.lose -= 1
                continue
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts = max(0, pts_ms + before_ms) * Gst.MSECOND
            buffer.dts = max(0, dts_ms + before_ms) * Gst.MSECOND
            if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return  # the last client has left

    def obey(self) -> None:
        for line in sys.stdin:
            word, value = line.split()
            if word == "lose":
                self.lose = round(1000 * float(value) / self.frame_ms)
            elif word == "switch":
                self.units = read_units(Path(value))


def lock(server: GstRtspServer.RTSPServer, camera: Camera, login: str) -> None:
    user, _, password = login.partition(":")
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    for role in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("user", role, True)
    camera.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("units")
    parser.add_argument("--codec", default="h264", choices=("h264", "h265"))
    parser.add_argument("--login", default="")
    parser.add_argument("--first-stamp", type=int)
    parser.add_argument("--fps", type=int, default=25)
    options = parser.parse_args()
    Gst.init(None)
    server, camera = GstRtspServer.RTSPServer(), Camera(options)
    server.set_address("127.0.0.1")
    server.set_service("0")
    server.get_mount_points().add_factory("/road", camera)
    if options.login:
        lock(server, camera, options.login)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    threading.Thread(target=camera.obey, daemon=True).start()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
