"""Checkpoints of torchvision: the published ones, fetched once and checked, and one's own. Nothing is unpickled."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.error import URLError

import torch

from models.plain import read_plain
from models.published.family import Family
from stream.errors import ModelError

HASHED = re.compile(r"-([0-9a-f]{8,})\.pth$")
"""The end of a published file's name: the beginning of its sha256."""


def weights_file(family: Family) -> Path:
    """The published weights of a family, from the cache, where they are put when they are not there yet.

    Raises ModelError that names the file and its place where they cannot be fetched.
    """
    url = family.weights.url
    path = cache_folder() / url.rpartition("/")[2]
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = HASHED.search(path.name)
        torch.hub.download_url_to_file(url, str(path), found[1] if found else None, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        reason = str(getattr(error, "reason", None) or error)
        what = f"its published weights are not here and cannot be fetched ({reason})"
        raise ModelError(family.name, what, f"place {path.name} into {path.parent}") from error
    return path


def cache_folder() -> Path:
    """Where published weights are kept: XDG_CACHE_HOME/roadtally/published."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "roadtally" / "published"


def read_checkpoint(path: Path, *, published: bool) -> dict[str, torch.Tensor]:
    """Tensors by name. published: the file's name tells its sha256. Raises ModelError on a missing or damaged file."""
    if not path.is_file():
        raise ModelError(str(path), "no such checkpoint", "check the path after the family's name")
    found = HASHED.search(path.name) if published else None
    if found and not _sha256(path).startswith(found[1]):
        raise ModelError(
            str(path), f"expected a sha256 that begins with {found[1]}: damaged", "remove it; fetch it again"
        )
    content = read_plain(path, "store a state_dict with torch.save")
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise ModelError(
            str(path), "expected tensors by name, got something else", "store a state_dict with torch.save"
        )
    return dict(content)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
