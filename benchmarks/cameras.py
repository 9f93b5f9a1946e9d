"""What a further camera costs, beyond decoding its pictures and looking at them.

    python benchmarks/cameras.py [--cameras 1 2 4 8] [--seconds 30]

Cameras of 320x192 at 10 fps (an RTSP server of the tests, on this machine) run into one detector that finds dark blobs
at no cost worth mentioning. Processor time is taken from /proc over all workers and the supervisor, once all is open.
The shortest loop that reads, decodes and looks at one such camera is measured beside it and taken off.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import av
import numpy as np
import psutil
import yaml
from timing import machine, markdown

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from models.contract import DetectorSpec  # noqa: E402
from tests.blobs import BlobDetector, blob_picture  # noqa: E402
from tests.live.camera import camera, write_units  # noqa: E402

FPS, LOOP, SETTLE_S = 10, 100, 8.0


def cpu_s(process: psutil.Process) -> float:
    """Of the process and all that it started."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def run_cost(ports: list[int], folder: Path, seconds: float) -> tuple[float, float]:
    """(Share of a core that a run with these cameras takes, frames a second of each that were counted on)."""
    line = {"A": [0.1, 0.5, 0.9, 0.5]}
    cameras = [{"source": f"rtsp://127.0.0.1:{p}/road", "name": f"cam{k}", "lines": line} for k, p in enumerate(ports)]
    document = {
        "cameras": cameras,
        "detector": {"model": "tests.blobs:BlobDetector", "input": 320, "gate": "off"},
        "output": {"dir": str(folder / "out"), "record": "none"},
    }
    config = folder / f"{len(ports)}.yaml"
    config.write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "stream.cli", "run", str(config)]
    process = psutil.Popen(command, cwd=HERE.parent, stdout=subprocess.DEVNULL)
    address = folder / "out" / "health.url"
    while not delivers(address):
        if process.poll() is not None:
            raise SystemExit(f"the run ended with {process.returncode}")
        time.sleep(0.2)
    time.sleep(SETTLE_S)
    before_s, started_s, before = cpu_s(process), time.monotonic(), frames(address)
    time.sleep(seconds)
    spent_s, lasted_s, counted = cpu_s(process) - before_s, time.monotonic() - started_s, frames(address) - before
    process.send_signal(signal.SIGINT)
    process.wait(30)
    return spent_s / lasted_s, counted / lasted_s / len(ports)


def delivers(address: Path) -> bool:
    """Whether every camera gives pictures."""
    try:
        with urllib.request.urlopen(f"{address.read_text().strip()}/healthz", timeout=5) as answer:  # noqa: S310
            return answer.status == 200
    except OSError:  # 503, too
        return False


def frames(address: Path) -> float:
    """That were counted on so far."""
    with urllib.request.urlopen(f"{address.read_text().strip()}/metrics", timeout=5) as answer:  # noqa: S310
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("roadtally_frames_total"))


def own_cost(port: int, seconds: float) -> float:
    """Share of a core that the shortest loop takes which reads, decodes and looks at one camera."""
    detector = BlobDetector(DetectorSpec("", ((192, 320),)))
    with av.open(f"rtsp://127.0.0.1:{port}/road", options={"rtsp_transport": "tcp"}) as container:
        container.streams.video[0].thread_type = "NONE"
        container.streams.video[0].codec_context.thread_count = 1
        begun = None
        for frame in container.decode(video=0):
            detector.start(frame.to_ndarray(format="bgr24")[None])
            begun = begun or (time.monotonic(), time.process_time())
            lasted_s = time.monotonic() - begun[0]
            if lasted_s > seconds:
                return (time.process_time() - begun[1]) / lasted_s
    raise SystemExit("the camera ended")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    rows, shares = [], []
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as servers:
        units = write_units(Path(temporary) / "units", [blob_picture(k) for k in range(LOOP)], fps=FPS)
        ports = [servers.enter_context(camera(units, "--fps", str(FPS))).port for _ in range(max(given.cameras))]
        own = own_cost(ports[0], given.seconds)
        for count in given.cameras:
            folder = Path(temporary) / str(count)
            folder.mkdir()
            share, fps = run_cost(ports[:count], folder, given.seconds)
            shares.append(share)
            rows.append((count, round(fps, 1), round(100 * share, 1)))
    print(machine(), "\n")
    print(markdown(("cameras", "frames a second of each", "% of a core, all workers"), rows), "\n")
    if len(rows) > 1:
        slope = float(np.polyfit(given.cameras, shares, 1)[0])
        each = [("a further camera, % of a core", 100 * slope), ("its decoding and detection alone", 100 * own)]
        print(markdown(("", "value"), [*each, ("what remains", 100 * (slope - own))]))


if __name__ == "__main__":
    main()
