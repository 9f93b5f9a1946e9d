"""The one place where torch reads a file: plain tensors and containers, never objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from stream.errors import ModelError


def read_plain(path: Path, fix: str) -> Any:
    """What `torch.save` stored, on the CPU. Raises ModelError, with `fix`, on a damaged file and on one with objects in
    it, which are code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its readers raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        what = f"not a whole checkpoint of tensors ({reason})"
        raise ModelError(str(path), what, fix) from error
