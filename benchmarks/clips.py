"""The clips that benchmarks run on: the shared ones with their lines, and larger or longer ones made of them."""

from __future__ import annotations

import csv
from pathlib import Path

import av

CLIPS = Path(__file__).resolve().parents[1] / "../shared/clips"
SUFFIXES = (".mp4", ".avi", ".h264")


def find_clip(folder: Path, name: str) -> Path:
    """The file of a clip by its name without suffix. Raises SystemExit if there is none."""
    for suffix in SUFFIXES:
        if (path := folder / f"{name}{suffix}").exists():
            return path
    raise SystemExit(f"{folder}: no clip {name}; give the folder of the clips with --clips")


def read_lines(folder: Path) -> dict[str, list[str]]:
    """Clip -> its counting lines as NAME:x1,y1,x2,y2, from truth/lines.csv."""
    path = folder / "truth" / "lines.csv"
    if not path.exists():
        raise SystemExit(f"{path}: no such file; give the folder of the clips with --clips")
    lines: dict[str, list[str]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            text = f"{row['line']}:{row['x1']},{row['y1']},{row['x2']},{row['y2']}"
            lines.setdefault(row["clip"], []).append(text)
    return lines


def upscale(clip: Path, out: Path, width: int = 1920, height: int = 1080) -> Path:
    """The clip at another size: H.264, about as many bits a picture as a camera spends."""
    with av.open(str(clip)) as source, av.open(str(out), "w") as target:
        taken = source.streams.video[0]
        made = target.add_stream("libx264", rate=taken.average_rate)
        made.width, made.height, made.pix_fmt = width, height, "yuv420p"
        made.codec_context.time_base = taken.time_base
        made.options = {"preset": "veryfast", "crf": "26"}
        for picture in source.decode(taken):
            larger = picture.reformat(width, height, "yuv420p", interpolation="BICUBIC")
            larger.pts, larger.time_base, larger.pict_type = picture.pts, taken.time_base, 0
            target.mux(made.encode(larger))
        target.mux(made.encode(None))
    return out


def loop(clip: Path, out: Path, seconds: float) -> Path:
    """The clip again and again until it lasts so long; packets are copied, not encoded anew."""
    with av.open(str(out), "w") as target:
        shift, made = 0, None
        while True:
            with av.open(str(clip)) as source:
                taken = source.streams.video[0]
                made = made or target.add_stream_from_template(taken)
                duration = taken.duration
                for packet in source.demux(taken):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, made
                    target.mux(packet)
                shift += duration
                if float(shift * taken.time_base) >= seconds:
                    return out
