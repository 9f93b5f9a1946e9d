"""The networks that there are, with their weights or the place for them: what `roadtally models` shows. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from models.families import FAMILIES
from models.files.mask_weights import FORMAT as MASK_FORMAT
from models.files.stored import stored_metadata
from models.files.weights import read_metadata, read_weights
from models.published.catalogue import FAMILIES as PUBLISHED
from models.registry import FOLDER, MASKS, MODELS, engines_here
from stream.messages import LABELS

ANY = "any, 32 px steps"
PUBLISHED_LICENCE = "BSD-3-Clause"


class ModelInfo(msgspec.Struct, frozen=True):
    """One line of `roadtally models`. kind: the family, how many stages, or that it makes masks; input: what it sees,
    in words; path: where the weights are, or are looked for; bytes: 0 while they are not there."""

    name: str
    kind: str
    input: str
    path: Path
    bytes: int
    classes: tuple[str, ...]
    licence: str
    engines: tuple[str, ...]  # that run on this machine, best first


def list_models() -> list[ModelInfo]:
    """What the package carries, then the families of torchvision. Raises ModelError on damaged weights."""
    return [*_own(), *_masks(), *_published()]


def _own() -> Iterator[ModelInfo]:
    for name, file in MODELS.items():
        path = FOLDER / file
        if path.exists():
            notes = read_metadata(path)
            kind = next(family for family, one in FAMILIES.items() if one.format == notes["format"])
            classes = tuple(LABELS[k] for k in read_weights(path).labels if k >= 0)
            size = path.stat().st_size
            yield ModelInfo(name, kind, ANY, path, size, classes, notes.get("licence", ""), engines_here())


def _masks() -> Iterator[ModelInfo]:
    """The network of `--masks`, which looks at the boxes of a detector and tells no classes."""
    path = FOLDER / f"{MASKS}.safetensors"
    if path.exists():
        licence = stored_metadata(path, (MASK_FORMAT,)).get("licence", "")
        yield ModelInfo(MASKS, "masks", "the detector's", path, path.stat().st_size, (), licence, engines_here())


def _published() -> Iterator[ModelInfo]:
    for name, entry in PUBLISHED.items():
        size = entry.path.stat().st_size if entry.path.exists() else 0
        yield ModelInfo(name, entry.kind, entry.input, entry.path, size, LABELS, PUBLISHED_LICENCE, engines_here())
