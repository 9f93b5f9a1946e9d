"""Reading published checkpoints: ONNX exports of YOLOX and NanoDet-Plus, YOLOX .pth files. Nothing is unpickled.

A checkpoint of the 80 COCO classes keeps its 80 outputs; `take_classes` cuts the head down to our six.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.arch import SIZES, AnyArch, Arch, NanoDetArch
from models.families import new_network
from models.files.plain import read_plain
from models.nanodet import BINS, NanoDet
from models.network import Network
from models.yolox import YOLOX
from stream.errors import ModelError

COCO_ROAD_USERS = (0, 1, 2, 3, 5, 7)
"""Where person, bicycle, car, motorcycle, bus, truck stand among the 80 classes of COCO."""

Convolution = tuple[np.ndarray, np.ndarray]
"""Weight and bias."""

_NORM_EPS = 1e-3  # of the batch norms in the published checkpoints
_NANODET_CONVOLUTIONS, _NANODET_HEAD = 110, 20
_SPREAD = (57.375, 57.12, 58.395)  # of B, G and R in ImageNet


def read_onnx(path: Path) -> Network:
    """The network in an ONNX export with folded batch norms and grid outputs. Raises ModelError on another network."""
    stored = _convolutions(path)
    shapes = [weight.shape for weight, _ in stored]
    network: Network
    if len(shapes) == _NANODET_CONVOLUTIONS:
        network = NanoDet(NanoDetArch(classes=shapes[-1][0] - 4 * BINS))
        stored = stored[:-_NANODET_HEAD] + _head_by_level(stored[-_NANODET_HEAD:])
    else:
        network = YOLOX(_arch_of(path, shapes))
    slots = _in_order_of_use(network)
    if [tuple(slot.weight.shape) for slot in slots] != [weight.shape for weight, _ in stored]:
        what = f"{len(shapes)} convolutions that are not those of a YOLOX or NanoDet-Plus-m-1.5x"
        raise ModelError(str(path), what, "give an export of one of these")
    for slot, (weight, bias) in zip(slots, stored, strict=True):
        slot.load_state_dict({"weight": torch.from_numpy(weight.copy()), "bias": torch.from_numpy(bias.copy())})
    if isinstance(network, NanoDet):
        _fold_spread(network)
    return network


def _convolutions(path: Path) -> list[Convolution]:
    """The convolutions of an ONNX file in order of use. Raises ModelError."""
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
            str(path), "expected convolutions with stored weight and bias", "export it with folded batch norms"
        )
    return [(arrays[weight], arrays[bias]) for weight, bias in names]


def _head_by_level(stored: list[Convolution]) -> list[Convolution]:
    """The head of a published NanoDet-Plus runs the first block of every level, finest first, and then the rest of
    every level, coarsest first; here each level runs to its end."""
    firsts, rests = stored[:8], stored[8:]
    levels = [(firsts[2 * k : 2 * k + 2], rests[9 - 3 * k : 12 - 3 * k]) for k in range(4)]
    return [convolution for first, rest in levels for convolution in (*first, *rest)]


def _fold_spread(network: NanoDet) -> None:
    """The published network takes pixels divided by ImageNet's spread; here its first convolution does that."""
    with torch.no_grad():
        network.backbone.stem.conv.weight /= torch.tensor(_SPREAD).reshape(1, 3, 1, 1)


def read_pth(path: Path) -> YOLOX:
    """The network in an official .pth file, batch norms folded. Raises ModelError on a foreign or damaged file."""
    stored = read_plain(path, "give an official YOLOX .pth file")
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


def from_tensors(arch: AnyArch, tensors: Mapping[str, np.ndarray], where: str) -> Network:
    """The network of an architecture and its tensors by name. Raises ModelError if they do not fit."""
    network = new_network(arch)
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


def take_classes(network: Network, columns: tuple[int, ...]) -> Network:
    """A copy of the network whose class outputs are the given ones, in that order."""
    smaller = new_network(replace(network.arch, classes=len(columns)))
    tensors = network.state_dict()
    for name in [n for n in tensors if ".cls_preds." in n]:  # YOLOX: the classes stand alone
        tensors[name] = tensors[name][list(columns)]
    for name in [n for n in tensors if n.startswith("head.") and ".pred." in n]:  # NanoDet: in front of the sides
        tensors[name] = torch.cat((tensors[name][list(columns)], tensors[name][network.arch.classes :]))
    smaller.load_state_dict(tensors)
    return smaller


def _arch_of(path: Path, shapes: list[tuple[int, ...]]) -> Arch:
    """The published size of YOLOX whose count of convolutions and stem width these are."""
    for base in SIZES.values():
        classes = shapes[-7 if base.depthwise else -5][0]  # behind it stand those of the box branch
        arch = replace(base, classes=classes, stem="focus" if shapes[0][1] == 12 else "strided")
        if int(arch.width * 64) == shapes[0][0]:
            with torch.device("meta"):
                count = sum(isinstance(m, nn.Conv2d) for m in YOLOX(arch).modules())
            if count == len(shapes):
                return arch
    raise ModelError(
        str(path), f"no known network has {len(shapes)} convolutions and {shapes[0][0]} channels after the first"
    )


def _in_order_of_use(network: Network) -> list[nn.Conv2d]:
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
