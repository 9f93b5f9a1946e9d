"""Checkpoints of torchvision: the published ones, fetched once and checked, and one's own. Nothing is unpickled."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

from models.published.catalogue import Entry
from models.published.name import Name
from stream.errors import ModelError

if TYPE_CHECKING:
    import torch

HASHED = re.compile(r"-([0-9a-f]{8,})\.pth$")
"""The end of a published file's name: the beginning of its sha256."""


def checkpoint_path(entry: Entry, name: Name) -> Path:
    """The checkpoint that a name means; published weights are fetched when they are not there yet.

    Raises ModelError that names the file and its place where they cannot be fetched.
    """
    if name.file:
        return Path(name.file).expanduser()
    return entry.path if entry.path.exists() else _fetched(entry)


def _fetched(entry: Entry) -> Path:
    import torch

    family, path = entry.family(), entry.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = HASHED.search(path.name)
        torch.hub.download_url_to_file(family.weights.url, str(path), found[1] if found else None, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        reason = str(getattr(error, "reason", None) or error)
        what = f"its published weights are not here and cannot be fetched ({reason})"
        raise ModelError(family.name, what, f"place {path.name} into {path.parent}") from error
    return path


def sha256_of(path: Path, *, published: bool) -> str:
    """Of a checkpoint. published: its name tells how it begins. Raises ModelError on a missing or damaged file."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(str(path), "no such checkpoint", "check the path after the family's name") from error
    found = HASHED.search(path.name) if published else None
    if found and not sha256.startswith(found[1]):
        what = f"expected a sha256 that begins with {found[1]}: damaged"
        raise ModelError(str(path), what, "remove it; fetch it again")
    return sha256


def read_checkpoint(path: Path, *, published: bool) -> dict[str, torch.Tensor]:
    """Tensors by name. Raises ModelError on a missing or damaged file."""
    import torch

    from models.files.plain import read_plain

    sha256_of(path, published=published)
    content = read_plain(path, "store a state_dict with torch.save")
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise ModelError(
            str(path), "expected tensors by name, got something else", "store a state_dict with torch.save"
        )
    return dict(content)
