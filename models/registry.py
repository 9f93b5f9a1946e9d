"""The detectors by name, the engines by name, and the one door to both: `open_detector`."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from models.contract import Detector, DetectorSpec, Segmenter, SegmenterSpec
from models.files.weights import Weights, read_weights
from models.published import open_published, published_name
from models.published.name import read_knobs
from stream.errors import ModelError

FOLDER = Path(__file__).parent / "weights"

MODELS: dict[str, str] = {
    "roadtally-nano": "roadtally-nano.safetensors",
    "roadtally-small": "roadtally-small.safetensors",
    "roadtally-faster": "roadtally-faster.safetensors",
    "roadtally-retinanet": "roadtally-retinanet.safetensors",
}
"""Detectors that come with the package: name -> file in models/weights."""

DEFAULT = "roadtally-small"

LIGHTER: dict[str, str] = {
    "roadtally-faster": "roadtally-small",
    "roadtally-retinanet": "roadtally-nano",
    "roadtally-small": "roadtally-nano",
}
"""Detector -> one that costs less and sees a little less."""

STRIDE = 32

PLUGIN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""A detector of the user's own: module:Class, built from the DetectorSpec alone."""

DESCRIPTION = (".yaml", ".yml")
"""Of a detector of others, see models.foreign.description."""

ENGINES: dict[str, str] = {
    "openvino": "models.engines.openvino:OpenVinoDetector",
    "torch": "models.engines.torch:TorchDetector",
}
"""Name -> module:Class. A class is built from (Weights, DetectorSpec)."""

MASKS = "roadtally-mask"
"""The mask network that comes with the package."""

SEGMENTERS: dict[str, str] = {
    "openvino": "models.engines.segment_openvino:OpenVinoSegmenter",
    "torch": "models.engines.segment_torch:TorchSegmenter",
}
"""Name of an engine -> module:Class. A class is built from (MaskWeights, SegmenterSpec)."""


def open_detector(spec: DetectorSpec) -> Detector:
    """Open a detector by name or path on the engine that the spec names, or the best one here.

    Raises ModelError on an unknown name, a damaged file, a size that is no multiple of 32, or an engine or precision
    that does not run here.
    """
    if PLUGIN.fullmatch(spec.model):
        plugin: Detector = _plugin(spec.model)(spec)
        return plugin
    for height, width in spec.input_hw:
        if height % STRIDE or width % STRIDE or min(height, width) < STRIDE:
            what = f"expected a width and a height that are multiples of {STRIDE}, got {width}x{height}"
            fits = "x".join(str(max(STRIDE, round(side / STRIDE) * STRIDE)) for side in (width, height))
            raise ModelError("input", what, f"for example {fits}")
    if (published := published_name(spec.model)) is not None:
        return open_published(published, msgspec.structs.replace(spec, engine=_engine(spec.engine)))
    if Path(spec.model).suffix in DESCRIPTION:
        return _open_foreign(spec)
    weights = find_weights(spec.model)
    detector: Detector = _imported(ENGINES[_engine(spec.engine)])(weights, spec)
    return detector


def check_model(model: str) -> None:
    """Whether a detector of that name or path is here, as far as that is told without opening it: a run should not
    begin without. Raises ModelError."""
    if PLUGIN.fullmatch(model):
        return
    if (published := published_name(model)) is not None:
        if published.file and not Path(published.file).expanduser().is_file():
            raise ModelError(published.file, "no such checkpoint", "check the path after the family's name")
    elif Path(model).suffix in DESCRIPTION:
        from models.foreign.description import read_description

        read_description(Path(model).expanduser())
    else:
        find_weights(model)


def _engine(wanted: str) -> str:
    """The engine that is meant, of ENGINES and SEGMENTERS alike."""
    engine = engines_here()[0] if wanted == "auto" else wanted
    if engine not in ENGINES:
        raise ModelError(wanted, f"no such engine; there are {', '.join(ENGINES)}", "use the engine auto")
    return engine


def open_segmenter(spec: SegmenterSpec) -> Segmenter:
    """Open the mask network on the engine that the spec names, or the best one here. Raises ModelError."""
    from models.files.mask_weights import read_mask_weights

    if PLUGIN.fullmatch(spec.model):
        plugin: Segmenter = _plugin(spec.model)(spec)
        return plugin
    path = FOLDER / f"{MASKS}.safetensors" if spec.model == MASKS else Path(spec.model).expanduser()
    segmenter: Segmenter = _imported(SEGMENTERS[_engine(spec.engine)])(read_mask_weights(path), spec)
    return segmenter


def _open_foreign(spec: DetectorSpec) -> Detector:
    from models.foreign.detector import ForeignDetector

    return ForeignDetector(Path(spec.model).expanduser(), spec)


def _plugin(model: str) -> Callable[[Any], Any]:
    """A class of the user's own; it is called with a spec. Raises ModelError."""
    try:
        return _imported(model)
    except (ImportError, AttributeError) as error:
        raise ModelError(model, f"cannot be imported: {error}", "is the module on PYTHONPATH?") from error


def _imported(named: str) -> Callable[..., Any]:
    """What module:Class names."""
    module, name = named.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def find_weights(model: str) -> Weights:
    """The weights of a registered name or of a path, with `?proposals=N` for Faster R-CNN. Raises ModelError."""
    name, proposals = read_knobs(model)
    return replace(read_weights(weights_path(name)), proposals=proposals)


def weights_path(model: str) -> Path:
    """The file of a registered name or of a path. Raises ModelError."""
    if model in MODELS:
        return FOLDER / MODELS[model]
    if Path(model).suffix:
        return Path(model).expanduser()
    raise ModelError(
        model, f"no such model; there are {', '.join(MODELS)}", "give one of these, or what docs/detectors.md lists"
    )


def engines_here() -> tuple[str, ...]:
    """Engines that run on this machine, best first. Looks for an NVIDIA device before it pays for importing torch."""
    if Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists():
        from models.engines.device import cuda_here

        if cuda_here():
            return ("torch", "openvino")
    return ("openvino", "torch")
