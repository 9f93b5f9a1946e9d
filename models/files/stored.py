"""Our own weights files: tensors in fp16 with what they are in the metadata, and a sha256 over them. Needs no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stream.errors import ModelError
from stream.whole import whole_file

AGAIN = "copy it again; what comes with roadtally: install it again"


def write_stored(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write tensors of any float type; `metadata` says at least their `format`."""
    halves = {name: np.ascontiguousarray(value, np.float16) for name, value in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as unfinished:
        save_file(halves, str(unfinished), {**metadata, "sha256": _digest(halves)})


def stored_metadata(path: Path, formats: Sequence[str]) -> dict[str, str]:
    """The metadata of a file of one of these formats. Raises ModelError on a damaged, truncated or foreign file."""
    try:
        with safe_open(str(path), "np") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(str(path), f"not a whole safetensors file ({error})", AGAIN) from error
    if metadata.get("format") not in formats:
        what = f"expected weights of format {' or '.join(formats)}, got {metadata.get('format', 'no format at all')}"
        raise ModelError(str(path), what, "use weights made by `roadtally train`")
    return metadata


def stored_tensors(path: Path, formats: Sequence[str]) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata and f32 tensors by name, checked against their sha256. Raises ModelError."""
    metadata = stored_metadata(path, formats)
    with safe_open(str(path), "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no mapping)
    if _digest(tensors) != metadata.get("sha256"):
        what = "the tensors do not match their sha256: the file is damaged"
        raise ModelError(str(path), what, AGAIN)
    return metadata, {name: value.astype(np.float32) for name, value in tensors.items()}


def _digest(tensors: Mapping[str, np.ndarray]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode())
        total.update(np.ascontiguousarray(tensors[name]).tobytes())
    return total.hexdigest()
