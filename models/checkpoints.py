"""Reading published YOLOX checkpoints: ONNX exports and official .pth files, by path. Nothing is unpickled.

A checkpoint of the 80 COCO classes keeps its 80 outputs; `take_classes` cuts the head down to our six.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.arch import SIZES, Arch
from models.yolox import YOLOX
from stream.errors import ModelError

COCO_ROAD_USERS = (0, 1, 2, 3, 5, 7)
"""Where person, bicycle, car, motorcycle, bus, truck stand among the 80 classes of COCO."""

_NORM_EPS = 1e-3  # of the batch norms in the published checkpoints


def read_onnx(path: Path) -> YOLOX:
    """The network in an ONNX export with folded batch norms and grid outputs. Raises ModelError on another network."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise ModelError(
            str(path), "reading ONNX into torch needs the onnx package", "pip install 'roadtally[train]'"
        ) from error
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf raises its own kinds
        raise ModelError(str(path), f"not a readable ONNX file ({error})", "download the file again") from error
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    names = [node.input[1:3] for node in graph.node if node.op_type == "Conv"]
    if not names or any(len(pair) != 2 or not set(pair) <= arrays.keys() for pair in names):
        raise ModelError(
            str(path), "expected convolutions with stored weight and bias", "export YOLOX with folded norms"
        )
    stored = [(arrays[weight], arrays[bias]) for weight, bias in names]
    shapes = [weight.shape for weight, _ in stored]
    classes = graph.output[0].type.tensor_type.shape.dim[-1].dim_value - 5
    network = YOLOX(_arch_of(path, shapes[0], len(stored), classes))
    slots = _in_order_of_use(network)
    if [tuple(slot.weight.shape) for slot in slots] != shapes:
        raise ModelError(str(path), f"{len(shapes)} convolutions that are not those of a YOLOX", "give a YOLOX export")
    for slot, (weight, bias) in zip(slots, stored, strict=True):
        slot.load_state_dict({"weight": torch.from_numpy(weight.copy()), "bias": torch.from_numpy(bias.copy())})
    return network


def read_pth(path: Path) -> YOLOX:
    """The network in an official .pth file, batch norms folded. Raises ModelError on a foreign or damaged file."""
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ModelError(
            str(path), f"not a plain weights file ({error})", "give an official YOLOX .pth file"
        ) from error
    tensors = stored.get("model", stored) if isinstance(stored, dict) else {}
    folded = fold_norms({k: v for k, v in tensors.items() if isinstance(v, Tensor)})
    prediction = folded.get("head.cls_preds.0.weight")
    if prediction is None:
        raise ModelError(str(path), "expected the tensors of a YOLOX, got others", "give an official YOLOX .pth file")
    width = prediction.shape[1] / 256
    depthwise = any(".dconv." in name for name in folded)
    base = next((a for a in SIZES.values() if a.width == width), Arch(width=width))
    network = YOLOX(replace(base, depthwise=depthwise, classes=len(prediction)))
    try:
        network.load_state_dict(folded)
    except RuntimeError as error:
        raise ModelError(str(path), f"not a known YOLOX size ({error})", "give nano, tiny, s, m, l or x") from error
    return network


def from_tensors(arch: Arch, tensors: Mapping[str, np.ndarray], where: str) -> YOLOX:
    """The network of an architecture and its tensors by name. Raises ModelError if they do not fit."""
    network = YOLOX(arch)
    try:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    except RuntimeError as error:
        raise ModelError(where, f"the tensors do not fit the architecture ({error})") from error
    return network


def fold_norms(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each convolution followed by a batch norm becomes one convolution with a bias; other tensors stay."""
    folded = {name: value for name, value in tensors.items() if ".bn." not in name}
    for name in [n for n in tensors if n.endswith(".bn.running_var")]:
        stem = name.removesuffix(".bn.running_var")
        norm = {part: tensors[f"{stem}.bn.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
        gain = norm["weight"] / (norm["running_var"] + _NORM_EPS).sqrt()
        folded[f"{stem}.conv.weight"] = tensors[f"{stem}.conv.weight"] * gain[:, None, None, None]
        folded[f"{stem}.conv.bias"] = norm["bias"] - norm["running_mean"] * gain
    return folded


def take_classes(network: YOLOX, columns: tuple[int, ...]) -> YOLOX:
    """A copy of the network whose class outputs are the given ones, in that order."""
    smaller = YOLOX(replace(network.arch, classes=len(columns)))
    tensors = network.state_dict()
    for name in [n for n in tensors if ".cls_preds." in n]:
        tensors[name] = tensors[name][list(columns)]
    smaller.load_state_dict(tensors)
    return smaller


def _arch_of(path: Path, stem: tuple[int, ...], convolutions: int, classes: int) -> Arch:
    """The published size whose count of convolutions and stem width these are."""
    for base in SIZES.values():
        arch = replace(base, classes=classes, stem="focus" if stem[1] == 12 else "strided")
        if int(arch.width * 64) == stem[0]:
            with torch.device("meta"):
                count = sum(isinstance(m, nn.Conv2d) for m in YOLOX(arch).modules())
            if count == convolutions:
                return arch
    raise ModelError(str(path), f"no YOLOX size has {convolutions} convolutions and {stem[0]} stem channels")


def _in_order_of_use(network: YOLOX) -> list[nn.Conv2d]:
    """The convolutions in the order in which a pass reaches them, which is the order of an exported graph."""
    order: list[nn.Conv2d] = []
    hooks = [
        module.register_forward_pre_hook(lambda conv, _: order.append(conv))
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return order
