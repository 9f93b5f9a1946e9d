"""Darknet's files (Redmon and Farhadi, 2018): the layers of a .cfg and the numbers of the .weights beside it.

A .weights file is a header (version; pictures seen) and f32 numbers in the order of the convolutions: biases; where the
layer is normalised, scales, means and variances; then the kernel (out, inside, k, k). Normalisation is folded into
kernel and bias here, so that what follows knows convolutions only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.errors import ModelError

EPSILON = 1e-6  # that Darknet adds to the deviation
KNOWN = ("convolutional", "maxpool", "route", "upsample", "shortcut", "yolo")


@dataclass(frozen=True, slots=True)
class Section:
    """One [section] of a .cfg: its kind and its values as they stand."""

    kind: str
    values: Mapping[str, str]

    def whole(self, key: str, otherwise: int = 0) -> int:
        return int(self.values.get(key, otherwise))

    def numbers(self, key: str) -> list[float]:
        return [float(number) for number in self.values.get(key, "").split(",") if number.strip()]


def read_cfg(path: Path) -> list[Section]:
    """The sections after [net], in order. Raises ModelError on what is no network that can be run."""
    try:
        lines = [line.split("#")[0].split(";")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(str(path), f"cannot be read as text: {error}", "give a .cfg of Darknet") from error
    sections: list[tuple[str, dict[str, str]]] = []
    for line in filter(None, lines):
        if line.startswith("["):
            sections.append((line.strip("[]"), {}))
        elif sections:
            key, _, value = line.partition("=")
            sections[-1][1][key.strip()] = value.strip()
    if not sections or sections[0][0] not in ("net", "network"):
        raise ModelError(str(path), "expected [net] at first", "give a .cfg of Darknet")
    unknown = sorted({kind for kind, _ in sections[1:]} - set(KNOWN))
    if unknown or not any(kind == "yolo" for kind, _ in sections):
        what = f"holds layers {', '.join(unknown)}" if unknown else "holds no [yolo] layer"
        raise ModelError(
            str(path), f"{what}; there are {', '.join(KNOWN)}", "YOLOv3 and YOLOv4, small and large, can be read"
        )
    return [Section(kind, values) for kind, values in sections[1:]]


class Numbers:
    """The f32 numbers of a .weights file, taken one convolution after the other. Raises ModelError when they end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError.refused(path, "read", error, "place it beside the .cfg") from error
        version = np.frombuffer(content[:8], "<i4") if len(content) >= 8 else np.zeros(2, np.int32)
        header = 20 if version[0] * 10 + (version[1] if len(version) > 1 else 0) >= 2 else 16
        body = content[header:]
        self._numbers = np.frombuffer(body[: len(body) // 4 * 4], "<f4")
        self._at = 0

    def convolution(self, section: Section, inside: int) -> tuple[np.ndarray, np.ndarray]:
        """Kernel f32 (out, inside, k, k) and bias f32 (out,), normalisation folded in."""
        out, size = section.whole("filters", 1), section.whole("size", 1)
        bias = self._take(out)
        if section.whole("batch_normalize"):
            scale, mean, variance = self._take(out), self._take(out), self._take(out)
            gain = scale / (np.sqrt(np.maximum(variance, 0)) + EPSILON)
            kernel = self._take(out * inside * size * size).reshape(out, inside, size, size)
            return kernel * gain[:, None, None, None], bias - mean * gain
        return self._take(out * inside * size * size).reshape(out, inside, size, size), bias

    def end(self) -> None:
        """Raises ModelError where numbers are left: they are of another network."""
        left = len(self._numbers) - self._at
        if left:
            what = f"holds {left} numbers more than its .cfg has layers for"
            raise ModelError(str(self._path), what, "it belongs to another .cfg")

    def _take(self, count: int) -> np.ndarray:
        taken = self._numbers[self._at : self._at + count]
        if len(taken) < count:
            what = f"ends after {len(self._numbers)} numbers, expected {self._at + count} or more"
            raise ModelError(str(self._path), what, "it is cut off, or belongs to another .cfg")
        self._at += count
        return taken


def anchors_of(section: Section) -> list[tuple[float, float]]:
    """Width and height in pixels of the anchors of a [yolo] layer."""
    numbers = section.numbers("anchors")
    pairs = list(_pairs(numbers))
    return [pairs[int(k)] for k in section.numbers("mask")] if "mask" in section.values else pairs


def _pairs(numbers: list[float]) -> Iterator[tuple[float, float]]:
    yield from zip(numbers[::2], numbers[1::2], strict=True)
