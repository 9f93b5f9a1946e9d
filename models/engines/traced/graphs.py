"""The graphs of a traceable network, made once and kept in the user's cache folder.

    picture   u8 (1, H, W, 3)                       -> xyxy (A, 4), scores (A, 6)                    one shot
              u8 (1, H, W, 3)                       -> rois (N, 4), level (N), level0, level1, ...   two stages
    boxes     level0, ..., rois0 (N0, 4), ...       -> xyxy (N, 6, 4), scores (N, 6), level (N, 6)
    masks     level0, ..., rois0 (N0, 4), ...       -> masks (N, 6, 28, 28)

rois0 are those looked up in level0, and so on; N is their sum, and rows come in that order. Rois go from the input
right into RoIAlign, which takes them in f32: computed with in bf16 they would be moved by a pixel or two.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.engines.layers import channels_last
from models.engines.telemetry import no_telemetry
from models.files.kept import cache_folder
from stream.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

VERSION = "2"  # of the graphs that this file makes: another one makes them anew
NAMES = ("picture", "boxes", "masks")
Hw = tuple[int, int]
Graphs = dict[str, ov.Model]
"""By name, of NAMES: a one-shot network has "picture" alone."""


@dataclass(frozen=True, slots=True)
class Traceable:
    """A network of torchvision's kind (SSD, RetinaNet, FCOS, FasterRCNN, MaskRCNN) that is built when it must be.

    name: for people; where: the file, for errors; key: a hash of the weights and of all that changes the graphs;
    build: the network on the CPU in f32, whose `transform` takes f32 (B, 3, H, W) RGB 0..1 as it is
    (models.published.transform.Fitted), and where the scores of LABELS stand among those of the network.
    """

    name: str
    where: str
    key: str
    build: Callable[[], tuple[nn.Module, tuple[int, ...]]]


def graphs_of(core: ov.Core, source: Traceable, input_hw: Hw) -> Graphs:
    """The graphs for one input size, from the cache or traced now. Raises ModelError where the size does not suit."""
    told = f"{VERSION} {source.key} {input_hw} {ov.__version__}"
    folder = cache_folder() / "graphs" / hashlib.sha256(told.encode()).hexdigest()[:24]
    if not folder.is_dir():
        _keep(_traced(source, input_hw), folder)
    try:
        return {name: core.read_model(folder / f"{name}.xml") for name in NAMES if (folder / f"{name}.xml").exists()}
    except RuntimeError as error:
        raise ModelError(str(folder), f"the kept graphs cannot be read ({error})", "remove this folder") from error


def _keep(graphs: Graphs, folder: Path) -> None:
    """All or nothing: another process may look for the folder at the same time."""
    fix = "make room, or set XDG_CACHE_HOME"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent))
    except OSError as error:
        raise ModelError(str(folder.parent), f"cannot be written ({error})", fix) from error
    try:
        for name, graph in graphs.items():
            ov.save_model(graph, made / f"{name}.xml", compress_to_fp16=False)
        made.replace(folder)
    except (OSError, RuntimeError) as error:  # OpenVINO tells a full disk as the second
        if not folder.is_dir():
            raise ModelError(str(folder), f"cannot be written ({error})", fix) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _traced(source: Traceable, input_hw: Hw) -> Graphs:
    import torch

    from models.engines.traced import parts

    network, columns = source.build()
    picture = torch.zeros((1, *input_hw, 3), dtype=torch.uint8)
    try:
        with torch.inference_mode():
            if not parts.is_two_stage(network):
                one_shot = parts.OneShot(network, columns)
                return {"picture": _named(_convert(one_shot, (picture,)), ["xyxy", "scores"])}
            return dict(_two_stages(network, columns, picture))
    except (RuntimeError, IndexError, ZeroDivisionError) as error:
        what = f"{source.name} cannot be traced at {input_hw[1]}x{input_hw[0]} ({str(error).splitlines()[0]})"
        raise ModelError(source.where, what, "use a larger input, or --set detector.engine=torch") from error


def _two_stages(network: Any, columns: tuple[int, ...], picture: Any) -> Iterator[tuple[str, ov.Model]]:
    from models.engines.traced import parts

    first, heads, input_hw = parts.FirstStage(network), network.roi_heads, tuple(picture.shape[1:3])
    _, _, *levels = first(picture)
    shapes = [tuple(level.shape) for level in levels]
    outputs = ["rois", "level", *(f"level{k}" for k in range(len(shapes)))]
    yield "picture", _named(_convert(first, (picture,)), outputs)
    rois = picture.new_tensor([[0.0, 0.0, 16.0, 16.0]] * 2, dtype=levels[0].dtype)
    pooled = rois.new_zeros((2, shapes[0][1], *heads.box_roi_pool.output_size))
    boxes = _convert(parts.BoxStage(network, columns, input_hw), (pooled, rois))
    yield "boxes", _named(_pooling(boxes, heads.box_roi_pool, shapes), ["xyxy", "scores", "level"])
    if getattr(heads, "mask_predictor", None) is not None:
        pooled = rois.new_zeros((2, shapes[0][1], *heads.mask_roi_pool.output_size))
        heads.mask_roi_pool.scales = heads.box_roi_pool.scales
        masks = _convert(parts.MaskStage(network, columns), (pooled,))
        yield "masks", _named(_pooling(masks, heads.mask_roi_pool, shapes), ["masks"])


def _convert(module: nn.Module, example: tuple[Any, ...]) -> ov.Model:
    """Static where the input is a picture, open in the number of objects where it is not."""
    import warnings

    fixed = len(example) == 1 and example[0].shape[-1] == 3
    shapes = [ov.PartialShape([value.shape[0] if fixed else -1, *value.shape[1:]]) for value in example]
    with no_telemetry(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about the sizes that are meant to be constant
        return ov.convert_model(module.eval(), example_input=example, input=shapes)


def _pooling(head: ov.Model, pool: Any, shapes: list[tuple[int, ...]]) -> ov.Model:
    """RoIAlign (He et al., 2017) in front of a head that takes pooled features and, if it wants them, the rois."""
    levels = [ops.parameter(ov.PartialShape(shape), ov.Type.f32, name=f"level{k}") for k, shape in enumerate(shapes)]
    rois = [ops.parameter(ov.PartialShape([-1, 4]), ov.Type.f32, name=f"rois{k}") for k in range(len(shapes))]
    rows, columns = pool.output_size
    pooled = []
    for level, own, scale in zip(levels, rois, pool.scales, strict=True):
        count = ops.gather(ops.shape_of(own, "i64"), np.array([0]), np.array(0))
        first = ops.broadcast(np.array(0, np.int64), count)  # all are of the one picture
        taken = ops.roi_align(
            channels_last(level), own, first, rows, columns, pool.sampling_ratio, scale, "avg", "asymmetric"
        )
        pooled.append(taken.output(0))
    for parameter, value in zip(head.get_parameters(), (pooled, [own.output(0) for own in rois]), strict=False):
        joined = ops.concat(value, 0).output(0) if len(value) > 1 else value[0]
        for target in parameter.output(0).get_target_inputs():
            target.replace_source_output(joined)
    return ov.Model(head.get_results(), [*levels, *rois], "pooled")


def _named(model: ov.Model, outputs: list[str]) -> ov.Model:
    for output, name in zip(model.outputs, outputs, strict=True):
        output.get_tensor().set_names({name})
    for parameter in model.get_parameters():
        parameter.output(0).get_tensor().set_names({parameter.get_friendly_name()})
    return model
