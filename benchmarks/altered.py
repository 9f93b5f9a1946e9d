"""Copies of the clips with their truth, altered so that nothing was tuned on them: mirrored, darker, smaller, half as
many frames.

    python benchmarks/altered.py --out altered
    python benchmarks/count_clips.py --clips altered/mirrored

A count that is right on a clip and wrong on its mirror image was luck. The truth is that of the clips: a line that is
mirrored keeps its direction, and frames are numbered anew where some are left out.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from clips import CLIPS, find_clip, read_lines

NOISE = 5.0  # standard deviation of what a camera adds in the dark, of 255

Picture = np.ndarray  # u8 (h, w, 3) BGR
Row = dict[str, str]


@dataclass(frozen=True)
class Alteration:
    """What becomes of a picture, of a line and of a crossing; every: which frames are kept."""

    picture: Callable[[Picture, np.random.Generator], Picture] = lambda picture, rng: picture
    line: Callable[[Row], Row] = lambda row: row
    every: int = 1

    def crossing(self, row: Row) -> Row:
        return row | {key: str(int(row[key]) // self.every) for key in ("frame", "first", "last")}


def mirror_line(row: Row) -> Row:
    """Left is right, so its ends change places: who crossed it `in` still does."""
    return row | {
        "x1": f"{1 - float(row['x2']):g}",
        "y1": row["y2"],
        "x2": f"{1 - float(row['x1']):g}",
        "y2": row["y1"],
    }


def darken(picture: Picture, rng: np.random.Generator) -> Picture:
    dark = (picture.astype(np.float32) / 255) ** 1.8 * 0.6 * 255
    return np.clip(dark + rng.normal(0, NOISE, picture.shape[:2])[..., None], 0, 255).astype(np.uint8)


def shrink(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = (int(side * 0.55) // 2 * 2 for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


ALTERATIONS = {
    "mirrored": Alteration(lambda picture, rng: picture[:, ::-1], mirror_line),
    "dark": Alteration(darken),
    "small": Alteration(shrink),
    "half": Alteration(every=2),
}


def alter(clip: Path, out: Path, alteration: Alteration) -> None:
    """Write the altered clip, H.264."""
    rng = np.random.default_rng(0)
    with av.open(str(clip)) as source, av.open(str(out), "w") as target:
        taken = source.streams.video[0]
        taken.thread_type = "AUTO"
        made = target.add_stream("libx264", rate=(taken.average_rate or taken.guessed_rate) / alteration.every)
        made.pix_fmt, made.options = "yuv420p", {"preset": "veryfast", "crf": "20"}
        for number, frame in enumerate(source.decode(taken)):
            if number % alteration.every:
                continue
            picture = np.ascontiguousarray(alteration.picture(frame.to_ndarray(format="bgr24"), rng))
            if not made.codec_context.is_open:
                made.height, made.width = picture.shape[:2]
            target.mux(made.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        target.mux(made.encode(None))


def rewrite(source: Path, out: Path, change: Callable[[Row], Row]) -> None:
    """A CSV with every row changed."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of the clips and their truth/")
    parser.add_argument("--only", action="append", choices=sorted(ALTERATIONS), help="repeat for several; default: all")
    parser.add_argument("--out", type=Path, required=True, help="a folder for each alteration is made here")
    given = parser.parse_args()
    for name in given.only or ALTERATIONS:
        folder, alteration = given.out / name, ALTERATIONS[name]
        (folder / "truth").mkdir(parents=True, exist_ok=True)
        rewrite(given.clips / "truth/lines.csv", folder / "truth/lines.csv", alteration.line)
        rewrite(given.clips / "truth/crossings.csv", folder / "truth/crossings.csv", alteration.crossing)
        for clip in read_lines(given.clips):
            alter(find_clip(given.clips, clip), folder / f"{clip}.mp4", alteration)
        print(folder, flush=True)


if __name__ == "__main__":
    main()
