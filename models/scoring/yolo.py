"""YOLO truth: data.yaml names the classes; a text file a picture holds a row a box: class, centre x, centre y, width,
height, the last four in parts of the picture. No text file: nothing is in the picture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import yaml

from stream.errors import TruthError

DATA = "data.yaml"


def read_names(path: Path) -> list[str]:
    """The class names of a data.yaml, by number. Raises TruthError."""
    try:
        names = yaml.safe_load(path.read_text(encoding="utf-8"))["names"]
        return [str(name) for name in (names.values() if isinstance(names, dict) else names)]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise TruthError(str(path), f"expected the class names under `names`: {error!r}") from error


def read_boxes(path: Path, size_wh: tuple[int, int], classes: int) -> list[tuple[int, np.ndarray]]:
    """(class number, xyxy f64 (4,) in pixels) of each box; none where there is no file. Raises TruthError."""
    if not path.exists():
        return []
    scale = np.array([*size_wh, *size_wh], float)
    boxes = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            kind, (x, y, w, h) = _row(f"{path}, line {number}", line.split(), classes)
            boxes.append((kind, np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2]) * scale))
    return boxes


def _row(where: str, parts: list[str], classes: int) -> tuple[int, list[float]]:
    try:
        kind, values = int(float(parts[0])), [float(part) for part in parts[1:5]]
    except (ValueError, OverflowError):
        raise TruthError(where, f"expected numbers, got {' '.join(parts)}") from None
    if len(values) < 4 or not all(math.isfinite(value) for value in values) or min(values[2:]) <= 0:
        raise TruthError(where, f"expected class, centre x, centre y, width, height; got {' '.join(parts)}")
    if not 0 <= kind < classes:
        raise TruthError(where, f"class {kind} is not among the {classes} of {DATA}")
    return kind, values
